"""A million meters as CSV files: reading, checking and comparing them, step by step and in all; then as CIM.

``python -m benchmarks.network_import`` (about five minutes of processor time, five gigabytes).
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final, TypeVar

from benchmarks.record import Cell, record
from geo.adapters.cim import read_cim
from geo.adapters.cim_export import write_cim
from geo.adapters.csv_folder import read_folder, write_folder
from geo.adapters.gis import read_gis
from geo.adapters.gis_export import write_geopackage
from geo.cells import Cells
from geo.differences import differences
from geo.linkage import Linkage
from geo.network import Network
from geo.tree import warm_up

FEEDERS: Final = 200
TRANSFORMERS: Final = 50
"""Per feeder, in a row."""
ACCESS_POINTS: Final = 10
"""Per transformer."""
METERS: Final = 10
"""Per access point; a million in all, of a customer each."""
CIM_FEEDERS: Final = (20, 60, 200)
"""Of models as CIM: 100,000 meters to a million."""
Row = dict[str, Cell]
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Size:
    """How many feeders, and of each thing how many per the one before."""

    feeders: int = FEEDERS
    transformers: int = TRANSFORMERS
    access_points: int = ACCESS_POINTS
    meters: int = METERS


def write_model(folder: Path, size: Size = Size()) -> None:
    """The grid as a company would export it."""
    folder.mkdir(parents=True, exist_ok=True)
    headers = {
        "nodes": "id,kind,name,lon,lat,voltage_kv",
        "edges": "id,kind,from_id,to_id,closed,phases,length_m,name,rated_kva,transformer_kind",
        "meters": "id,node_id,customer_id,phases,terminal_id",
        "terminals": "id,edge_id",
        "customers": "id,name,class,priority,phone,address,grid_id,access_point_id",
    }
    lines = {
        "nodes": _nodes(size),
        "edges": _edges(size),
        "meters": _meters(size),
        "terminals": (f"TT{t},T{t}" for t in range(size.feeders * size.transformers)),
        "customers": _customers(size),
    }
    for name, header in headers.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8") as out:
            out.write(header + "\n")
            out.writelines(line + "\n" for line in lines[name])


def _areas(size: Size) -> Iterator[tuple[int, int, float, float]]:
    """Feeder, transformer, and where it stands."""
    for feeder in range(size.feeders):
        for place in range(size.transformers):
            yield feeder, feeder * size.transformers + place, 116 + feeder * 0.004, 39 + place * 0.004


def _nodes(size: Size) -> Iterator[str]:
    yield "S,substation,东站,116.0,38.99,10"
    for _feeder, t, lon, lat in _areas(size):
        yield f"P{t},pole,{t}号杆,{lon:.6f},{lat:.6f},10"
        yield f"L{t},transformer_lv,{t}号台区,{lon:.6f},{lat:.6f},0.4"
        for a in range(size.access_points):
            yield f"A{t}-{a},access_point,,{lon + 0.0002 * a:.6f},{lat + 0.0003:.6f},0.4"


def _edges(size: Size) -> Iterator[str]:
    for feeder, t, _lon, _lat in _areas(size):
        first = t % size.transformers == 0
        ends = f"S,P{t}" if first else f"P{t - 1},P{t}"
        yield f"{'CB' if first else 'LN'}{t},{'breaker' if first else 'line'},{ends},1,ABC,,10kV{feeder}线,,"
        yield f"T{t},transformer,P{t},L{t},1,ABC,,{t}号变,400,public"
        for a in range(size.access_points):
            yield f"SV{t}-{a},service,L{t},A{t}-{a},1,ABC,{200 + 20 * a},接户线,,"


def _points(size: Size) -> Iterator[tuple[int, int, int]]:
    """Transformer, access point, number of the meter."""
    number = 0
    for t in range(size.feeders * size.transformers):
        for a in range(size.access_points):
            for _ in range(size.meters):
                yield t, a, number
                number += 1


def _meters(size: Size) -> Iterator[str]:
    return (f"3{n:011d},A{t}-{a},{7_000_000_000 + n},{'ABC'[n % 3]},TT{t}" for t, a, n in _points(size))


def _customers(size: Size) -> Iterator[str]:
    return (
        f"{7_000_000_000 + n},客户{n},resident,normal,199{n:08d},东河镇{t}号院{n % 100}室,"
        f"G{t % 40:02d},A{t}-{a}"
        for t, a, n in _points(size)
    )


def _timed(answer: Callable[[], Answer]) -> tuple[Answer, float]:
    began = time.process_time()
    found = answer()
    return found, time.process_time() - began


def measure(folder: Path) -> list[Row]:
    """Steps of one process, with the most memory that it held by then."""
    warm_up()
    rows: list[Row] = []

    def step(name: str, work: Callable[[], Answer]) -> Answer:
        found, seconds = _timed(work)
        most = _most_memory_mb()
        rows.append({"step": name, "processor s": round(seconds, 1), "most memory MB": round(most)})
        return found

    network: Network = step("read and check CSV", lambda: read_folder(folder).accepted())
    step("linkage by grid cell", lambda: Linkage(network).rates(Cells.of(network)))
    step("write CSV", lambda: write_folder(network, folder / "again"))
    again: Network = step("read it again", lambda: read_folder(folder / "again").accepted())
    step("compare with one change", lambda: differences(network, _changed(again)))
    step("write GeoPackage", lambda: write_geopackage(network, folder / "model.gpkg"))
    step("read and check GeoPackage", lambda: read_gis(folder / "model.gpkg").accepted())
    return rows


def measure_cim(folder: Path) -> list[Row]:
    """Models of growing size as CIM XML, each written and read by a process of its own."""
    rows: list[Row] = []
    for feeders in CIM_FEEDERS:
        with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
            document, write_s = fresh.submit(_write_cim, folder / f"{feeders}", feeders).result()
        with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
            meters, read_s, most_mb = fresh.submit(_read_cim, document).result()
        rows.append(
            {
                "meters": meters,
                "XML MB": round(document.stat().st_size / 1e6),
                "write, processor s": round(write_s, 1),
                "read and check, processor s": round(read_s, 1),
                "µs a meter": round(1e6 * read_s / meters, 1),
                "most memory MB": round(most_mb),
            }
        )
        document.unlink()
    return rows


def _write_cim(folder: Path, feeders: int) -> tuple[Path, float]:
    write_model(folder, Size(feeders))
    network, document = read_folder(folder).accepted(), folder / "model.xml"
    _, seconds = _timed(lambda: write_cim(network, document))
    return document, seconds


def _read_cim(document: Path) -> tuple[int, float, float]:
    """Meters, seconds, most memory in MB."""
    warm_up()
    network, seconds = _timed(lambda: read_cim(document).accepted())
    return len(network.meters), seconds, _most_memory_mb()


def _most_memory_mb() -> float:
    """Of this program; ``getrusage`` would also count what its parent held before it was started."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _changed(network: Network) -> Network:
    """One meter with other phases, so that every cell is looked at."""
    meters = network.meters
    phases = meters.phases.copy()
    phases[0] = 7
    return Network(
        nodes=network.nodes, edges=network.edges, terminals=network.terminals, sensors=network.sensors,
        customers=network.customers, content_hash="",
        meters=type(meters)(meters.ids, meters.node, meters.customer, phases, meters.terminal, meters.extra),
    )  # fmt: skip


def run() -> None:
    """Measure and write ``results/network_import``."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_model(folder)
        size = sum(file.stat().st_size for file in folder.glob("*.csv"))
        rows = measure(folder)
        cim = measure_cim(folder / "cim")
    count = FEEDERS * TRANSFORMERS * ACCESS_POINTS * METERS
    record(
        "network_import",
        f"Bring in {count:,} meters",
        {"Step by step, in one process": rows, "CIM XML, each in a process of its own": cim},
        notes=[
            f"{size / 1e6:.0f} MB of CSV: as many customers, 120,001 nodes, 120,000 edges.",
            f"Load of the machine at the end, other programs included: {os.getloadavg()[0]:.1f}.",
            "Processor seconds; memory is the most that the process held up to the end of the step.",
        ],
        packages=["numpy", "geopandas", "pyogrio"],
    )


if __name__ == "__main__":
    run()
