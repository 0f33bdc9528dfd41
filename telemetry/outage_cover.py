"""Which devices an open outage covers, and since when."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from geo.network import ABSENT, Network
from telemetry.devices import DeviceKind
from telemetry.gateway_ports import DeviceRecord
from telemetry.scope import OutageScope


@dataclass(frozen=True, slots=True, eq=False)
class OpenOutage:
    """An open outage and what is out by it, in rows of the network that it is asked about."""

    started_ms: int
    scope: OutageScope


def covered(
    network: Network, outages: Iterable[OpenOutage], records: Sequence[DeviceRecord]
) -> Mapping[str, int]:
    """Device → start of the earliest open outage that covers it.

    A meter is covered with its own connection; a terminal with the transformer that it watches; a device that
    the network does not know with nothing.
    """
    found: dict[str, int] = {}
    for outage in outages:
        meters, edges = set(outage.scope.meter_rows.tolist()), set(outage.scope.edge_rows.tolist())
        for record in records:
            if _is_inside(network, record, meters, edges):
                found[record.device] = min(found.get(record.device, outage.started_ms), outage.started_ms)
    return found


def _is_inside(network: Network, record: DeviceRecord, meters: set[int], edges: set[int]) -> bool:
    if record.kind is DeviceKind.METER and record.device in network.meter_row:
        return network.meter_row[record.device] in meters
    row = network.terminal_row.get(record.device)
    edge = ABSENT if row is None else int(network.terminals.edge[row])
    return edge != ABSENT and edge in edges
