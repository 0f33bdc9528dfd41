"""INT-02: the share of customers that both systems link without a gap, and what the others lack."""

from pathlib import Path

import pytest

from geo.adapters.csv_folder import read_folder
from geo.cells import Cells
from geo.linkage import Gap, Linkage
from geo.network import Network


def _network(folder: Path, file: str, old: str, new: str) -> Network:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")
    return read_folder(folder).accepted()


def test_rates_by_grid_cell(folder: Path) -> None:
    network = read_folder(folder).accepted()
    rates = Linkage(network).rates(Cells.of(network))
    assert [(rate.cell, rate.customers, rate.linked) for rate in rates] == [
        ("", 3, 2), ("G1", 2, 1), ("G2", 1, 1),
    ]  # fmt: skip
    assert rates[0].gaps == {"meter": 0, "access_point": 1, "transformer": 0, "line": 0, "mismatch": 0}
    assert rates[2].share == 1.0


@pytest.mark.parametrize(
    ("file", "old", "new", "customer", "expected"),
    [
        ("meters.csv", "M3,L2,C3,ABC,TT2\n", "", "C3", Gap.METER),
        ("customers.csv", "三号院,G2,L2", "三号院,G2,", "C3", Gap.ACCESS_POINT),
        ("meters.csv", "C3,ABC,TT2", "C3,ABC,TT1", "C3", Gap.MISMATCH),
        ("customers.csv", "三号院,G2,L2\n", "三号院,G2,L2\nC4,,,,,,G2,\n", "C4", Gap(15)),
    ],
)
def test_each_gap_is_told_apart(
    folder: Path, file: str, old: str, new: str, customer: str, expected: Gap
) -> None:
    network = _network(folder, file, old, new)
    assert Gap(int(Linkage(network).gaps[network.customer_row[customer]])) == expected


def test_without_customers_there_is_no_share(folder: Path) -> None:
    (folder / "meters.csv").write_text("id,node_id,customer_id,phases,terminal_id\n")
    (folder / "customers.csv").unlink()
    network = read_folder(folder).accepted()
    assert Linkage(network).rates(Cells.of(network))[0].share is None
