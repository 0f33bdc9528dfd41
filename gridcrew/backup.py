"""A copy of everything that cannot be made again, taken while the product runs.

Databases are copied as of one instant (``sqlite_snapshots``, or one transaction of PostgreSQL); files that
grow beside them are copied after that instant, so that they hold at least what the databases speak of. The
manifest is the last member: an archive without one is torn.
"""

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path
from typing import Final

from field_api.instants import iso
from gridcrew import postgres_copies
from gridcrew.archive_file import BadArchive, written
from gridcrew.backup_keys import KEYS, WRAPPED, KeysGo, how_they_go, key_names, wrapped
from gridcrew.migrations.runner import OWNERS
from gridcrew.private_files import PRIVATE
from gridcrew.sqlite_snapshots import Busy, copy_to, one_instant, version_in

MANIFEST: Final = "manifest.json"
FORMAT: Final = 2
READABLE: Final = frozenset({1, FORMAT})
DATA: Final = "data"
"""Folder of the archive that becomes the data folder."""
_MADE_AGAIN: Final = (
    "numba/*", "logs/*", "sim/*", "broker/*", "web.json", "up.lock",
    "*.new", "*.part", "*.lock", "*-wal", "*-shm", "*-journal", ".restoring*",
)  # fmt: skip
"""Caches, logs, what a running process notes, and what devices deliver again."""
SECRETS: Final = ("access/*", "broker/*.json", "people.keys", "*.key", "*.keys", "site/connections/*")
"""Keys, passwords, and files that may hold some."""
SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"


@dataclass(frozen=True, slots=True)
class FileNote:
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds and which program can read it."""

    made_at: str
    program: str
    database: str
    schemas: dict[str, str]
    """Owner → revision of its tables."""
    with_secrets: bool
    left_out: tuple[str, ...]
    """Secrets that were not taken along."""
    keys: KeysGo = KeysGo.UNSAID
    """What became of the keys that open what is sealed in it."""
    key_names: tuple[str, ...] = ()
    files: dict[str, FileNote] = field(default_factory=dict)
    format: int = FORMAT

    def document(self) -> bytes:
        """As it is written."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1).encode()

    @classmethod
    def read(cls, document: bytes) -> "Manifest":
        """Raises ``BadArchive`` for anything but a manifest of this format."""
        try:
            told = json.loads(document)
            if told["format"] not in READABLE:
                raise BadArchive(f"{MANIFEST}: format {told['format']}; this program reads {FORMAT}")
            read = {
                "files": {name: FileNote(**note) for name, note in told.pop("files").items()},
                "left_out": tuple(told["left_out"]),
                "keys": KeysGo(told.get("keys", "")),
                "key_names": tuple(told.get("key_names", ())),
            }
            return cls(**told | read)
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise BadArchive(f"{MANIFEST} is not a manifest: {problem}") from problem


@dataclass(frozen=True, slots=True)
class BackupPlan:
    data_dir: Path
    location: str
    """What ``open_database`` takes."""
    with_secrets: bool
    now_ms: int
    key_file: Path
    """Keys of what is sealed; they go with ``with_secrets``, or wrapped with a ``passphrase``."""
    passphrase: str = ""
    keys_apart: bool = False
    """Somebody keeps a copy of them elsewhere."""

    @property
    def keys(self) -> KeysGo:
        """Raises ``KeysMissing`` where nobody said what becomes of them."""
        return how_they_go(self.key_file, self.with_secrets, self.passphrase, self.keys_apart)


def back_up(plan: BackupPlan, file: Path) -> Manifest:
    """Write the archive.

    Raises ``BadArchive`` for a bad name, ``Busy`` for a held database, ``KeysMissing`` where what is sealed
    could not be read again.
    """
    keys, names = plan.keys, key_names(plan.key_file)
    databases, others, left_out = _sorted_out(plan)
    with (
        tempfile.TemporaryDirectory(prefix=".backup-", dir=file.absolute().parent) as folder,
        written(file) as tar,
    ):
        staging = Path(folder)
        kind, schemas, copies = _copied(plan, databases, staging)
        manifest = Manifest(
            iso(plan.now_ms),
            version("gridcrew"),
            kind,
            schemas,
            plan.with_secrets,
            tuple(left_out),
            keys,
            names,
        )
        if (carried := _keys(plan, keys)) is not None:
            manifest.files[carried[0]] = _add_bytes(tar, *carried)
        for name, source in copies:
            manifest.files[name] = _add(tar, name, source)
            source.unlink()
        for name, source in others:
            note = _add_if_there(tar, name, source)
            if note is not None:
                manifest.files[name] = note
        _add_bytes(tar, MANIFEST, manifest.document())
    return manifest


