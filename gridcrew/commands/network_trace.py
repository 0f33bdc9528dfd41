"""``gridcrew network trace``: what feeds an element, whom it feeds, how to isolate it, what could restore."""

import json
from collections.abc import Iterator
from typing import Any

import click

from geo.doors import EDGE_KINDS, NODE_KINDS
from geo.errors import GeoError
from geo.following import Barriers, Direction, follow, way_between
from geo.isolation import isolate
from geo.live_grid import LiveGrid
from geo.network import ABSENT, SWITCHING_KINDS, EdgeKind, Int32
from geo.restoration import restore
from geo.told import Telling
from geo.tracing import Element, find
from gridcrew.live_grid import Moment, at_option, moment
from gridcrew.network_reading import as_json, grids
from gridcrew.settings import Settings
from gridcrew.stores import open_readings
from telemetry.adapters.event_files import iso
from telemetry.demand import MeasuredDemand

OWNERSHIP = "ownership"
_SWITCHED = {word for word, number in EDGE_KINDS.items() if EdgeKind(number) in SWITCHING_KINDS}
_NODE_KINDS = {number: word for word, number in NODE_KINDS.items()}


@click.command(name="trace")
@click.argument("element")
@click.option("--up", "wanted", flag_value="up", help="The way from the source to the element.")
@click.option("--down", "wanted", flag_value="down", help="What loses supply with the element.")
@click.option("--customers", "wanted", flag_value="customers", help="Who loses supply with the element.")
@click.option(
    "--connected", "wanted", flag_value="connected", help="What hangs together with it, however it is fed."
)
@click.option("--isolate", "wanted", flag_value="isolate", help="Which switches to open around it.")
@click.option(
    "--restore", "wanted", flag_value="restore", help="Which ties could carry what that leaves dead."
)
@click.option("--path", "other", metavar="OTHER", help="The way to another element.")
@click.option(
    "--until", multiple=True, metavar="KIND|ID",
    help=f"Stop at edges of this kind, at this edge, or at `{OWNERSHIP}` (what a customer owns); repeatable.",
)  # fmt: skip
@at_option
@click.option("--network", "source", metavar="SOURCE", help="Look at this SOURCE, not at the stored network.")
@grids
@as_json
def command(
    element: str, wanted: str | None, other: str | None, until: tuple[str, ...], at: str | None,
    source: str | None, grids: int, as_json: bool,
) -> None:  # fmt: skip
    """Follow ELEMENT (id of an edge, node, meter, terminal, sensor, customer).

    In the stored network that was in force at that time, with the switches, jumpers and generators as far as
    they are known of then; a SOURCE in its normal positions.
    """
    asked = moment(source, grids, at)
    try:
        found = find(asked.grid.network, element)
        if wanted == "restore":
            answer = _restoration(asked, found, measured=source is None)
        else:
            answer = _answer(asked.grid, found, "path" if other else wanted or "up", other, until)
    except GeoError as problem:
        raise click.ClickException(str(problem)) from None
    answer["at"] = iso(asked.at_ms)
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False, indent=2))
        return
    for line in _lines(answer):
        click.echo(line)


def _answer(
    grid: LiveGrid, element: Element, wanted: str, other: str | None, until: tuple[str, ...]
) -> dict[str, Any]:
    telling = Telling(grid, max_ids=len(grid.network.customers))
    if wanted == "isolate":
        return telling.isolation(element, isolate(grid, element))
    below = len(grid.feeding.customers_lost_with(element))
    if other is not None:
        trace = way_between(grid, element, find(grid.network, other))
    else:
        direction = Direction("down" if wanted == "customers" else wanted)
        trace = follow(grid, element, direction, barriers(until))
    if wanted == "up":
        rows: list[dict[str, Any]] = _alternating(grid, trace.nodes, trace.edges)
    elif wanted == "customers":
        rows = [{"id": grid.network.customers.ids[row]} for row in sorted(trace.customers.tolist())]
    else:
        rows = telling.edges(trace.edges)
    told = telling.trace(element, wanted, trace)
    kept = {
        name: told[name] for name in ("element", "type", "network_hash", "switches", "on_loop", "stopped_at")
    }
    return kept | {wanted: rows, "customers_below": below}


