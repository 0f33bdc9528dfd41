"""The documents say what the code says: settings, commands, routes, requirement ids and links."""

import re
import tomllib
from pathlib import Path

import click
import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gridcrew.cli import COMMANDS, cli
from gridcrew.settings import Settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
CODE = [
    path
    for folder in (
        "geo",
        "telemetry",
        "gateway",
        "field_api",
        "simulators",
        "gridcrew",
        "tests",
        "benchmarks",
    )
    for path in (ROOT / folder).rglob("*.py")
    if "node_modules" not in path.parts
]
REQUIREMENT = re.compile(
    r"\b(?:SHAPE|ORG|APP|PLAN|COST|PROJ|SUP|MAT|OUT|FLT|REP|NTF|REL|RPT|INT|CUS|TRN)-\d{2}\b"
)


def _settings(section: type[BaseModel], prefix: str = "") -> list[tuple[str, FieldInfo]]:
    found: list[tuple[str, FieldInfo]] = []
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found += _settings(kind, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", field))
    return found


def setting_rows() -> list[str]:
    """The rows of docs/settings.md as the code has them."""
    return [
        f"| `{name}` | `{field.default if field.default != '' else ' '}` | {field.description} |"
        for name, field in _settings(Settings)
    ]


def test_every_setting_is_documented_and_no_other() -> None:
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == setting_rows()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_is_documented(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.help or command.short_help
    assert f"gridcrew {name}" in (DOCS / "commands.md").read_text(encoding="utf-8")


def test_every_subcommand_is_documented() -> None:
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    context = click.Context(cli)
    groups = {
        name: group for name in COMMANDS if isinstance(group := cli.get_command(context, name), click.Group)
    }
    missing = [
        f"gridcrew {name} {inner}"
        for name, group in groups.items()
        for inner in group.list_commands(context)
        if f"gridcrew {name} {inner}" not in page
    ]
    assert not missing


def test_every_cited_requirement_has_its_text() -> None:
    texts = tomllib.loads((DOCS / "requirements.toml").read_text(encoding="utf-8"))
    cited = {
        name for path in [*CODE, *PAGES] for name in REQUIREMENT.findall(path.read_text(encoding="utf-8"))
    }
    assert cited <= set(texts)


def test_links_between_pages_resolve() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert not broken


def test_files_named_in_the_architecture_exist() -> None:
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    paths = re.findall(
        r"`((?:geo|telemetry|gateway|field_api|simulators|gridcrew|tests|benchmarks|docs)/[\w./-]+)`", page
    )
    assert paths
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_the_project_speaks_only_of_itself() -> None:
    own = [*CODE, *PAGES, ROOT / "Makefile", ROOT / "pyproject.toml", *sorted((ROOT / ".ci").iterdir())]
    strangers = re.compile("/" + "work/|/" + "root/|" + "python" + "hosted|" + "registry.npm" + "js")
    assert not [str(path) for path in own if strangers.search(path.read_text(encoding="utf-8"))]
