"""A provider's HTTP interface for short messages, as a file of the site declares it.

The provider may be down, slow, lie (200 with an error inside) or take a message twice. Each message is sent
by itself with our key; what is not clearly taken or refused is uncertain and comes again with the same key.
"""

import json
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote_plus

import urllib3

from field_api.adapters.one_by_one import hush, one_by_one
from field_api.adapters.site_secrets import SiteSecrets
from field_api.notices.channel_file import HttpChannelFile, Missing, as_text, at_path, filled
from field_api.notices.notice import provider_key
from field_api.notices.ports import AddressBook, Delivery, Outcome, Sent
from field_api.people.masking import mask_text

MAX_ANSWER_BYTES: Final = 64 * 1024
_CHUNK: Final = 4096
_NO_ADDRESS: Final = Sent(Outcome.REFUSED, problem="no phone number")


class HttpChannel:
    """``Channel`` over HTTP; opens a connection when it sends."""

    def __init__(self, file: HttpChannelFile, addresses: AddressBook, secrets: SiteSecrets) -> None:
        self._file = file
        self._addresses = addresses
        self._secrets = secrets
        self._pool = urllib3.PoolManager(num_pools=1, maxsize=1, retries=False)
        hush()
        self._quoted = _json_inside if file.format == "json" else quote_plus

    @property
    def name(self) -> str:
        return self._file.name

    def send(self, deliveries: Sequence[Delivery]) -> Sequence[Sent]:
        """One request for each, until three in a row got no clear answer."""
        return one_by_one(deliveries, self._one)

    def _one(self, delivery: Delivery) -> Sent:
        phone = self._addresses(delivery.person)
        if not phone:
            return _NO_ADDRESS
        key = provider_key(delivery.key)
        try:
            status, body = self._ask(delivery, phone, key)
        except (urllib3.exceptions.HTTPError, OSError) as problem:
            return Sent(Outcome.UNCERTAIN, problem=self._told(type(problem).__name__))
        return self._judged(status, body, key)

    def _ask(self, delivery: Delivery, phone: str, key: str) -> tuple[int, bytes]:
        values = {"phone": phone, "text": delivery.text, "key": key, "kind": delivery.kind}
        ends_s = time.monotonic() + self._file.timeout_s
        answer = self._pool.request(
            self._file.method,
            filled(
                self._file.url, {name: quote_plus(value) for name, value in values.items()}, self._secrets
            ),
            body=filled(self._file.body, self._inside(values), self._secrets).encode() or None,
            headers=self._headers(key),
            timeout=urllib3.Timeout(total=self._file.timeout_s),
            redirect=False,
            preload_content=False,
        )
        try:
            return answer.status, _read(answer, ends_s)
        finally:
            answer.close()

    def _inside(self, values: dict[str, str]) -> dict[str, str]:
        return {name: self._quoted(value) for name, value in values.items()}

    def _headers(self, key: str) -> dict[str, str]:
        kind = "application/json" if self._file.format == "json" else "application/x-www-form-urlencoded"
        own = {name: filled(value, {}, self._secrets) for name, value in self._file.headers.items()}
        return {"Content-Type": f"{kind}; charset=utf-8", "Idempotency-Key": key} | own

    def _judged(self, status: int, body: bytes, key: str) -> Sent:
        file = self._file
        try:
            answer: object = json.loads(body)
        except ValueError:
            answer = None
        if file.refused is not None and file.refused.holds(answer):
            return Sent(Outcome.REFUSED, problem=self._told(f"{status}: {_word(answer, file.refused.field)}"))
        if status not in file.status:
            return Sent(Outcome.UNCERTAIN, problem=f"status {status}")
        if file.taken is not None and not file.taken.holds(answer):
            said = _word(answer, file.taken.field)
            return Sent(Outcome.UNCERTAIN, problem=self._told(f"status {status} with {said}"))
        named = at_path(answer, file.reference) if file.reference else key
        return Sent(Outcome.ACCEPTED, key if named is Missing else as_text(named))

    def _told(self, problem: str) -> str:
        return mask_text(self._secrets.scrubbed(problem))


def _read(answer: urllib3.BaseHTTPResponse, ends_s: float) -> bytes:
    """The body; TimeoutError for one that drips longer than the whole request may take."""
    body = b""
    while len(body) <= MAX_ANSWER_BYTES:
        chunk = answer.read1(_CHUNK) if hasattr(answer, "read1") else answer.read(_CHUNK)
        if not chunk:
            return body
        body += chunk
        if time.monotonic() > ends_s:
            raise TimeoutError("the answer takes too long")
    raise TimeoutError(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")


def _word(answer: object, path: str) -> str:
    found = at_path(answer, path)
    return "no answer in JSON" if found is Missing else f"{path} = {as_text(found)[:80]}"


def _json_inside(text: str) -> str:
    """As a JSON string, quotes included."""
    return json.dumps(text, ensure_ascii=False)
