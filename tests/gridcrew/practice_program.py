"""A program for the supervisor's tests: gets ready, then behaves as its argument says."""

import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    name, behaviour, folder = sys.argv[1:4]
    with Path(folder, f"{name}.starts").open("a", encoding="utf-8") as starts:
        starts.write(f"{os.getpid()}\n")
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if behaviour == "broken":
        sys.exit("cannot go on")
    said = (
        f'{{"level": "info", "message": "hello from {name}"}}'
        if behaviour == "json"
        else f"hello from {name}"
    )
    sys.stdout.write(f"{said}\n{name} ready\n")
    sys.stdout.flush()
    if behaviour != "short":
        time.sleep(60)


if __name__ == "__main__":
    main()
