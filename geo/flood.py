"""Everything that hangs together with a place, at the cost of what is found and not of the network."""

import numba as nb
import numpy as np

from geo.network import Bool, Int32


@nb.njit(cache=True)
def flood(start: Int32, link: Int32, seeds: Int32, passable: Bool) -> tuple[Int32, Int32, Int32]:
    """Spread from the seeds over passable edges; ``start`` and ``link`` as of ``kernels.adjacency``.

    Answers the nodes reached (nearest first), the edges passed, and the impassable edges met at the border.
    """
    reached = np.zeros(len(start) - 1, np.bool_)
    seen = np.zeros(len(passable), np.bool_)
    node = np.empty(len(start) - 1, np.int32)
    passed = np.empty(len(passable), np.int32)
    border = np.empty(len(passable), np.int32)
    tail, passes, borders = 0, 0, 0
    for seed in seeds:
        if not reached[seed]:
            reached[seed] = True
            node[tail] = seed
            tail += 1
    head = 0
    while head < tail:
        u = node[head]
        head += 1
        for k in range(start[u], start[u + 1]):
            v, e = link[k, 0], link[k, 1]
            if seen[e]:
                continue
            seen[e] = True
            if not passable[e]:
                border[borders] = e
                borders += 1
                continue
            passed[passes] = e
            passes += 1
            if not reached[v]:
                reached[v] = True
                node[tail] = v
                tail += 1
    return node[:tail].copy(), passed[:passes].copy(), border[:borders].copy()
