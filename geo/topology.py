"""What hangs together, whatever feeds it."""

from geo import kernels
from geo.network import Bool, Int32, Network


def components(network: Network, edge_mask: Bool) -> Int32:
    """Per node a number of its connected part over the edges of the mask."""
    chosen = network.edges.from_node[edge_mask], network.edges.to_node[edge_mask]
    return connected(chosen[0], chosen[1], len(network.nodes))


def connected(from_node: Int32, to_node: Int32, node_count: int) -> Int32:
    """Per node a number of its connected part over these edges."""
    return kernels.connected_parts(from_node, to_node, node_count)
