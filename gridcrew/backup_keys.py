"""The keys of sealed data and a backup of it: without ``people.keys`` a copy's persons cannot be read.

So a backup says what becomes of them, and a restore has them before it puts anything in place: they go along
as they are, or wrapped with a passphrase (scrypt, then AES-256-GCM), or somebody keeps them elsewhere.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from field_api.adapters.vault import KeysDamaged, Vault
from gridcrew.private_files import write_private

KEYS: Final = "keys/people.keys"
"""Member of the archive; it becomes the key file of the settings, wherever that is."""
WRAPPED: Final = "keys/people.keys.wrapped"
SHORTEST_PASSPHRASE: Final = 12
_COST: Final = 2**16
_MOST_COST: Final = 2**20
_BLOCK: Final = 8
_MEMORY: Final = 2 * 128 * _BLOCK
"""Bytes that scrypt may take for each unit of cost."""
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12


class KeysGo(StrEnum):
    """What became of the keys, as the manifest says."""

    UNSAID = ""
    """A backup of an earlier version."""
    NONE = "none"
    """There were none: nothing is sealed."""
    INSIDE = "inside"
    WRAPPED = "wrapped"
    APART = "apart"


class KeysMissing(Exception):
    """What is sealed could not be read again; the message says what to give."""


@dataclass(frozen=True, slots=True)
class KeysGiven:
    """What somebody who restores brings."""

    passphrase: str = ""
    file: Path | None = None
    without: bool = False
    """They are lost: all but what is sealed is wanted."""


def read_passphrase(file: Path) -> str:
    """The first line of the file; raises ``KeysMissing`` where it is too short to protect anything."""
    words = file.read_text(encoding="utf-8").strip().splitlines()
    passphrase = words[0].strip() if words else ""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise KeysMissing(f"{file}: expected a passphrase of {SHORTEST_PASSPHRASE} characters at least")
    return passphrase


def how_they_go(key_file: Path, with_secrets: bool, passphrase: str, apart: bool) -> KeysGo:
    """Raises ``KeysMissing`` unless somebody said it, or there are none."""
    if not key_file.exists():
        return KeysGo.NONE
    if passphrase:
        return KeysGo.WRAPPED
    if with_secrets:
        return KeysGo.INSIDE
    if apart:
        return KeysGo.APART
    raise KeysMissing(
        f"customers in this backup are sealed with {key_file}; without it nobody reads their names "
        "and phones again. Say --passphrase-file FILE (the keys go along, wrapped), --with-secrets (they go "
        "along as they are) or --keys-apart (a copy of them is kept elsewhere)"
    )


def key_names(key_file: Path) -> tuple[str, ...]:
    """By which a restore knows that it was given the right ones; raises ``KeysMissing`` for a bad file."""
    try:
        return Vault(key_file).names()
    except KeysDamaged as problem:
        raise KeysMissing(str(problem)) from problem


def wrapped(keys: bytes, passphrase: str) -> bytes:
    """A JSON document that opens with the passphrase alone."""
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    content = AESGCM(_derived(passphrase, salt, _COST)).encrypt(nonce, keys, None)
    parts = {"salt": salt, "nonce": nonce, "content": content}
    told = {name: base64.b64encode(part).decode() for name, part in parts.items()}
    return json.dumps({"scrypt_n": _COST, **told}).encode()


def unwrapped(document: bytes, passphrase: str) -> bytes:
    """Raises ``KeysMissing`` for another passphrase, and for a document that is none."""
    try:
        told = json.loads(document)
        cost = min(int(told["scrypt_n"]), _MOST_COST)
        salt, nonce, content = (base64.b64decode(told[name]) for name in ("salt", "nonce", "content"))
        return AESGCM(_derived(passphrase, salt, cost)).decrypt(nonce, content, None)
    except InvalidTag:
        raise KeysMissing("the passphrase does not open the backup's keys") from None
    except (ValueError, LookupError, TypeError) as problem:
        raise KeysMissing(f"the backup's keys are no such document: {problem}") from problem


def restored_keys(go: KeysGo, names: tuple[str, ...], staging: Path, given: KeysGiven) -> bytes | None:
    """The file to put in place; None where there is none to put. Raises ``KeysMissing``."""
    if given.without or (go in {KeysGo.NONE, KeysGo.UNSAID} and given.file is None):
        return None
    content = _brought(go, staging, given)
    trial = staging / "people.keys.trial"
    write_private(trial, content)
    if lacking := sorted(set(names) - set(key_names(trial))):
        raise KeysMissing(
            f"the keys that were given lack {', '.join(lacking)}, with which the backup is sealed"
        )
    return content


def _brought(go: KeysGo, staging: Path, given: KeysGiven) -> bytes:
    if given.file is not None:
        return given.file.read_bytes()
    if go is KeysGo.INSIDE:
        return (staging / KEYS).read_bytes()
    if go is KeysGo.WRAPPED and given.passphrase:
        return unwrapped((staging / WRAPPED).read_bytes(), given.passphrase)
    wanted = "--passphrase-file FILE, or --keys FILE" if go is KeysGo.WRAPPED else "--keys FILE"
    raise KeysMissing(
        f"names and phones in this backup are sealed, its keys are {go.value}: say {wanted}; "
        "where they are lost, --without-keys restores all that is not sealed"
    )


def _derived(passphrase: str, salt: bytes, cost: int) -> bytes:
    return hashlib.scrypt(
        passphrase.encode(), salt=salt, n=cost, r=_BLOCK, p=1, maxmem=cost * _MEMORY, dklen=32
    )
