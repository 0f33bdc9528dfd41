"""The inbox on disk: which files are complete, and where a file is on its way: working → done or refused.

Every step is a rename within the inbox, so a file is always in exactly one place. ``working/SOURCE/FILE`` is
what a crash leaves behind; it is read again from its beginning.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

WORKING, DONE, REFUSED = "working", "done", "refused"
UNFINISHED: Final = (".part", ".tmp", ".filepart", ".ok")
"""Names that are never picked up; ``FILE.ok`` says that FILE is complete."""
MAX_LISTED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Dropped:
    """A complete file in the inbox; ``folder`` is its subfolder, '' at the top."""

    path: Path
    folder: str
    name: str
    """Its name as text, whatever bytes it was written with."""


class InboxFolder:
    """One inbox. Not shared between threads."""

    def __init__(self, folder: Path, settle_s: float) -> None:
        """A file is complete when its size and time have not changed for ``settle_s``."""
        self.folder = folder
        self._settle_s = settle_s
        self._seen: dict[Path, tuple[int, int, float]] = {}

    def prepare(self) -> None:
        """Make the folders."""
        for name in (WORKING, DONE, REFUSED):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def complete(self) -> list[Dropped]:
        """Files that may be picked up, by name; at most some thousands at once."""
        found: list[Dropped] = []
        listed: dict[Path, tuple[int, int, float]] = {}
        for folder, entry in self._entries():
            if entry.name.startswith(".") or entry.name.lower().endswith(UNFINISHED):
                continue
            with contextlib.suppress(FileNotFoundError):
                path = Path(entry.path)
                listed[path] = self._stamp(path, entry.stat(follow_symlinks=False))
                settled = time.monotonic() - listed[path][2] >= self._settle_s
                if settled or Path(f"{path}.ok").exists():
                    found.append(Dropped(path, folder, readable(entry.name)))
            if len(listed) >= MAX_LISTED:
                break
        self._seen = listed
        return sorted(found, key=lambda dropped: (dropped.folder, dropped.name))

    def _stamp(self, path: Path, status: os.stat_result) -> tuple[int, int, float]:
        known = self._seen.get(path)
        if known is not None and known[:2] == (status.st_size, status.st_mtime_ns):
            return known
        return status.st_size, status.st_mtime_ns, time.monotonic()

    def _entries(self) -> Iterator[tuple[str, os.DirEntry[str]]]:
        for entry in _listed(self.folder):
            if entry.is_file(follow_symlinks=False):
                yield "", entry
            elif entry.is_dir(follow_symlinks=False) and entry.name not in {WORKING, DONE, REFUSED}:
                for inner in _listed(Path(entry.path)):
                    if inner.is_file(follow_symlinks=False):
                        yield entry.name, inner

    def unfinished(self) -> list[tuple[str, Path]]:
        """(source, file) of what was being read when the program ended."""
        return [
            (folder.name, Path(entry.path))
            for folder in _listed(self.folder / WORKING)
            if folder.is_dir(follow_symlinks=False)
            for entry in _listed(Path(folder.path))
            if entry.is_file(follow_symlinks=False) and not entry.name.startswith(".")
        ]

    def pick_up(self, dropped: Dropped, source: str) -> Path:
        """Move a file to ``working/SOURCE``; its name there is one that neither done nor refused has."""
        target = self.folder / WORKING / source
        target.mkdir(parents=True, exist_ok=True)
        path = target / self._free_name(dropped.path.name)
        dropped.path.rename(path)
        Path(f"{dropped.path}.ok").unlink(missing_ok=True)
        return path

    def _free_name(self, name: str) -> str:
        """A file of a name that came before gets a number, so that its reasons stand beside theirs."""
        taken = {entry.name for entry in _listed(self.folder / REFUSED)}
        for day in _listed(self.folder / DONE):
            if Path(day.path, name).exists():
                taken.add(name)
        stem, suffix = Path(name).stem, Path(name).suffix
        number, free = 1, name
        while any(other in taken for other in (free, f"{free}.reasons.txt")):
            number += 1
            free = f"{stem}-{number}{suffix}"
            if any(Path(day.path, free).exists() for day in _listed(self.folder / DONE)):
                taken.add(free)
        return free

    def finish(self, path: Path, reasons: list[str], rejected: Path | None) -> Path:
        """Everything of the file is kept: its bad lines go to refused, then the file to done."""
        if reasons:
            self._explain(path, reasons)
        if rejected is not None:
            rejected.rename(self.folder / REFUSED / f"{path.stem}.rejected{path.suffix}")
        day = self.folder / DONE / datetime.now(UTC).strftime("%Y-%m-%d")
        day.mkdir(exist_ok=True)
        return path.rename(day / path.name)

    def refuse(self, path: Path, reasons: list[str]) -> Path:
        """The file as a whole is of no use."""
        self._explain(path, reasons)
        return path.rename(self.folder / REFUSED / path.name)

    def _explain(self, path: Path, reasons: list[str]) -> None:
        target = self.folder / REFUSED / f"{path.name}.reasons.txt"
        draft = target.with_name(f".{target.name}")
        draft.write_text("\n".join(reasons) + "\n", encoding="utf-8", errors="backslashreplace")
        draft.replace(target)

    def forget(self, done_s: float, refused_s: float) -> int:
        """Delete what has lain in done and refused for longer than that; how many entries."""
        gone = 0
        for entry in _listed(self.folder / DONE):
            if entry.is_dir(follow_symlinks=False) and _age_s(entry) > done_s:
                shutil.rmtree(entry.path)
                gone += 1
        for entry in _listed(self.folder / REFUSED):
            if entry.is_file(follow_symlinks=False) and _age_s(entry) > refused_s:
                Path(entry.path).unlink(missing_ok=True)
                gone += 1
        return gone


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []


def _age_s(entry: os.DirEntry[str]) -> float:
    status = entry.stat(follow_symlinks=False)
    return time.time() - max(status.st_mtime, status.st_ctime)


def readable(name: str) -> str:
    """A file name as text: UTF-8, else GB18030 (as Windows writes it), else its bytes spelled out."""
    raw = os.fsencode(name)
    for codec in ("utf-8", "gb18030"):
        with contextlib.suppress(UnicodeDecodeError):
            return raw.decode(codec)
    return raw.decode("utf-8", "backslashreplace")