def _restoration(asked: Moment, element: Element, *, measured: bool) -> dict[str, Any]:
    """With what transformers carried of late; of a SOURCE nothing is measured."""
    grid = asked.grid
    telling = Telling(grid, max_ids=len(grid.network.customers))
    if not measured:
        return telling.restoration(element, restore(grid, element))
    store = open_readings(Settings())
    try:
        found = restore(grid, element, MeasuredDemand(store, grid.record, asked.at_ms))
    finally:
        store.close()
    return telling.restoration(element, found)


def barriers(until: tuple[str, ...]) -> Barriers:
    """Of the options: words for kinds and the ownership boundary, anything else an edge's id."""
    kinds = frozenset(EdgeKind(EDGE_KINDS[word]) for word in until if word in EDGE_KINDS)
    ids = frozenset(word for word in until if word not in EDGE_KINDS and word != OWNERSHIP)
    return Barriers(kinds, ids, ownership=OWNERSHIP in until)


def _alternating(grid: LiveGrid, nodes: Int32, edges: Int32) -> list[dict[str, Any]]:
    """Node, edge, node, …, from the source on."""
    table, rows = grid.network.nodes, []
    for place, node in enumerate(nodes.tolist()):
        if place and edges[place - 1] != ABSENT:
            rows.append(Telling(grid).edges(edges[place - 1 : place])[0])
        kind = _NODE_KINDS[int(table.kind[node])]
        rows.append({"id": table.ids[node], "kind": kind, "name": table.name[node]})
    return rows


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    if "steps" in answer:
        yield from _restoration_lines(answer)
    elif "possible" in answer:
        yield from _isolation_lines(answer)
    else:
        if answer.get("up") == []:
            yield "without supply: no way leads to a source"
        for name in ("up", "down", "customers", "connected", "path"):
            yield from map(_line, answer.get(name, ()))
        for edge in answer["stopped_at"]:
            yield f"stops at {_line(edge)}"
        if answer["on_loop"]:
            yield "on a loop: alone it interrupts nobody"
        yield f"customers below: {answer['customers_below']}"


def _line(edge: dict[str, Any]) -> str:
    state = ""
    if edge.get("kind") in _SWITCHED or not edge.get("closed", True):
        state = "closed" if edge["closed"] else "open"
    words = (edge["id"], edge.get("kind", ""), edge.get("phases", ""), edge.get("name", ""), state)
    return "  ".join(word for word in words if word)


def _isolation_lines(answer: dict[str, Any]) -> Iterator[str]:
    if not answer["possible"]:
        yield f"no switch takes it off {', '.join(answer['sources_inside'])}"
    for edge in answer["open"]:
        yield f"open       {_line(edge)}{'  (feeds it)' if edge['feeds'] else ''}"
    for edge in answer["keep_open"]:
        yield f"keep open  {_line(edge)}"
    for edge in answer["fuses"]:
        yield f"fuse       {_line(edge)}"
    yield from _back_feed_lines(answer)
    yield f"customers who lose supply: {answer['customers']}; between the switches: {answer['in_zone']}"


def _back_feed_lines(answer: dict[str, Any]) -> Iterator[str]:
    for feed in answer["back_feeds"]:
        yield f"back-feed  {feed['kind']} {feed['id']} {feed['told']}".rstrip()


def _restoration_lines(answer: dict[str, Any]) -> Iterator[str]:
    yield from _isolation_lines(answer["isolation"])
    yield f"— {answer['check']} —"
    for number, step in enumerate(answer["steps"], start=1):
        load = "unknown" if step["load_kva"] is None else f"{step['load_kva']:.0f} kVA"
        for edge in step["open"]:
            yield f"{number}. open  {_line(edge)}"
        used = step["loading"]
        tight = f", {used['element']} {used['after_kva']:.0f} of {used['rating_kva']:.0f} kVA" if used else ""
        yield (
            f"{number}. close {_line(step['close'])}: {step['customers']} customers, load {load}, "
            f"fits: {step['fits']}{tight}"
        )
    loads = answer["loads"]
    yield (
        f"loads: {loads['measured']} transformers as measured, {loads['installed']} at "
        f"{loads['diversity']:.0%} of their capacity, {loads['unknown']} unknown"
    )
    yield f"left without supply: {answer['left']['customers']}"
