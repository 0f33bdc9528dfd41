"""What it costs to seal the persons of a network: 100,000 customers stored and loaded, with keys and without.

``python -m benchmarks.sealed_snapshots`` (about half a minute of processor time).
"""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from benchmarks.network_import import Size, write_model
from benchmarks.record import Cell, record
from field_api.adapters.vault import Vault
from geo.adapters.csv_folder import read_folder
from geo.snapshot import pack, unpack

SIZE: Final = Size(feeders=20)
"""A hundred thousand customers, as many meters."""
REPEATS: Final = 3
Answer = TypeVar("Answer")


def _best(work: Callable[[], Answer]) -> tuple[Answer, float]:
    """Its answer and the least processor time of some repeats, in seconds."""
    took = []
    for _ in range(REPEATS):
        began = time.process_time()
        answer = work()
        took.append(time.process_time() - began)
    return answer, min(took)


def main() -> None:
    """Measure and write the result."""
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder) / "csv", SIZE)
        began = time.process_time()
        network = read_folder(Path(folder) / "csv").accepted()
        read_s = time.process_time() - began
        rows: list[dict[str, Cell]] = []
        for name, vault in (("readable", None), ("sealed", Vault(Path(folder) / "people.keys"))):
            packed, pack_s = _best(partial(pack, network, vault))
            _, unpack_s = _best(partial(unpack, packed, network.content_hash, vault))
            rows.append(
                {
                    "snapshot": name, "read, check [s]": round(read_s, 2), "pack [s]": round(pack_s, 2),
                    "load [s]": round(unpack_s, 2), "bytes": len(packed),
                    "import [s]": round(read_s + pack_s, 2),
                }
            )  # fmt: skip
    record(
        "sealed-snapshots",
        f"Persons sealed in a network's snapshot: {len(network.customers):,} customers",
        {"Seconds of processor time": rows},
        notes=[f"Best of {REPEATS}; reading once. Import = read, check and pack."],
        packages=("cryptography", "numpy", "msgspec"),
    )


if __name__ == "__main__":
    main()
