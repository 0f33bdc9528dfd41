"""One compressed tar file: written whole or not at all and for its owner's eyes, read member by member."""

import importlib
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from gridcrew.private_files import PRIVATE

GZIP: Final = ".tar.gz"
ZSTD: Final = ".tar.zst"


class BadArchive(Exception):
    """The file is no archive of ours, torn, altered, or of a kind that this installation cannot read."""


@contextmanager
def written(file: Path) -> Iterator[tarfile.TarFile]:
    """Appears under its name when the block has ended well."""
    draft = file.with_name(f"{file.name}.part")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as raw:
            with _packed(file, raw, "w") as tar:
                yield tar
            raw.flush()
            os.fsync(raw.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def opened(file: Path) -> Iterator[tarfile.TarFile]:
    """To be read once from its beginning; raises ``BadArchive`` for whatever is wrong with its bytes."""
    try:
        with file.open("rb") as raw, _packed(file, raw, "r") as tar:
            yield tar
    except (tarfile.TarError, EOFError, ValueError, OSError) as problem:
        raise BadArchive(f"{file}: cannot be read to its end: {problem}") from problem


@contextmanager
def _packed(file: Path, raw: IO[bytes], mode: str) -> Iterator[tarfile.TarFile]:
    if file.name.endswith(GZIP):
        with _tar(raw, f"{mode}|gz") as tar:
            yield tar
    elif file.name.endswith(ZSTD):
        with _zstd(raw, mode) as stream, _tar(stream, f"{mode}|") as tar:
            yield tar
    else:
        raise BadArchive(f"{file}: expected a name that ends with {GZIP} or {ZSTD}")


def _tar(stream: Any, mode: str) -> tarfile.TarFile:  # noqa: ANN401 (streams of two libraries)
    opened_tar: tarfile.TarFile = tarfile.open(fileobj=stream, mode=mode)  # type: ignore[call-overload]  # noqa: SIM115
    return opened_tar


def _zstd(raw: IO[bytes], mode: str) -> Any:  # noqa: ANN401 (pyarrow has no types)
    try:
        arrow = importlib.import_module("pyarrow")
    except ImportError as problem:
        raise BadArchive(f"{ZSTD} needs pyarrow: gridcrew[archive]; {GZIP} needs nothing") from problem
    kind = arrow.CompressedOutputStream if mode == "w" else arrow.CompressedInputStream
    return kind(os.fdopen(os.dup(raw.fileno()), f"{mode}b"), "zstd")  # it closes what it is given
