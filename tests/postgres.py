"""A PostgreSQL server of our own on loopback, for tests and benchmarks; gone afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port

POSTGRES_BIN = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), Path("/nowhere"))


def _server_account() -> str | None:
    """PostgreSQL refuses to run as root: use its own account there."""
    return "postgres" if os.geteuid() == 0 else None


@contextmanager
def postgres(*, durable: bool = False) -> Iterator[str]:
    """URL of a throw-away server; one that is durable waits for the disk at each commit."""
    home = Path(tempfile.mkdtemp(prefix="gridcrew-postgres-"))  # its account must reach it
    account, port = _server_account(), free_port()
    if account:
        shutil.chown(home, account)
    user = account or pwd.getpwuid(os.geteuid()).pw_name
    subprocess.run(
        [str(POSTGRES_BIN / "initdb"), "-D", str(home / "data"), "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True, capture_output=True, cwd=home, user=account,
    )  # fmt: skip
    options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c max_connections=200"
    options += "" if durable else " -c fsync=off"
    control = [str(POSTGRES_BIN / "pg_ctl"), "-D", str(home / "data"), "-w", "-l", str(home / "log")]
    try:
        subprocess.run(
            [*control, "-o", options, "start"], check=True, capture_output=True, cwd=home, user=account
        )
        yield f"postgresql://{user}@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run(
            [*control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd=home, user=account
        )
        shutil.rmtree(home)
