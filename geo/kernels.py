"""Loops over a million nodes, compiled: adjacency, breadth-first search, preorder, subtree sums.

Every kernel takes and returns plain arrays and allocates what it answers. They compile at the first call and
are cached in NUMBA_CACHE_DIR; ``geo.tree.warm_up`` calls each once.
"""

import numba as nb
import numpy as np

from geo.network import Bool, Int32, UInt64

ABSENT = np.int32(-1)


@nb.njit(cache=True)
def adjacency(from_node: Int32, to_node: Int32, closed: Bool, node_count: int) -> tuple[Int32, Int32, Int32]:
    """Neighbours of every node over closed edges, lower edge row first.

    Answers ``start`` (node_count + 1), and at ``[start[u], start[u + 1])`` each ``neighbour`` and ``edge``.
    """
    start = np.zeros(node_count + 1, np.int32)
    for e in range(len(from_node)):
        if closed[e]:
            start[from_node[e] + 1] += 1
            start[to_node[e] + 1] += 1
    for u in range(node_count):
        start[u + 1] += start[u]
    fill = start[:-1].copy()
    neighbour = np.empty(start[node_count], np.int32)
    edge = np.empty(start[node_count], np.int32)
    for e in range(len(from_node)):
        if closed[e]:
            u, v = from_node[e], to_node[e]
            neighbour[fill[u]] = v
            edge[fill[u]] = e
            fill[u] += 1
            neighbour[fill[v]] = u
            edge[fill[v]] = e
            fill[v] += 1
    return start, neighbour, edge


@nb.njit(cache=True)
def breadth_first(start: Int32, neighbour: Int32, edge: Int32, sources: Int32) -> tuple[Int32, Int32, Int32]:
    """Nodes in breadth-first order from all sources at once; per node its feeding node and edge (−1 none)."""
    node_count = len(start) - 1
    order = np.empty(node_count, np.int32)
    feeder = np.full(node_count, ABSENT, np.int32)
    feeding_edge = np.full(node_count, ABSENT, np.int32)
    seen = np.zeros(node_count, np.bool_)
    tail = 0
    for s in sources:
        seen[s] = True
        order[tail] = s
        tail += 1
    head = 0
    while head < tail:
        u = order[head]
        head += 1
        for k in range(start[u], start[u + 1]):
            v = neighbour[k]
            if not seen[v]:
                seen[v] = True
                feeder[v] = u
                feeding_edge[v] = edge[k]
                order[tail] = v
                tail += 1
    return order[:tail].copy(), feeder, feeding_edge


@nb.njit(cache=True)
def preorder(order: Int32, feeder: Int32) -> tuple[Int32, Int32]:
    """Preorder position and subtree size per node row, from a breadth-first order; −1 and 0 if unreached.

    Siblings keep their breadth-first order, so the numbering is as deterministic as the search.
    """
    position = np.full(len(feeder), ABSENT, np.int32)
    size = np.zeros(len(feeder), np.int32)
    for k in range(len(order) - 1, -1, -1):
        u = order[k]
        size[u] += 1
        if feeder[u] >= 0:
            size[feeder[u]] += size[u]
    free = np.empty(len(feeder), np.int32)
    next_root = np.int32(0)
    for u in order:
        above = feeder[u]
        if above < 0:
            position[u] = next_root
            next_root += size[u]
        else:
            position[u] = free[above]
            free[above] += size[u]
        free[u] = position[u] + 1
    return position, size


@nb.njit(cache=True)
def along_preorder(
    order: Int32, feeder: Int32, feeding_edge: Int32, position: Int32, size: Int32
) -> tuple[Int32, Int32, Int32, Int32]:
    """Columns ``node, parent, end, edge`` by preorder position."""
    count = len(order)
    node = np.empty(count, np.int32)
    parent = np.empty(count, np.int32)
    end = np.empty(count, np.int32)
    edge = np.empty(count, np.int32)
    for u in order:
        i = position[u]
        node[i] = u
        parent[i] = position[feeder[u]] if feeder[u] >= 0 else ABSENT
        end[i] = i + size[u]
        edge[i] = feeding_edge[u]
    return node, parent, end, edge


@nb.njit(cache=True)
def scramble(value: int) -> np.uint64:
    """64 well-mixed bits of a number: the finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    z = np.uint64(value) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@nb.njit(cache=True)
def loop_signatures(
    from_node: Int32,
    to_node: Int32,
    closed: Bool,
    position: Int32,
    parent: Int32,
    edge: Int32,
) -> tuple[UInt64, Int32]:
    """Per position a signature of the loops that its feeding edge lies on, and the edges that close loops.

    Every closed edge outside the tree carries a random word; a tree edge carries the XOR of those that span
    it. Zero means bridge; equal words mean that the edges lie on exactly the same loops (Pritchard 2011).
    Sources count as one node: a path between two sources is a loop.
    """
    signature = np.zeros(len(parent), np.uint64)
    closing = np.empty(len(from_node), np.int32)
    count = 0
    for e in range(len(from_node)):
        if not closed[e]:
            continue
        i, j = position[from_node[e]], position[to_node[e]]
        if i < 0 or i == j or edge[i] == e or edge[j] == e:
            continue
        closing[count] = e
        count += 1
        word = scramble(e)
        signature[i] ^= word
        signature[j] ^= word
    if count:
        for i in range(len(parent) - 1, -1, -1):
            if parent[i] >= 0:
                signature[parent[i]] ^= signature[i]
            else:
                signature[i] = 0
    return signature, closing[:count].copy()


@nb.njit(cache=True)
def meeting_points(parent: Int32, end: Int32, first: Int32, second: Int32) -> Int32:
    """Per pair of positions ``first ≤ second`` the lowest position that feeds both; −1 under two sources."""
    met = np.empty(len(first), np.int32)
    for k in range(len(first)):
        above = first[k]
        while above >= 0 and end[above] <= second[k]:
            above = parent[above]
        met[k] = above
    return met
