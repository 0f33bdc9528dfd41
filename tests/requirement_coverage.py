"""Which requirement is covered by what: code or data that cites it, and tests that cite it.

``python -m tests.requirement_coverage`` prints what ``docs/requirements.md`` holds; with ``--write`` it is
renewed. A test keeps page and citations in step.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "requirements.md"
ROOMS = ("geo", "telemetry", "gateway", "field_api", "simulators", "gridcrew")
SUFFIXES = {".py", ".toml", ".vue", ".ts"}
SKIPPED = {"node_modules", "dist", "__pycache__"}
ID = re.compile(r"\b(?:SHAPE|ORG|APP|PLAN|COST|PROJ|SUP|MAT|OUT|FLT|REP|NTF|REL|RPT|INT|CUS|TRN)-\d\d\b")
IN_NAME = re.compile(r"def test_([a-z]+_\d\d)_")
MOST_SHOWN = 3
HEAD = """# Requirements and what covers them

Made by `python -m tests.requirement_coverage --write` from citations in code, data and tests; a test keeps it
true. A requirement without both columns is not covered yet.

"""


def requirements() -> Mapping[str, str]:
    """Id → its line."""
    texts: Mapping[str, str] = tomllib.loads((ROOT / "docs/requirements.toml").read_text(encoding="utf-8"))
    return texts


@cache
def citations(folders: tuple[str, ...]) -> Mapping[str, list[str]]:
    """Id → files that cite it, by path."""
    found: dict[str, list[str]] = {}
    for file in _files(folders):
        text = file.read_text(encoding="utf-8")
        ids = set(ID.findall(text)) | {name.upper().replace("_", "-") for name in IN_NAME.findall(text)}
        for identifier in sorted(ids):
            found.setdefault(identifier, []).append(file.relative_to(ROOT).as_posix())
    return found


def page() -> str:
    """The page as it should be."""
    code, tests = citations(ROOMS), citations(("tests",))
    rows = [
        f"| {identifier} | {text} | {_told(code.get(identifier, []))} | {_told(tests.get(identifier, []))} |"
        for identifier, text in requirements().items()
    ]
    done = sum(identifier in code and identifier in tests for identifier in requirements())
    total = f"{done} of {len(rows)} are covered by code or data and by a test.\n\n"
    return (
        HEAD
        + total
        + "| id | requirement | code and data | tests |\n|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def _told(files: list[str]) -> str:
    shown = ", ".join(f"`{file}`" for file in files[:MOST_SHOWN])
    return shown + (f" +{len(files) - MOST_SHOWN}" if len(files) > MOST_SHOWN else "")


def _files(folders: tuple[str, ...]) -> Iterator[Path]:
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in SUFFIXES and file.is_file() and not SKIPPED & set(file.parts):
                yield file


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(page())
