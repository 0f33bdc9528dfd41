"""Folders of frames with what they must become: ``tests/gateway/cases/PROTOCOL/CASE/``.

Each holds ``topic``, ``body.json`` (or ``body.hex``), ``source`` (where the frame comes from) and
``expected.json``. To renew expectations after a deliberate change call ``renew`` and read the difference.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from gateway.frames import Decoded, Frame
from telemetry.readings import MISSING, ReadingBatch

CASES = Path(__file__).parent / "cases"
RECEIVED_MS = 1_795_300_001_000


def cases(protocol: str) -> list[str]:
    """Names of the protocol's cases."""
    return sorted(folder.name for folder in (CASES / protocol).iterdir() if folder.is_dir())


def golden_frame(protocol: str, case: str) -> Frame:
    folder = CASES / protocol / case
    hexed = folder / "body.hex"
    body = (
        bytes.fromhex(hexed.read_text(encoding="utf-8"))
        if hexed.exists()
        else (folder / "body.json").read_bytes()
    )
    return Frame((folder / "topic").read_text(encoding="utf-8").strip(), body, RECEIVED_MS)


def expected(protocol: str, case: str) -> Any:
    return json.loads((CASES / protocol / case / "expected.json").read_text(encoding="utf-8"))


def has_source(protocol: str, case: str) -> bool:
    return bool((CASES / protocol / case / "source").read_text(encoding="utf-8").strip())


def plain(decoded: Decoded) -> dict[str, Any]:
    """What a frame became, as JSON can say it; what is empty is left out."""
    told: dict[str, Any] = {
        "key": decoded.key,
        "terminal": decoded.terminal,
        "online": decoded.online,
        "named_by_content": decoded.named_by_content,
        "refusal": decoded.refusal,
        "problems": list(decoded.problems),
        "evidence": [json.loads(msgspec.json.encode(fact)) for fact in decoded.evidence],
        "batch": plain_batch(decoded.batches[0]) if decoded.batches else None,
    }
    if len(decoded.batches) > 1:
        told["more_batches"] = [plain_batch(batch) for batch in decoded.batches[1:]]
    if decoded.devices:
        told["devices"] = [json.loads(msgspec.json.encode(note)) for note in decoded.devices]
    if decoded.security:
        told["security"] = list(decoded.security)
    return told


def plain_batch(batch: ReadingBatch) -> dict[str, Any]:
    told: dict[str, Any] = {
        "terminal": batch.terminal, "boot": batch.boot, "seq": batch.seq, "at_ms": batch.at_ms,
        "received_ms": batch.received_ms, "meters": list(batch.meters),
        "quantities": list(batch.quantities), "decimals": list(batch.decimals),
        "scaled": [[None if cell == MISSING else cell for cell in row] for row in batch.scaled.tolist()],
    }  # fmt: skip
    if batch.quality:
        told["quality"] = int(batch.quality)
    if batch.doubts is not None:
        told["doubts"] = batch.doubts.tolist()
    return told


def renew(protocol: str, decode: Callable[[str, Frame], Decoded]) -> None:
    """Write what the decoder says now as what it shall say; ``decode`` gets the case's name too."""
    for case in cases(protocol):
        told = plain(decode(case, golden_frame(protocol, case)))
        text = json.dumps(told, indent=1, ensure_ascii=False)
        (CASES / protocol / case / "expected.json").write_text(text + "\n", encoding="utf-8")
