"""A folder of a site's TOML files, watched by their times: what is new, changed, gone, refused.

A file that is wrong is refused by name with its reason and the last good version of it stays in force; the
others are not touched. Nothing waits and nothing is remembered on disk: whoever watches calls ``poll`` every
couple of seconds from its own thread.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Generic, TypeVar

from gateway.site_toml import MAX_SITE_FILE_BYTES, OtherDoor, SiteFileRefused

MAX_SITE_FILES: Final = 10_000
POLL_S: Final = 2.0
"""How often a folder is looked at."""

T = TypeVar("T")
_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class SiteChanges(Generic[T]):
    """What one look at the folder found, by the file's name without its ending."""

    added: Mapping[str, T] = field(default_factory=dict)
    changed: Mapping[str, T] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    """File name → ``FILE: field: what was expected``; told once per version of the file."""

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.refused)


class SiteFiles(Generic[T]):
    """Watches ``folder``; a folder that does not exist is empty. Not for several threads at once."""

    def __init__(self, folder: Path, parse: Callable[[str, str], T], ending: str = ".toml") -> None:
        """``parse(name, text)`` makes a value; raises ValueError (``SiteFileRefused``) or OtherDoor."""
        self.current: dict[str, T] = {}
        """The version in force of each file: the newest one that was good."""
        self.refused: dict[str, str] = {}
        """Files whose newest version is not good, and why."""
        self._folder, self._parse, self._ending = folder, parse, ending
        self._stamps: dict[str, _Stamp] = {}

    def poll(self) -> SiteChanges[T]:
        """Look at the folder and read what has changed since the last look."""
        found = self._found()
        added: dict[str, T] = {}
        changed: dict[str, T] = {}
        refused: dict[str, str] = {}
        removed = tuple(name for name in self._stamps if name not in found)
        gone = tuple(name for name in removed if self._forget(name))
        for name, (file, stamp) in found.items():
            if self._stamps.get(name) == stamp:
                continue
            self._stamps[name] = stamp
            try:
                value = self._read(name, file)
            except OtherDoor:
                self.refused.pop(name, None)
                gone += (name,) if self.current.pop(name, None) is not None else ()
                continue
            except (ValueError, ArithmeticError, RecursionError, OSError) as problem:
                self.refused[name] = refused[name] = f"{file}: {problem}"
                continue
            self.refused.pop(name, None)
            (changed if name in self.current else added)[name] = value
            self.current[name] = value
        return SiteChanges(added, changed, gone, refused)

    def _forget(self, name: str) -> bool:
        """True where a version of it was in force."""
        del self._stamps[name]
        self.refused.pop(name, None)
        return self.current.pop(name, None) is not None

    def _read(self, name: str, file: Path) -> T:
        with file.open("rb") as stream:
            body = stream.read(MAX_SITE_FILE_BYTES + 1)
        if len(body) > MAX_SITE_FILE_BYTES:
            raise SiteFileRefused(f"expected at most {MAX_SITE_FILE_BYTES} bytes")
        return self._parse(name, body.decode("utf-8"))

    def _found(self) -> dict[str, tuple[Path, _Stamp]]:
        found: dict[str, tuple[Path, _Stamp]] = {}
        try:
            files = sorted(self._folder.glob(f"*{self._ending}"))[:MAX_SITE_FILES]
        except OSError:
            return found
        for file in files:
            try:
                state = file.stat()
            except OSError:
                continue  # Gone between listing and looking.
            found[file.name.removesuffix(self._ending)] = (
                file,
                (state.st_mtime_ns, state.st_size, state.st_ino),
            )
        return found
