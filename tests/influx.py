"""A real InfluxDB of our own for tests: Debian's influxd 1.6, and nginx that gives it the v2 write path.

The v2 API appeared with 1.8; nginx rewrites ``/api/v2/write?bucket=&precision=`` to what 1.6 knows, so that
the unmodified influxdb-client writes to it. Tokens, buckets and 2.x statuses cannot be had this way.
"""

import http.client
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from tests.ports import free_port

WAIT_S = 20.0
_INFLUXD = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{home}/meta"
[data]
  dir = "{home}/data"
  wal-dir = "{home}/wal"
  query-log-enabled = false
[coordinator]
  query-timeout = "60s"
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
  max-body-size = {max_body}
"""
_NGINX = """
daemon off; worker_processes 1; pid {home}/nginx.pid; error_log {home}/nginx.log warn;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxied; fastcgi_temp_path {home}/f;
  uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
  client_max_body_size {max_body}; client_body_buffer_size 8m;
  map $arg_precision $precision {{ default $arg_precision; us u; ns n; }}
  server {{
    listen 127.0.0.1:{port};
    location = /api/v2/write {{
      rewrite ^ /write?db=$arg_bucket&precision=$precision? break;
      proxy_pass http://127.0.0.1:{upstream};
    }}
    location = /health {{ return 200 '{{"name":"influxdb","status":"pass"}}'; }}
    location / {{ proxy_pass http://127.0.0.1:{upstream}; }}
  }}
}}
"""


class Influxd:
    """One influxd on a port that stays the same when it is stopped, killed and started again."""

    def __init__(self, home: Path, max_body: int = 25_000_000) -> None:
        self.home = home
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        home.mkdir(parents=True, exist_ok=True)
        text = _INFLUXD.format(home=home, port=self.port, rpc=free_port(), max_body=max_body)
        (home / "influxdb.conf").write_text(text, encoding="utf-8")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with (self.home / "influxd.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["influxd", "-config", str(self.home / "influxdb.conf")], stdout=log, stderr=log
            )
        self.wait_ready()

    def wait_ready(self) -> None:
        _await_answer(self.port, "/ping")

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(WAIT_S)
            self._process = None

    def query(self, text: str, database: str = "") -> str:
        """The answer to a statement of InfluxQL, as text."""
        return self.ask("POST", f"/query?db={database}&epoch=ms&q={quote(text)}")

    def write(self, lines: bytes, database: str, precision: str = "ms") -> str:
        """Lines as they are, past our store."""
        return self.ask("POST", f"/write?db={database}&precision={precision}", lines)

    def ask(self, method: str, path: str, body: bytes = b"") -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        connection.request(method, path, body)
        answer = connection.getresponse().read().decode()
        connection.close()
        return answer


@contextmanager
def influxd(home: Path, max_body: int = 25_000_000) -> Iterator[Influxd]:
    """A running server; its files go with it."""
    server = Influxd(home, max_body)
    server.start()
    try:
        yield server
    finally:
        server.stop(signal.SIGKILL)
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def v2_front(home: Path, upstream: Influxd) -> Iterator[str]:
    """URL of nginx in front of that server, which answers the v2 write path."""
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    account = "user root;\n" if os.geteuid() == 0 else ""
    text = account + _NGINX.format(home=home, port=port, upstream=upstream.port, max_body=25_000_000)
    (home / "nginx.conf").write_text(text, encoding="utf-8")
    process = subprocess.Popen(["/usr/sbin/nginx", "-e", "stderr", "-c", str(home / "nginx.conf")])
    try:
        _await_answer(port, "/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(WAIT_S)


def _await_answer(port: int, path: str) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", path)
            connection.getresponse().read()
        except OSError:
            assert time.monotonic() < deadline_s, f"nothing answers on port {port}"
            time.sleep(0.02)
        else:
            return
        finally:
            connection.close()
