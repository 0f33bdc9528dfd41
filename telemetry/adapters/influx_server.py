"""An InfluxDB server through influxdb-client: ready-made lines in, answers to InfluxQL out.

``v2`` writes with the client's own write API (1.8, 2.x, 3.x); ``v1`` with the 1.x endpoint ``/write`` over
the same client's connections. Every version answers ``/query``. What the server says is sorted into three
kinds of trouble: it is away (try the same again), it refuses what it was given, it finds it too large.
"""

import base64
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, Final, Literal

import msgspec
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS, WriteApi
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from telemetry.ports import ReadingsAway

_REFUSED: Final = frozenset({400, 422})
_TOO_LARGE: Final = 413
_MS: Final[Any] = WritePrecision.MS
_MAX_REASON: Final = 300
MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class InfluxAddress:
    """Where the server is and how to be let in."""

    url: str
    database: str
    api: Literal["v1", "v2"] = "v2"
    org: str = ""
    token: str = ""
    username: str = ""
    password: str = ""
    timeout_s: float = 10.0
    keep_s: int = 0
    """How long a database that we create keeps what it has; 0 = for ever."""


class LinesRefused(ValueError):
    """The server will never take (some of) these lines; it may have stored the others."""


class LinesTooLarge(ValueError):
    """Fewer at a time, please."""


class QueryRefused(ValueError):
    """The server understood us and says no."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One series of an answer."""

    tags: Mapping[str, str]
    columns: tuple[str, ...]
    rows: list[list[Any]]
    """Numbers with a point stay text, so that no digit is lost; see ``telemetry.adapters.influx_queries``."""


class InfluxServer:
    """Threads may share it. Connects when it is first asked."""

    def __init__(self, address: InfluxAddress, connections: int = 4) -> None:
        self.address = address
        self._connections = connections
        self._creating = threading.Lock()
        self._opened: Any = None

    @cached_property
    def _client(self) -> InfluxDBClient:
        client = InfluxDBClient(
            url=self.address.url.rstrip("/"),
            token=self.address.token,
            org=self.address.org or "-",
            timeout=int(self.address.timeout_s * 1000),
            connection_pool_maxsize=self._connections,
        )
        self._opened = client
        return client

    @cached_property
    def _writer(self) -> WriteApi:
        return self._client.write_api(write_options=SYNCHRONOUS)

    def write(self, lines: bytes) -> None:
        """Store the lines; raises ReadingsAway, LinesRefused, LinesTooLarge."""
        try:
            self._post(lines)
        except ApiException as problem:
            if problem.status != 404:
                raise _sorted_out(problem) from problem
            self._create_database(_reason(problem))
            self._post_again(lines)
        except (HTTPError, OSError) as problem:
            raise ReadingsAway(f"InfluxDB at {self.address.url}: {_short(problem)}") from problem

    def _post_again(self, lines: bytes) -> None:
        try:
            self._post(lines)
        except ApiException as problem:
            raise _sorted_out(problem) from problem
        except (HTTPError, OSError) as problem:
            raise ReadingsAway(f"InfluxDB at {self.address.url}: {_short(problem)}") from problem

    def _post(self, lines: bytes) -> None:
        if self.address.api == "v2":
            self._writer.write(self.address.database, record=lines, write_precision=_MS)
            return
        query = {"db": self.address.database, "precision": "ms"}
        self._request("/write", query, lines, "text/plain; charset=utf-8")

    def query(self, text: str) -> list[Answered]:
        """The series that answer a statement of InfluxQL, times in ms; raises ReadingsAway, QueryRefused.

        A database that is not there yet is an empty one.
        """
        query = {"db": self.address.database, "epoch": "ms"}
        try:
            body = self._request("/query", query, b"", "application/x-www-form-urlencoded", {"q": text})
        except ApiException as problem:
            trouble = _sorted_out(problem)
            raise trouble if isinstance(trouble, ReadingsAway) else QueryRefused(str(trouble)) from problem
        except (HTTPError, OSError) as problem:
            raise ReadingsAway(f"InfluxDB at {self.address.url}: {_short(problem)}") from problem
        return _answered(body)

    def _request(
        self, path: str, query: dict[str, str], body: bytes, kind: str, fields: dict[str, str] | None = None
    ) -> bytes:
        # The client asks for the text of an answer as str; raw bytes are what our decoder takes.
        connections: Any = self._client.api_client
        answer = connections.request(
            "POST",
            self.address.url.rstrip("/") + path,
            query_params=query,
            headers={"Content-Type": kind, "Accept": "application/json"} | self._credentials(),
            body=body or None,
            post_params=fields,
        )
        return bytes(answer.data, "utf-8")

    def _credentials(self) -> dict[str, str]:
        address = self.address
        if address.token:
            return {"Authorization": f"Token {address.token}"}
        if address.username:
            pair = base64.b64encode(f"{address.username}:{address.password}".encode())
            return {"Authorization": f"Basic {pair.decode()}"}
        return {}

    def _create_database(self, reason: str) -> None:
        """1.x lets a client create what is missing; later versions want their administrator to."""
        with self._creating:
            name = '"' + self.address.database.replace("\\", "\\\\").replace('"', '\\"') + '"'
            duration = f"{self.address.keep_s}s" if self.address.keep_s else "INF"
            statement = f"CREATE DATABASE {name} WITH DURATION {duration} REPLICATION 1 NAME {name}"
            try:
                self.query(statement)
            except QueryRefused as problem:
                text = f"{reason}; creating it failed: {problem}"
                raise ReadingsAway(f"InfluxDB at {self.address.url}: {text}") from problem

    def close(self) -> None:
        """Let go of the connections."""
        if self._opened is not None:
            self._opened.close()


def _sorted_out(problem: ApiException) -> ReadingsAway | LinesRefused | LinesTooLarge:
    if problem.status in _REFUSED:
        return LinesRefused(_reason(problem))
    if problem.status == _TOO_LARGE:
        return LinesTooLarge(_reason(problem))
    # 401, 403 and 404 too: somebody will put it right, and until then the frames wait in the spool.
    return ReadingsAway(f"InfluxDB answered {_reason(problem)}", retry_after_s=_retry_after_s(problem))


def _reason(problem: ApiException) -> str:
    return f"{problem.status} {_short(problem.body or problem.reason)}"


def _short(problem: object) -> str:
    text = " ".join(str(problem).split())
    if len(text) <= _MAX_REASON:
        return text
    # The server names the line first, however long it is, and why it does not take it last.
    return f"{text[: _MAX_REASON // 2]} … {text[-_MAX_REASON // 2 :]}"


def _retry_after_s(problem: ApiException) -> float:
    headers: Mapping[str, str] = problem.headers or {}
    text = headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
        now = parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, TypeError):
        return 0.0


class _Series(msgspec.Struct, frozen=True):
    columns: tuple[str, ...]
    tags: dict[str, str] = {}
    values: list[list[Any]] = []


class _Result(msgspec.Struct, frozen=True):
    series: tuple[_Series, ...] = ()
    error: str = ""


class _Answer(msgspec.Struct, frozen=True):
    results: tuple[_Result, ...] = ()
    error: str = ""


_decoder = msgspec.json.Decoder(_Answer, float_hook=str)


def _answered(body: bytes) -> list[Answered]:
    answer = _decoder.decode(body)
    problem = answer.error or next((result.error for result in answer.results if result.error), "")
    if problem and "database not found" not in problem:
        raise QueryRefused(problem)
    return [
        Answered(series.tags, series.columns, series.values)
        for result in answer.results
        for series in result.series
    ]
