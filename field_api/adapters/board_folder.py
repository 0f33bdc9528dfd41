"""The board as one self-contained page in a folder: written whole, the newest also under a fixed name."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

import field_api
from field_api.board import Board

NEWEST: Final = "board.html"
_STATES: Final = {"suspected": "疑似", "confirmed": "已确认"}
_CLOCKS: Final = {
    "arrival": "到达 arrive", "restoration": "复电 restore", "verification": "核实 verify",
}  # fmt: skip


def page(board: Board) -> str:
    """HTML that needs nothing else, ready for A4."""
    loader = FileSystemLoader(Path(field_api.__file__).parent / "templates")
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return pages.get_template("board.html").render(board=board, states=_STATES, clocks=_CLOCKS)


def write_board(folder: Path, text: str, now_ms: int, keep: int) -> Path:
    """``board-20261122T080500Z.html`` and the same as ``board.html``; all but the newest ``keep`` go."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    file = folder / f"board-{stamp}.html"
    for target in (file, folder / NEWEST):
        draft = target.with_name(f".{target.name}.new")
        with draft.open("w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        draft.chmod(0o640)
        draft.replace(target)
    for old in sorted(folder.glob("board-*.html"), reverse=True)[keep:]:
        old.unlink(missing_ok=True)
    return file
