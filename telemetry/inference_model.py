"""The numbers that the outage inference believes before it has seen any evidence.

Defaults are round figures of the order found in field studies; they are meant to be replaced by what is
learned from confirmed outages. Every probability is per window (one night of weather, ``window_s`` at most).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from geo.network import EdgeKind, Float64
from telemetry.calibration import Calibration, shipped


@dataclass(frozen=True, slots=True)
class Prior:
    """P(an element of this kind fails in the window) = 1 − exp(−(each + per_km · length))."""

    each: float
    per_km: float = 0.0


# Three days of yearly rates of this order: overhead line 0.1 and cable 0.05 faults per km, fuse and service
# 0.04, transformer 0.006, breaker 0.004, switch 0.001 each.
_PRIORS: Mapping[EdgeKind, Prior] = MappingProxyType(
    {
        EdgeKind.LINE: Prior(2e-5, 1e-3),
        EdgeKind.CABLE: Prior(2e-5, 4e-4),
        EdgeKind.BREAKER: Prior(3e-5),
        EdgeKind.SWITCH: Prior(1e-5),
        EdgeKind.FUSE: Prior(3e-4),
        EdgeKind.TRANSFORMER: Prior(5e-5),
        EdgeKind.SERVICE: Prior(3e-4),
    }
)


@dataclass(frozen=True)
class InferenceModel:
    """Probabilities and delays; seconds end in ``_s``."""

    miss: float = 0.4
    """P(the last gasp of a dead meter is lost)."""
    false_alarm: float = 1e-3
    """P(a living meter reports a last gasp in the window)."""
    mapping_error: float = 0.03
    """κ: P(the record of a meter's place is wrong)."""
    elsewhere_dead: float = 0.001
    """ρ: P(the true place of a wrongly recorded meter is dead), before near areas are looked at."""
    blocked: float = 0.1
    """P(nothing comes through from the meters of a terminal)."""
    newly_blocked: float = 0.01
    """The same where they came through until the onset."""
    blocked_leak: float = 0.01
    """How much rarer than in a working area a message out of a blocked area is."""
    faint: float = 0.02
    """P(few last gasps come through from a zone whose meters were heard of until the onset)."""
    faint_share: float = 0.1
    """How many of those that come through elsewhere come through there."""
    false_life: float = 1e-4
    """P(a dead meter seems alive) : P(a living one does)."""
    last_gasp_mean_delay_s: float = 15.0
    last_gasp_early_s: float = 30.0
    """How far before the estimated onset a last gasp may lie and still belong to it."""
    last_gasp_late_s: float = 120.0
    """How late it may be at full worth; its worth then falls to nothing at five times that."""
    alive_tolerance_s: float = 2.0
    """A sign of life counts against an onset only when it is later by more than this."""
    silent_gain: float = 2.5
    """P(poll unanswered | dead) : P(unanswered | alive), while the terminal speaks. Little: whole branches of
    living meters fall silent together when the power line carries their signal badly. But not as little as
    1.5: beside two meters of a box that are out, two more that answer no poll are worth more than chance."""
    confirming_silence_gain: float = 50.0
    """The same for a meter whose last gasp has just come through: it can be heard, so its silence tells."""
    call_gain: float = 150.0
    """P(call | dead) : P(call | alive)."""
    call_delay_s: float = 120.0
    terminal_off_gain: float = 420.0
    """P(terminal's own last gasp | dead) : P(it | alive)."""
    terminal_off_blocked: float = 0.5
    """P(its last gasp comes through | its meters do not come through) : P(it does | they do)."""
    terminal_alive_gain: float = 0.011
    """P(terminal speaks | dead) : P(it speaks | alive); it has a capacitor."""
    terminal_alive_blocked: float = 0.1
    """P(terminal speaks | its meters do not come through) : P(it speaks | they do)."""
    terminal_silent_dead: float = 50.0
    """P(terminal silent | dead) : P(silent | alive and working)."""
    terminal_silent_blocked: float = 95.0
    """P(terminal silent | blocked) : P(silent | alive and working)."""
    switch_open_prior: float = 0.97
    """P(supply interrupted at a switch | newest report says open)."""
    planned_prior: float = 0.9
    planned_lookback_s: float = 300.0
    """Planned work without any sign of its onset is taken to have begun this long ago."""
    fault_passage_gain: float = 20.0
    """By how much the indication of a fault indicator raises the odds of every element below it."""
    loop_prior: float = 1e-8
    """An element on a closed loop interrupts nobody by itself."""
    source_prior: float = 1e-5
    window_s: float = 72 * 3600.0
    """Evidence older than this is moot."""
    cluster_gap_s: float = 60.0
    """Signs of onset further apart than this belong to different onsets."""
    gasp_gap_s: float = 8.0
    """The same below a source of which a last gasp came: those are prompt, calls are late and scattered."""
    cluster_span_s: float = 300.0
    onsets: int = 7
    """Most onset bins of a supply area beside one local bin per transformer area. Only those that the signs
    call for are used: one on most nights, all of them in storms, where a fault that finds no bin of its own
    is taken for as many as there are transformers below it."""
    calibration: Calibration = field(default_factory=shipped)
    """What the probabilities that people are told have proved to be worth."""
    priors: Mapping[EdgeKind, Prior] = field(default_factory=lambda: _PRIORS)
    usual_faults: float | None = None
    """Faults that the whole network usually sees in the window; ``priors`` are scaled to it where a network
    is at hand (``telemetry.failure_rates``). None: at least two, and more where ``priors`` expect more."""

    def arrived(self, elapsed_s: Float64) -> Float64:
        """F: share of the last gasps not lost that have arrived ``elapsed_s`` after the onset."""
        share: Float64 = -np.expm1(-np.maximum(elapsed_s, 0.0) / self.last_gasp_mean_delay_s)
        return share
