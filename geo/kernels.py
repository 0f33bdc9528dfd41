"""Loops over a million nodes, compiled: adjacency, breadth-first search, preorder, subtree sums.

Every kernel takes and returns plain arrays and allocates what it answers. They compile at the first call and
are cached in NUMBA_CACHE_DIR; ``geo.tree.warm_up`` calls each once.
"""

import numba as nb
import numpy as np

from geo.network import Bool, Float64, Int32, UInt64

ABSENT = np.int32(-1)


@nb.njit(cache=True)
def adjacency(from_node: Int32, to_node: Int32, closed: Bool, node_count: int) -> tuple[Int32, Int32]:
    """Neighbours of every node over closed edges, lower edge row first.

    Answers ``start`` (node_count + 1) and ``link``, whose rows ``[start[u], start[u + 1])`` are the pairs
    (neighbour, edge) of node u. Pairs, because both are always read together.
    """
    start = np.zeros(node_count + 1, np.int32)
    for e in range(len(from_node)):
        if closed[e]:
            start[from_node[e] + 1] += 1
            start[to_node[e] + 1] += 1
    for u in range(node_count):
        start[u + 1] += start[u]
    fill = start[:-1].copy()
    link = np.empty((start[node_count], 2), np.int32)
    for e in range(len(from_node)):
        if closed[e]:
            u, v = from_node[e], to_node[e]
            link[fill[u], 0] = v
            link[fill[u], 1] = e
            fill[u] += 1
            link[fill[v], 0] = u
            link[fill[v], 1] = e
            fill[v] += 1
    return start, link


