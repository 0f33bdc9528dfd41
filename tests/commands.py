"""Commands in this process, as from a shell: in a thread of their own, where no event loop runs yet."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import click
from click.testing import CliRunner, Result


def invoke(
    command: click.Command, arguments: Sequence[str], env: Mapping[str, str | None] | None = None
) -> Result:
    """What it printed and its exit code. A browser's tests leave a loop running in the calling thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(CliRunner().invoke, command, list(arguments), env=env).result()
