"""Keys of this installation in a private file: they seal personal data (AES-256-GCM), make keyed hashes to
search by (HMAC-SHA256), and sign heads of the audit record (Ed25519)."""

import base64
import hashlib
import hmac
import json
import os
import secrets
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from geo.ports import DIGEST_BYTES

FILE_NAME: Final = "people.keys"
PRIVATE: Final = 0o600
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_NAME_LETTERS: Final = 8
_PREFIX: Final = "sealed1"


class KeysDamaged(Exception):
    """The file of keys is no such file: what was sealed with them cannot be read without a copy."""


class Vault:
    """``Sealer`` of texts and ``Seals`` of blocks; safe between threads.

    The file is made when something is first sealed, readable by its owner alone; it is never made to open
    something: keys that are missing must be brought, not replaced.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._masters: tuple[bytes, ...] = ()

    def seal(self, plain: str) -> str:
        """With the newest key and a fresh nonce; '' stays ''."""
        if not plain:
            return ""
        master = self._keys()[0]
        nonce = secrets.token_bytes(_NONCE_BYTES)
        content = AESGCM(_derived(master, "seal")).encrypt(nonce, plain.encode(), None)
        return f"{_PREFIX}:{_name(master)}:{base64.urlsafe_b64encode(nonce + content).decode()}"

    def unseal(self, sealed: str) -> str:
        """Raises ValueError for what was not sealed with a key of ours, or was altered."""
        if not sealed:
            return ""
        prefix, _, rest = sealed.partition(":")
        name, _, text = rest.partition(":")
        if prefix != _PREFIX:
            raise ValueError(f"not sealed with a key of {self.file}")
        return _opened(self._master(name), base64.urlsafe_b64decode(text), None).decode()

    def seal_block(self, plain: bytes, about: str) -> bytes:
        """With the newest key and a fresh nonce; ``about`` is bound to it, not kept in it."""
        master = self._keys()[0]
        nonce = secrets.token_bytes(_NONCE_BYTES)
        content = AESGCM(_derived(master, "seal")).encrypt(nonce, plain, about.encode())
        return _name(master).encode() + nonce + content

    def unseal_block(self, sealed: bytes, about: str) -> bytes:
        """Raises ValueError for what was not sealed with a key of ours, or was altered."""
        master = self._master(sealed[:_NAME_LETTERS].decode("ascii", "replace"))
        return _opened(master, sealed[_NAME_LETTERS:], about.encode())

    def is_newest(self, sealed: bytes) -> bool:
        """Was the block sealed with the key that seals now?"""
        return sealed[:_NAME_LETTERS] == _name(self._keys()[0]).encode()

    def names(self) -> tuple[str, ...]:
        """Of the keys, newest first; they tell nothing of the keys themselves. None where no file is."""
        return tuple(map(_name, self._keys())) if self.file.exists() else ()

    def is_sealed(self, text: str) -> bool:
        """Does it look like what ``seal`` makes?"""
        return text.startswith(f"{_PREFIX}:")

    def digests(self, plain: str) -> tuple[str, ...]:
        """Of the digits and letters alone, so that spaces and hyphens in a number do not matter."""
        return tuple(_keyed(_derived(one, "search"), _bare(plain)).hex() for one in self._keys())

    def digest_numbers(self, numbers: Sequence[str]) -> bytes:
        """``DIGEST_BYTES`` of each one's hash with the newest key, one after the other; '' is all zeros."""
        key, none = _derived(self._keys()[0], "search"), bytes(DIGEST_BYTES)
        bare = map(_bare, numbers)
        return b"".join([_keyed(key, one)[:DIGEST_BYTES] if one else none for one in bare])

    def number_digests(self, number: str) -> tuple[bytes, ...]:
        """The same of one number with each key; none for a number without digits."""
        bare = _bare(number)
        keys = self._keys() if bare else ()
        return tuple(_keyed(_derived(one, "search"), bare)[:DIGEST_BYTES] for one in keys)

    def derive(self, purpose: str, secret: str) -> str:
        """256 bits that nobody can make without the key."""
        raw = hmac.digest(
            _derived(self._keys()[-1], purpose), secret.encode("utf-8", "surrogatepass"), "sha256"
        )
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def rotate(self) -> None:
        """A new key for what is sealed from now on; old ones still open what they sealed."""
        with self._lock:
            self._masters = (secrets.token_bytes(_KEY_BYTES), *self._read())
            _replace(self.file, self._masters)

    def sign(self, text: str) -> tuple[str, str]:
        """Signature and public key, in hexadecimal. The oldest key signs: it is the one that others know."""
        key = self._signing()
        return key.sign(text.encode()).hex(), key.public_key().public_bytes_raw().hex()

    def _signing(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(_derived(self._keys()[-1], "sign"))

    def _master(self, name: str) -> bytes:
        """The key of that name; one that another process made since is read again from the file."""
        known = self._masters or (self._keys() if self.file.exists() else ())
        found = next((one for one in known if _name(one) == name), None)
        if found is None and self.file.exists():
            with self._lock:
                self._masters = self._read()
            found = next((one for one in self._masters if _name(one) == name), None)
        if found is None:
            raise ValueError(f"not sealed with a key of {self.file}")
        return found

    def _keys(self) -> tuple[bytes, ...]:
        with self._lock:
            if not self._masters:
                self._masters = self._read()
            return self._masters

    def _read(self) -> tuple[bytes, ...]:
        if not self.file.exists():
            _create(self.file)
        try:
            told = json.loads(self.file.read_text(encoding="utf-8"))["keys"]
            masters = tuple(base64.b64decode(one, validate=True) for one in told)
        except (ValueError, LookupError, TypeError) as problem:
            raise KeysDamaged(f"{self.file} holds no keys: {problem}") from problem
        if not masters or any(len(one) != _KEY_BYTES for one in masters):
            raise KeysDamaged(f"{self.file} holds no keys of {_KEY_BYTES} bytes")
        return masters


def is_signed(text: str, signature: str, public_key: str) -> bool:
    """Was it signed by the owner of that public key?"""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _opened(master: bytes, raw: bytes, about: bytes | None) -> bytes:
    try:
        return AESGCM(_derived(master, "seal")).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], about)
    except InvalidTag:
        raise ValueError("what was sealed has been altered") from None


def _name(master: bytes) -> str:
    return hashlib.sha256(b"name" + master).hexdigest()[:_NAME_LETTERS]


def _derived(master: bytes, purpose: str) -> bytes:
    """One key per purpose, so that none can stand in for another."""
    return hmac.digest(master, b"gridcrew " + purpose.encode(), "sha256")


def _bare(number: str) -> str:
    return number if number.isdigit() else "".join(filter(str.isalnum, number.lower()))


def _keyed(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256")


def _create(file: Path) -> None:
    """Whoever comes first makes it; the other processes read that."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    _write(draft, (secrets.token_bytes(_KEY_BYTES),))
    try:
        os.link(draft, file)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _replace(file: Path, masters: tuple[bytes, ...]) -> None:
    draft = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    _write(draft, masters)
    draft.replace(file)


def _write(file: Path, masters: tuple[bytes, ...]) -> None:
    text = json.dumps({"keys": [base64.b64encode(one).decode() for one in masters]})
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
