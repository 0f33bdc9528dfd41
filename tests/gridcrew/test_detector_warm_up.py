"""The first outage after a start finds every compiled loop ready."""

import json
import subprocess
import sys
from typing import Final

PROGRAM: Final = """
import json, sys
from numba.core.dispatcher import Dispatcher
from gridcrew.commands.detector import warm_up
from telemetry.detector import Detector, DetectorRules
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.inference import InferenceModel
from tests.telemetry.nights import T0, feeder, under

def ready():
    ours = [module for name, module in sys.modules.items() if name.split(".")[0] in ("geo", "telemetry")]
    loops = {found for module in ours for found in vars(module).values() if isinstance(found, Dispatcher)}
    return {f"{loop.py_func.__module__}.{loop.py_func.__name__}": len(loop.signatures) for loop in loops}

network = feeder()
warm_up(network)
before = ready()
detector = Detector(network, DetectorRules(InferenceModel()))
detector.observe([Evidence(EvidenceKind.POWER_OFF, T0, T0, "", under("B1"), "1")], T0)
told = detector.evaluate(T0, force=True)
after = ready()
print(json.dumps([len(told), len(before), [name for name in after if after[name] != before.get(name, 0)]]))
"""


def test_the_first_outage_waits_for_no_compiler() -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    told, loops, compiled_late = json.loads(run.stdout)
    assert told == 1
    assert loops > 20
    assert compiled_late == []