def _sorted_out(plan: BackupPlan) -> tuple[list[Path], list[tuple[str, Path]], list[str]]:
    """Databases, other files by their names in the archive, and secrets that stay here."""
    databases: list[Path] = []
    others: list[tuple[str, Path]] = []
    left_out: list[str] = []
    for path in sorted(plan.data_dir.rglob("*")):
        place = path.relative_to(plan.data_dir).as_posix()
        secret = _is_one_of(place, SECRETS)
        if not path.is_file() or path.is_symlink() or (not secret and _is_one_of(place, _MADE_AGAIN)):
            continue
        if path.absolute() == plan.key_file.absolute():
            continue  # it goes as ``how_they_go`` says
        if secret and not plan.with_secrets:
            left_out.append(place)
        elif path.suffix == ".db":
            databases.append(path)
        else:
            others.append((f"{DATA}/{place}", path))
    return databases, others, left_out


def _keys(plan: BackupPlan, how: KeysGo) -> tuple[str, bytes] | None:
    """Name and content of the member that carries the keys."""
    if how is KeysGo.INSIDE:
        return KEYS, plan.key_file.read_bytes()
    if how is KeysGo.WRAPPED:
        return WRAPPED, wrapped(plan.key_file.read_bytes(), plan.passphrase)
    return None


def _is_one_of(place: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(place, pattern) for pattern in patterns)


def _copied(
    plan: BackupPlan, databases: Sequence[Path], staging: Path
) -> tuple[str, dict[str, str], Iterator[tuple[str, Path]]]:
    """Kind of database, schema revisions by owner, and the copies by their names in the archive."""
    if plan.location.startswith(POSTGRESQL):
        versions, made = postgres_copies.export(plan.location, staging)
        named = [(path.relative_to(staging).as_posix(), path) for path in made]
        _, files = _snapshots(plan.data_dir, databases, staging)
        return POSTGRESQL, versions, iter([*named, *files])
    versions, files = _snapshots(plan.data_dir, databases, staging)
    if missing := set(OWNERS) - set(versions):
        raise Busy(
            f"{plan.data_dir}: no prepared database of {', '.join(sorted(missing))}: nothing to back up"
        )
    return SQLITE, versions, iter(files)


def _snapshots(
    data_dir: Path, databases: Sequence[Path], staging: Path
) -> tuple[dict[str, str], list[tuple[str, Path]]]:
    made: list[tuple[str, Path]] = []
    versions: dict[str, str] = {}
    with one_instant(databases) as readers:
        for number, (source, reader) in enumerate(readers.items()):
            target = staging / f"{number}.db"
            copy_to(reader, target)
            made.append((f"{DATA}/{source.relative_to(data_dir).as_posix()}", target))
            revision = version_in(reader)
            if source.parent == data_dir and source.stem in OWNERS and revision is not None:
                versions[source.stem] = revision
    return versions, made


class _Hashing(io.RawIOBase):
    """A file that remembers the hash of what was read of it."""

    def __init__(self, source: io.BufferedReader) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._source.read(size)
        self.digest.update(piece)
        return piece


def _add(tar: tarfile.TarFile, name: str, source: Path) -> FileNote:
    """As long as the file is at this moment: what is added to it meanwhile is for the next backup."""
    with source.open("rb") as content:
        member = tar.gettarinfo(arcname=name, fileobj=content)
        member.uid, member.gid, member.uname, member.gname = 0, 0, "", ""
        hashing = _Hashing(content)
        tar.addfile(member, hashing)
    return FileNote(member.size, hashing.digest.hexdigest())


def _add_if_there(tar: tarfile.TarFile, name: str, source: Path) -> FileNote | None:
    try:
        return _add(tar, name, source)
    except FileNotFoundError:
        return None  # it was tidied away meanwhile, as it would have been after the backup


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> FileNote:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), PRIVATE
    tar.addfile(member, io.BytesIO(content))
    return FileNote(len(content), hashlib.sha256(content).hexdigest())
