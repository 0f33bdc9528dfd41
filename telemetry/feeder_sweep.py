"""One feeder anew, the rest from store: what an event below one element changes, in well under a millisecond.

The messages of the whole tree are kept. New evidence below a class re-sweeps that slice, carries the
difference of its message up to the source and comes down again along that way, so the posterior of the slice
is exactly that of a full sweep with the same onset bins.
"""

import numpy as np

from telemetry.inference import Posterior
from telemetry.inference_kernels import Floats, refresh, sweep_up
from telemetry.likelihoods import NodeEvidence


class FeederSweep:
    """Messages of a tree, to be re-swept slice by slice; a slice must begin in the zone of its source."""

    def __init__(self, posterior: Posterior) -> None:
        grid, chances = posterior.grid, posterior.chances
        self._parent, self._end = grid.parent, grid.end
        # P(terminal blocked) is split off where a zone begins, so a slice begins outside all of them
        self.may_begin = (grid.zone_outer < 0)[grid.zone] & ~grid.zone_latent[grid.zone]
        self._tree = (grid.parent, grid.zone, posterior.onsets.bins, posterior.onsets.inner, chances.blocked)
        self._failing = (chances.class_survival, chances.fail)
        self.works, self.stuck = posterior.evidence.works.copy(), posterior.evidence.stuck.copy()
        self._up_works, self._up_stuck = np.zeros_like(self.works), np.zeros_like(self.works)
        self.state = posterior.state.copy()
        self.class_cut = posterior.class_cut.copy()
        sweep_up(0, len(self._parent), *self._tree, *self._failing, False, *self._messages())

    def _messages(self) -> tuple[Floats, Floats, Floats, Floats]:
        return self.works, self.stuck, self._up_works, self._up_stuck

    def refresh(self, top: int, evidence: NodeEvidence) -> slice:
        """Take the evidence of the classes at and below ``top``, renew their posterior, say which they are.

        Raises ``ValueError`` where ``top`` lies inside the zone of a transformer.
        """
        if not self.may_begin[top]:
            raise ValueError(f"class {top} lies inside the zone of a transformer, not in that of a source")
        stop = int(self._end[top])
        refresh(
            top, stop, *self._tree, *self._failing, evidence.works, evidence.stuck, *self._messages(),
            self.state[0], self.state[1], self.class_cut,
        )  # fmt: skip
        return slice(top, stop)