@nb.njit(cache=True)
def breadth_first(start: Int32, link: Int32, sources: Int32) -> tuple[Int32, Int32, Int32, Int32]:
    """Spread from all sources at once.

    Answers by rank (the order of discovery) the ``node``, the rank ``above`` that feeds it and the feeding
    ``edge`` (−1 at sources), and the ``closing`` edges, which join two nodes that are fed otherwise.
    """
    node_count = len(start) - 1
    node = np.empty(node_count, np.int32)
    above = np.empty(node_count, np.int32)
    edge = np.empty(node_count, np.int32)
    closing = np.empty(len(link) // 2, np.int32)
    rank = np.full(node_count, ABSENT, np.int32)
    tail = 0
    for s in sources:
        rank[s] = tail
        node[tail] = s
        above[tail] = ABSENT
        edge[tail] = ABSENT
        tail += 1
    head = 0
    loops = 0
    while head < tail:
        u = node[head]
        for k in range(start[u], start[u + 1]):
            v, e = link[k, 0], link[k, 1]
            if rank[v] < 0:
                rank[v] = tail
                node[tail] = v
                above[tail] = head
                edge[tail] = e
                tail += 1
            elif rank[v] > head and e != edge[rank[v]]:
                # Met from its earlier end only, so once.
                closing[loops] = e
                loops += 1
        head += 1
    return node[:tail], above[:tail], edge[:tail], np.sort(closing[:loops])


@nb.njit(cache=True)
def preorder(
    node: Int32, above: Int32, edge: Int32, node_count: int
) -> tuple[Int32, Int32, Int32, Int32, Int32]:
    """Columns ``node, parent, end, edge`` by preorder position, and the ``position`` of every node row.

    Siblings keep the order of their discovery. Work goes along the ranks, where parents lie close together.
    """
    count = len(node)
    size = np.ones(count, np.int32)
    for k in range(count - 1, -1, -1):
        if above[k] >= 0:
            size[above[k]] += size[k]
    place = np.empty(count, np.int32)
    free = np.empty(count, np.int32)
    next_root = np.int32(0)
    for k in range(count):
        if above[k] < 0:
            place[k] = next_root
            next_root += size[k]
        else:
            place[k] = free[above[k]]
            free[above[k]] += size[k]
        free[k] = place[k] + 1
    by_place = np.empty((count, 4), np.int32)
    position = np.full(node_count, ABSENT, np.int32)
    for k in range(count):
        i = place[k]
        by_place[i, 0] = node[k]
        by_place[i, 1] = place[above[k]] if above[k] >= 0 else ABSENT
        by_place[i, 2] = i + size[k]
        by_place[i, 3] = edge[k]
        position[node[k]] = i
    return (
        by_place[:, 0].copy(),
        by_place[:, 1].copy(),
        by_place[:, 2].copy(),
        by_place[:, 3].copy(),
        position,
    )


@nb.njit(cache=True)
def scramble(value: int) -> np.uint64:
    """64 well-mixed bits of a number: the finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    z = np.uint64(value) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@nb.njit(cache=True)
def loop_signatures(closing: Int32, first: Int32, second: Int32, parent: Int32) -> UInt64:
    """Per position a signature of the loops that its feeding edge lies on.

    ``closing`` are the edges outside the tree, ``first`` and ``second`` the positions of their ends. Each
    carries a random word; a tree edge carries the XOR of those that span it. Zero means bridge; equal words
    mean that the edges lie on exactly the same loops (Pritchard and Thurimella 2011). Sources count as one
    node: a path between two sources is a loop.
    """
    signature = np.zeros(len(parent), np.uint64)
    for k in range(len(closing)):
        word = scramble(closing[k])
        signature[first[k]] ^= word
        signature[second[k]] ^= word
    if len(closing):
        for i in range(len(parent) - 1, -1, -1):
            if parent[i] >= 0:
                signature[parent[i]] ^= signature[i]
            else:
                signature[i] = 0
    return signature


@nb.njit(cache=True)
def _regions(cut: Int32, end: Int32) -> tuple[Int32, Int32]:
    """Part the positions at the cuts: where each piece begins, and the number of the innermost cut around it.

    Cut c (ascending, each once) has the number c + 1; 0 is outside all cuts.
    """
    count = len(cut)
    begin = np.zeros(2 * count + 1, np.int32)
    region = np.zeros(2 * count + 1, np.int32)
    stack = np.zeros(count + 1, np.int32)
    depth, pieces = 0, 1
    for c in range(count + 1):
        while depth > 0 and (c == count or end[cut[stack[depth] - 1]] <= cut[c]):
            begin[pieces] = end[cut[stack[depth] - 1]]
            depth -= 1
            region[pieces] = stack[depth]
            pieces += 1
        if c < count:
            depth += 1
            stack[depth] = c + 1
            begin[pieces], region[pieces] = cut[c], c + 1
            pieces += 1
    return begin, region


@nb.njit(cache=True)
def _root(joined: Int32, a: int) -> int:
    while joined[a] != a:
        a = joined[a]
    return a


@nb.njit(cache=True)
def dead_slices(cut: Int32, end: Int32, first: Int32, second: Int32) -> Int32:
    """Which positions lose supply when the tree is cut above the positions ``cut`` (ascending, each once).

    ``first`` and ``second`` are the positions of the ends of all closed edges outside the tree. The cuts part
    the positions into regions (a slice without the cut slices inside it); a region lives when such edges join
    it, over others or not, with what no cut parted from the sources. Answers disjoint slices, shape (k, 2).
    """
    begin, region = _regions(cut, end)
    joined = np.arange(len(cut) + 1).astype(np.int32)
    for k in range(len(first)):
        a = _root(joined, region[np.searchsorted(begin, first[k], side="right") - 1])
        b = _root(joined, region[np.searchsorted(begin, second[k], side="right") - 1])
        joined[max(a, b)] = min(a, b)
    dead = np.empty((len(begin), 2), np.int32)
    found = 0
    # The last piece always lies outside all cuts.
    for k in range(len(begin) - 1):
        if begin[k] == begin[k + 1] or _root(joined, region[k]) == 0:
            continue
        if found and dead[found - 1, 1] == begin[k]:
            dead[found - 1, 1] = begin[k + 1]
        else:
            dead[found, 0], dead[found, 1] = begin[k], begin[k + 1]
            found += 1
    return dead[:found].copy()


@nb.njit(cache=True)
def connected_parts(from_node: Int32, to_node: Int32, node_count: int) -> Int32:
    """Per node the number of its part, counted in the order of each part's lowest node row.

    Trees of nodes are joined under their lowest row, and flattened on the way.
    """
    part = np.arange(node_count).astype(np.int32)
    for e in range(len(from_node)):
        a, b = from_node[e], to_node[e]
        while part[a] != a:
            part[a] = part[part[a]]
            a = part[a]
        while part[b] != b:
            part[b] = part[part[b]]
            b = part[b]
        part[max(a, b)] = min(a, b)
    count = np.int32(0)
    for node in range(node_count):
        if part[node] == node:
            part[node] = count
            count += 1
        else:
            part[node] = part[part[node]]
    return part


@nb.njit(cache=True)
def nearest(x: Float64, y: Float64, wanted: int) -> Int32:
    """Rows of the ``wanted`` nearest other points of each, nearest first; −1 where there are fewer.

    Along x, outwards from each point, until no point further on can be nearer than the last one found.
    """
    order = np.argsort(x)
    found = np.full((len(x), wanted), ABSENT, np.int32)
    distance = np.full(wanted, np.inf)
    for place in range(len(order)):
        point = order[place]
        distance[:] = np.inf
        for step in (-1, 1):
            at = place + step
            while 0 <= at < len(order) and (x[order[at]] - x[point]) ** 2 < distance[wanted - 1]:
                other = order[at]
                away = (x[other] - x[point]) ** 2 + (y[other] - y[point]) ** 2
                slot = wanted - 1
                if away < distance[slot]:
                    while slot > 0 and distance[slot - 1] > away:
                        distance[slot] = distance[slot - 1]
                        found[point, slot] = found[point, slot - 1]
                        slot -= 1
                    distance[slot] = away
                    found[point, slot] = other
                at += step
    return found


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


@nb.njit(cache=True)
def by_position(position: Int32, count: int) -> tuple[Int32, Int32]:
    """Rows in the order of their position (equal ones by row), those with −1 left out, and where each begins.

    A counting sort: ``begin`` has count + 1 entries, the rows at position i are ``[begin[i], begin[i + 1])``.
    """
    begin = np.zeros(count + 1, np.int32)
    for at in position:
        if at >= 0:
            begin[at + 1] += 1
    for i in range(count):
        begin[i + 1] += begin[i]
    fill = begin[:-1].copy()
    order = np.empty(begin[count], np.int32)
    for row in range(len(position)):
        at = position[row]
        if at >= 0:
            order[fill[at]] = row
            fill[at] += 1
    return order, begin


@nb.njit(cache=True)
def way_up(parent: Int32, position: int) -> Int32:
    """Positions from the source down to this one."""
    steps = 0
    at = position
    while at >= 0:
        steps += 1
        at = parent[at]
    path = np.empty(steps, np.int32)
    at = position
    while at >= 0:
        steps -= 1
        path[steps] = at
        at = parent[at]
    return path
