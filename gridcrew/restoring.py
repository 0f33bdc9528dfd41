"""A backup becomes an installation again: checked as a whole first, then put in place; or nothing happens."""

import hashlib
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from gridcrew import postgres_copies
from gridcrew.archive_file import BadArchive, opened
from gridcrew.backup import DATA, MANIFEST, POSTGRESQL, FileNote, Manifest
from gridcrew.backup_keys import KeysGiven, KeysMissing, key_names, restored_keys
from gridcrew.migrations.runner import knows, newest_version
from gridcrew.private_files import write_private

STAGING: Final = ".restoring"
MAX_MANIFEST_BYTES: Final = 64 * 1024 * 1024
NO_KEYS_GIVEN: Final = KeysGiven()
_CHUNK: Final = 1 << 20
_IGNORED: Final = frozenset({"lost+found"})


class CannotRestore(Exception):
    """Not here, or not by this program; the message says what to do."""


def restore(
    file: Path, data_dir: Path, location: str, key_file: Path, given: KeysGiven = NO_KEYS_GIVEN
) -> Manifest:
    """Fill the empty ``data_dir`` (and the empty PostgreSQL database at ``location``), keys included.

    Raises ``CannotRestore`` or ``BadArchive``; the folder is then as empty as before.
    """
    with _staging(data_dir) as staging:
        manifest = _unpacked(file, staging)
        _check_versions(manifest)
        _check_place(manifest, location)
        keys = _keys(manifest, staging, key_file, given)
        content = staging / DATA
        placed = [path.name for path in sorted(content.iterdir())] if content.is_dir() else []
        try:
            for name in placed:
                (content / name).rename(data_dir / name)
            if keys is not None:
                write_private(key_file, keys)
            if manifest.database == POSTGRESQL:
                postgres_copies.load(location, staging, manifest.schemas)
        except BaseException as problem:
            for name in placed:
                _remove(data_dir / name)
            if keys is not None:
                key_file.unlink(missing_ok=True)
            if isinstance(problem, postgres_copies.NotEmpty):
                raise CannotRestore(str(problem)) from problem
            raise
    return manifest


@contextmanager
def _staging(data_dir: Path) -> Iterator[Path]:
    existed = data_dir.exists()
    data_dir.mkdir(parents=True, exist_ok=True)
    if held := sorted(path.name for path in data_dir.iterdir() if path.name not in _IGNORED):
        raise CannotRestore(f"{data_dir} is not empty ({', '.join(held[:3])}): restore into an empty folder")
    staging = data_dir / STAGING
    staging.mkdir(mode=0o700)
    try:
        yield staging
    finally:
        shutil.rmtree(staging)
        if not existed and not any(data_dir.iterdir()):
            data_dir.rmdir()


def _unpacked(file: Path, staging: Path) -> Manifest:
    """Every member is as the manifest says, nothing is missing, nothing is there besides."""
    found: dict[str, FileNote] = {}
    document: bytes | None = None
    with opened(file) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            if content is None:
                raise BadArchive(f"{file}: {member.name} is no plain file")
            if member.name == MANIFEST:
                document = content.read(MAX_MANIFEST_BYTES)
            else:
                found[member.name] = _placed(staging, member, content)
    if document is None:
        raise BadArchive(f"{file}: has no {MANIFEST}: it is torn, or no backup")
    manifest = Manifest.read(document)
    if wrong := sorted(
        name for name in found | manifest.files if found.get(name) != manifest.files.get(name)
    ):
        raise BadArchive(
            f"{file}: {len(wrong)} files are not what the manifest says, the first is {wrong[0]}"
        )
    return manifest


def _placed(staging: Path, member: tarfile.TarInfo, content: IO[bytes]) -> FileNote:
    target = staging / member.name
    if not target.resolve().is_relative_to(staging.resolve()):
        raise BadArchive(f"{member.name!r} leads out of the folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with target.open("xb") as out:
        while piece := content.read(_CHUNK):
            digest.update(piece)
            size += out.write(piece)
    target.chmod(member.mode & 0o700)
    return FileNote(size, digest.hexdigest())


def _keys(manifest: Manifest, staging: Path, key_file: Path, given: KeysGiven) -> bytes | None:
    """What ``key_file`` must hold; None where it needs nothing, or has what it needs."""
    try:
        if not key_file.exists():
            return restored_keys(manifest.keys, manifest.key_names, staging, given)
        if lacking := sorted(set(manifest.key_names) - set(key_names(key_file))):
            raise CannotRestore(
                f"{key_file} is there and lacks {', '.join(lacking)}, with which the backup is sealed"
            )
    except KeysMissing as problem:
        raise CannotRestore(str(problem)) from problem
    return None


def _check_versions(manifest: Manifest) -> None:
    for owner, version in manifest.schemas.items():
        if not knows(owner, version):
            raise CannotRestore(
                f"{owner}: the backup has version {version}, this one knows {newest_version(owner)}: "
                f"use gridcrew {manifest.program} or later"
            )


def _check_place(manifest: Manifest, location: str) -> None:
    is_server = location.startswith(POSTGRESQL)
    if is_server != (manifest.database == POSTGRESQL):
        here = POSTGRESQL if is_server else "SQLite files"
        raise CannotRestore(f"the backup is of {manifest.database}, the setting `database` names {here}")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
