"""``gridcrew gateway try``: what would be read of an exported file; nothing is written."""

import itertools
import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import click

from gateway.adapters.files.crossing_import import checked
from gateway.adapters.files.drop import HEAD_BYTES
from gateway.adapters.files.folder import readable
from gateway.adapters.files.reading import Tally, slices
from gateway.adapters.files.sources import LiveSources
from gateway.codecs.file_exports import read_slice
from gateway.crossing import CrossingRefused
from gateway.exports.blocks import Block
from gateway.exports.lines import FileRefused, explain_encoding, layout_of
from gateway.exports.matching import Match, match
from gateway.exports.parsing import FindId, Said
from gateway.exports.sources import Column, FileSource, SourceKind
from gridcrew.file_doors import find_ids, live_sources
from gridcrew.settings import Settings
from telemetry.decimals import prepare
from telemetry.instants import iso_seconds
from telemetry.readings import MISSING, Quality

SHOWN_ROWS: Final = 10
SHOWN_REASONS: Final = 20
SHOWN_IDS: Final = 50


@dataclass(slots=True)
class Preview:
    """What a file would give."""

    tally: Tally = field(default_factory=Tally)
    values: int = 0
    meters: set[str] = field(default_factory=set)
    events: int = 0
    first_ms: int = 2**62
    last_ms: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    absent: tuple[Column, ...] = ()
    """Columns of values that the source names and the file has not."""

    def add(self, said: Said) -> None:
        self.tally.lines += said.lines
        self.tally.bad += len(said.bad_lines)
        for problem in said.problems:
            self.tally.note(problem)
        for block in said.blocks:
            self.values += int((block.scaled != MISSING).sum())
            self.meters.update(block.meters)
            self._span(block.at_ms[0], block.at_ms[-1])
            self.rows.extend(itertools.islice(_readings(block), SHOWN_ROWS - len(self.rows)))
        for event in said.events:
            self.events += 1
            self._span(event.at_ms, event.at_ms)
            if len(self.rows) < SHOWN_ROWS:
                self.rows.append(
                    {"at": iso_seconds(event.at_ms), "kind": event.kind.value, "device": event.device}
                )

    def _span(self, first_ms: int, last_ms: int) -> None:
        self.first_ms, self.last_ms = min(self.first_ms, first_ms), max(self.last_ms, last_ms)

    def report(self) -> dict[str, Any]:
        ids = [{"id": name, "terminal": terminal, "lines": count}
               for (terminal, name), count in self.tally.unmatched.most_common(SHOWN_IDS)]  # fmt: skip
        return {
            "lines": self.tally.lines,
            "refused_lines": self.tally.bad,
            "values": self.values,
            "meters": len(self.meters),
            "events": self.events,
            "from": iso_seconds(self.first_ms) if self.last_ms else None,
            "to": iso_seconds(self.last_ms) if self.last_ms else None,
            "absent_columns": list(self.absent),
            "first": self.rows,
            "reasons": self.tally.reasons[:SHOWN_REASONS],
            "unmatched": ids,
        }


@click.command(name="try")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", "source_name", help="Read it as this source, whatever its name and header say.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def command(file: Path, source_name: str | None, as_json: bool) -> None:
    """Show what the inbox would read of FILE: source, encoding, first rows, what is refused and why."""
    settings = Settings()
    sources = live_sources(settings)
    with file.open("rb") as handle:
        head = handle.read(HEAD_BYTES)
    found = match(sources.current(), source_name or "", readable(file.name), head)
    if found.source is None:
        raise click.ClickException(_why_none(sources, source_name, found))
    report: dict[str, Any] = {"file": str(file), "source": found.source.name, "why": found.why}
    try:
        if found.source.kind is SourceKind.CROSSING:
            report |= _crossing(file)
        else:
            report["encoding"] = explain_encoding(found.source, head)
            report |= _preview(found.source, file, find_ids(settings)()).report()
    except (FileRefused, CrossingRefused) as problem:
        raise click.ClickException(f"{file}: {problem}") from problem
    click.echo(json.dumps(report, ensure_ascii=False, indent=2) if as_json else _text(report))


def _why_none(sources: LiveSources, source_name: str | None, found: Match) -> str:
    broken = sources.problems()
    if source_name is not None and source_name in broken:
        return broken[source_name]
    return "; ".join([found.why, *broken.values()])


def _preview(source: FileSource, file: Path, find_id: FindId) -> Preview:
    prepare()
    preview = Preview()
    with file.open("rb") as handle:
        for part in slices(source, handle, preview.tally):
            preview.absent = layout_of(source, part.header).absent
            preview.add(read_slice(source, part.body(), part.first_line, find_id))
    return preview


def _crossing(file: Path) -> dict[str, Any]:
    head, tail = checked(file)
    return {
        "installation": head.installation,
        "stream": head.stream,
        "number": head.number,
        "rows": tail.rows,
        "sha256": tail.sha256,
    }


def _readings(block: Block) -> itertools.chain[dict[str, Any]]:
    return itertools.chain.from_iterable(
        (
            {"at": iso_seconds(at_ms), "meter": meter, "terminal": block.terminal, "values": values}
            for t, at_ms in enumerate(block.at_ms)
            if (values := _values(block, m, t))
        )
        for m, meter in enumerate(block.meters)
    )


def _values(block: Block, m: int, t: int) -> dict[str, str]:
    values: dict[str, str] = {}
    for q, quantity in enumerate(block.quantities):
        scaled = int(block.scaled[m, q, t])
        if scaled != MISSING:
            doubt = Quality(int(block.doubts[m, q, t]))
            mark = f" ({'|'.join(flag.name or '' for flag in doubt).lower()})" if doubt else ""
            values[quantity] = f"{Decimal(scaled).scaleb(-block.decimals[q])}{mark}"
    return values


def _text(report: dict[str, Any]) -> str:
    lines = [f"{report['file']}: source {report['source']} ({report['why']})"]
    if "installation" in report:
        told = "{installation} {stream} number {number}, {rows} rows, whole".format(**report)
        return "\n".join([*lines, told])
    lines.append(f"encoding {report['encoding']}")
    lines.append(
        "{lines} lines, {refused_lines} refused; {values} values of {meters} meters, {events} events".format(
            **report
        )
    )
    if report["from"]:
        lines.append(f"from {report['from']} to {report['to']}")
    if report["absent_columns"]:
        names = ", ".join(map(str, report["absent_columns"]))
        lines.append(f"not in this file, so nothing is read of: {names}")
    lines += [_row_text(row) for row in report["first"]]
    lines += [f"refused: {reason}" for reason in report["reasons"]]
    for unmatched in report["unmatched"]:
        terminal = f" (terminal {unmatched['terminal']})" if unmatched["terminal"] else ""
        lines.append(f"unmatched: {unmatched['id']}{terminal}, {unmatched['lines']} lines")
    return "\n".join(lines)


def _row_text(row: dict[str, Any]) -> str:
    if "kind" in row:
        return f"  {row['at']}  {row['kind']}  {row['device']}"
    return f"  {row['at']}  {row['meter']}  " + "  ".join(
        f"{name} {text}" for name, text in row["values"].items()
    )
