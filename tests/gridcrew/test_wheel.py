"""The wheel holds our packages, their data files and the built front end, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = {"gridcrew", "simulators", "field_api", "gateway", "telemetry", "geo"}


@pytest.mark.xdist_group("product")
def test_the_wheel_holds_only_what_runs(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    roots = {name.split("/")[0] for name in names}
    assert roots - PACKAGES == {root for root in roots if root.endswith(".dist-info")}
    assert roots >= PACKAGES
    assert "field_api/web/dist/index.html" in names
    kinds = {Path(name).suffix for name in names if "/dist/" not in name and ".dist-info/" not in name}
    assert kinds == {".py", ".toml", ".html"}
    assert not [name for name in names if "node_modules" in name or "/web/src" in name or "tests/" in name]
