"""Entry point: settings that must hold before anything is imported, then the command line."""

import gc
import importlib
import os
import sys
from pathlib import Path
from typing import Final

import click
from pydantic import ValidationError

from geo.errors import GeoError
from gridcrew.cli import cli
from gridcrew.compiled import cache_folder

BAD_INPUT = 2
RECORDED: Final = frozenset({
    "network import", "network approve", "network rollback", "network edit", "network switch",
    "network export", "network whose", "calendar import", "device approve", "device block", "notices hold",
    "notices release", "notices approve", "organisation import", "organisation export", "outage plan",
    "access provision", "access revoke",
})  # fmt: skip
"""`gridcrew user` writes its own rows; an export holds customers unmasked, a number is a person's."""
GARBAGE_AFTER: Final = 50_000
"""New objects before a search for cycles. Libraries and networks make many that stay: with the usual 700
a tenth of a short command's time went into looking at them again and again."""


def main() -> None:
    """Run one command; bad input ends with one clear line and exit code 2."""
    gc.set_threshold(GARBAGE_AFTER)
    data_dir = Path(os.environ.get("GRIDCREW_DATA_DIR", "var"))
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder(data_dir)))
    _warn_of_strange_variables()
    try:
        # click hands back the code of an Exit instead of raising it
        code = cli.main(standalone_mode=False)
        if not code:
            _record(sys.argv[1:])
        sys.exit(code)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as problem:
        problem.show()
        sys.exit(problem.exit_code)
    except ValidationError as problem:
        _refuse(f"settings: {_first(problem)}")
    except GeoError as problem:
        _refuse(str(problem))
    except _database_trouble() as problem:
        said = str(getattr(problem, "orig", None) or problem).splitlines()[0]
        _refuse(
            f"database: {said}; `gridcrew migrate` prepares the databases, `gridcrew check` looks at them"
        )


def _warn_of_strange_variables() -> None:
    """Those that look like a setting and are none; settings are loaded only where there are any to judge."""
    names = [name for name in os.environ if name.upper().startswith("GRIDCREW_")]
    if set(names) - {"GRIDCREW_DATA_DIR"}:
        environment = importlib.import_module("gridcrew.environment")
        for line in environment.told(environment.strange_variables(names)):
            click.echo(f"Warning: {line}", err=True)


def _record(arguments: list[str]) -> None:
    """Changes of the company's records are written to the audit record; their module loads only then."""
    command = " ".join(arguments[:2])
    if command in RECORDED and not {"-h", "--help"} & set(arguments):
        importlib.import_module("gridcrew.console_record").record(command, arguments[2:])


def _database_trouble() -> tuple[type[Exception], ...]:
    """What a database may raise, if any was opened: commands that open none need not load the library."""
    loaded = sys.modules.get("sqlalchemy.exc")
    return () if loaded is None else (loaded.DBAPIError,)


def _first(problem: ValidationError) -> str:
    first = problem.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']} (found {first['input']!r})"


def _refuse(line: str) -> None:
    click.echo(f"Error: {line}", err=True)
    sys.exit(BAD_INPUT)


if __name__ == "__main__":
    main()
