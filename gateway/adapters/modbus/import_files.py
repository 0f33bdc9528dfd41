"""Writes imported files into a site's folder: all of them or none, and nothing that a person changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

_MARK: Final = "# Imported; content "


class ChangedByHand(RuntimeError):
    """A file that would be replaced was written or changed by a person."""


@dataclass(frozen=True, slots=True)
class WrittenFiles:
    written: tuple[Path, ...]
    unchanged: tuple[Path, ...]


def write_imported(folder: Path, files: Mapping[str, str], own: str, *, force: bool = False) -> WrittenFiles:
    """Write ``files`` (path in the folder → text); ``own`` is the one that people edit and we add to.

    Raises ChangedByHand before anything is written; ``force`` replaces such files.
    """
    planned = {folder / path: text if path == own else _marked(text) for path, text in files.items()}
    by_hand = [
        file
        for file in planned
        if file != folder / own and file.exists() and not _is_ours(file.read_text("utf-8"))
    ]
    if by_hand and not force:
        names = ", ".join(str(file) for file in by_hand)
        raise ChangedByHand(f"written or changed by hand: {names}; --force replaces them")
    unchanged = tuple(
        file for file, text in planned.items() if file.exists() and file.read_text("utf-8") == text
    )
    written = tuple(file for file in planned if file not in unchanged)
    for file in written:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".draft")
        draft.write_text(planned[file], encoding="utf-8")
        draft.replace(file)
    return WrittenFiles(written, unchanged)


def _marked(text: str) -> str:
    return f"{_MARK}{_digest(text)}\n{text}"


def _is_ours(text: str) -> bool:
    head, _, body = text.partition("\n")
    return head == f"{_MARK}{_digest(body)}"


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
