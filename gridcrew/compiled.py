"""Where compiled loops are kept: one folder per version of the sources.

The compiler's cache looks only at the file of a function, not at what it calls in other files, so a folder
of another version must not be used.
"""

import hashlib
import shutil
from pathlib import Path
from typing import Final

_HOME: Final = Path(__file__).parent.parent
_COMPILED: Final = ("geo", "telemetry", "field_api")


def cache_folder(data_dir: Path) -> Path:
    """The folder for exactly these sources (by size and time of change)."""
    digest = hashlib.blake2b(digest_size=6)
    for package in _COMPILED:
        for source in sorted((_HOME / package).rglob("*.py")):
            told = source.stat()
            digest.update(f"{source.relative_to(_HOME)} {told.st_size} {told.st_mtime_ns}".encode())
    return data_dir.absolute() / "numba" / digest.hexdigest()


def forget_other_versions(folder: Path) -> None:
    """Remove what earlier versions compiled."""
    for other in folder.parent.glob("*"):
        if other != folder and other.is_dir():
            shutil.rmtree(other, ignore_errors=True)
