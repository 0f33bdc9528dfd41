"""The style of the house, kept by a test: sizes, names, docstrings."""

import ast
import re
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("geo", "telemetry", "gateway", "field_api", "simulators", "gridcrew")
SOURCES = sorted(
    path for name in PACKAGES for path in (ROOT / name).rglob("*.py") if "node_modules" not in path.parts
)
TESTS = sorted((ROOT / "tests").rglob("*.py")) + sorted((ROOT / "benchmarks").rglob("*.py"))
FRONT_END = sorted(
    path
    for kind in ("*.ts", "*.vue")
    for path in (ROOT / "field_api/web").rglob(kind)
    if "node_modules" not in path.parts
)

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 70
MEDIAN_FUNCTION_LINES = 10
EMPTY_NAMES = re.compile(r"^(utils?|helpers?|common|misc|manager|models)\.py$")


def _functions(path: Path) -> list[tuple[str, int]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        (
            f"{path.relative_to(ROOT)}:{node.lineno} {node.name}",
            (node.end_lineno or node.lineno) - node.lineno + 1,
        )
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_no_file_is_crowded() -> None:
    sizes = {path: path.read_text(encoding="utf-8").count("\n") for path in [*SOURCES, *TESTS, *FRONT_END]}
    assert not {str(path): size for path, size in sizes.items() if size > MAX_FILE_LINES}


def test_no_function_is_long() -> None:
    functions = [entry for path in [*SOURCES, *TESTS] for entry in _functions(path)]
    assert not [entry for entry in functions if entry[1] > MAX_FUNCTION_LINES]


def test_the_median_function_is_short() -> None:
    assert (
        statistics.median(lines for path in SOURCES for _, lines in _functions(path)) < MEDIAN_FUNCTION_LINES
    )


def test_every_file_has_a_name_that_says_something() -> None:
    assert not [str(path) for path in SOURCES if EMPTY_NAMES.match(path.name)]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_says_what_it_is(package: str) -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if path.is_relative_to(ROOT / package)
        and path.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent


def _imports_inside(node: ast.AST) -> bool:
    return any(isinstance(inner, ast.Import | ast.ImportFrom) for inner in ast.walk(node))


def test_no_import_hides_inside_a_function() -> None:
    hiding = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _imports_inside(node)
    ]
    assert not hiding


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    assert not [str(folder) for folder in folders if not (folder / "__init__.py").exists()]
