"""Where compiled loops are kept: one folder per version of the sources.

The compiler's cache looks only at the file of a function, not at what it calls in other files, so a folder
of another version must not be used.
"""

import hashlib
import importlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_HOME: Final = Path(__file__).parent.parent
_COMPILED: Final = ("geo", "telemetry", "field_api")
_BLAS: Final = "scipy.linalg.cython_blas"


def cache_folder(data_dir: Path) -> Path:
    """The folder for exactly these sources (by size and time of change)."""
    digest = hashlib.blake2b(digest_size=6)
    for package in _COMPILED:
        for source in sorted(_sources(_HOME / package)):
            told = source.stat()
            digest.update(f"{source.relative_to(_HOME)} {told.st_size} {told.st_mtime_ns}".encode())
    return data_dir.absolute() / "numba" / digest.hexdigest()


def _sources(package: Path) -> Iterator[Path]:
    """Of a package and those in it; other folders, such as the page's, may hold a hundred thousand files."""
    for folder, folders, files in os.walk(package):
        folders[:] = [name for name in folders if Path(folder, name, "__init__.py").exists()]
        yield from (Path(folder, name) for name in files if name.endswith(".py"))


def spare_linear_algebra() -> None:
    """Let the compiler do without BLAS, for which it would load all of ``scipy.linalg``.

    That is a tenth of a short command's time, and no loop of ours multiplies matrices. To be called before
    the first compiled one; others find scipy as it is.
    """
    if _BLAS not in sys.modules:
        sys.modules[_BLAS] = None  # type: ignore[assignment]  # what cannot be imported is None
        try:
            importlib.import_module("numba.np.arraymath")
        finally:
            del sys.modules[_BLAS]


def forget_other_versions(folder: Path) -> None:
    """Remove what earlier versions compiled."""
    for other in folder.parent.glob("*"):
        if other != folder and other.is_dir():
            shutil.rmtree(other, ignore_errors=True)
