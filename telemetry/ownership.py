"""Whose side of the ownership boundary (产权分界点) a fault lies on: beyond it there is advice, no truck.

A fault may be anywhere in the class of its cause. The verdict "owner's side" is given only when nearly all
of the class's probability lies on elements that belong to a customer: a truck that does not come must be
right. An element belongs to whom ``owner`` of edges.csv says; where it says nothing, a dedicated transformer
(专变) and everything behind it is its customer's, all else is the company's.
"""

from collections.abc import Sequence
from typing import Final

from geo.network import ABSENT, Network, TransformerKind
from geo.ownership import CUSTOMERS
from geo.tree import EnergisedTree
from telemetry.scope import slice_below

SURE: Final = 0.95
"""Share of the cause's probability that must lie beyond the boundary."""
OWNED: Final = "owner"
DEDICATED: Final = "dedicated_transformer"


def customer_side(network: Network, tree: EnergisedTree, position: int) -> str:
    """Why the element that feeds a position is a customer's (``owner``, ``dedicated_transformer``), or ''."""
    owners = network.edges.extra.get("owner")
    edge = int(tree.edge[position])
    if edge == ABSENT:
        return ""
    told = owners[edge].strip().lower() if owners else ""
    if told:
        return OWNED if told in CUSTOMERS else ""
    while position != ABSENT and tree.edge[position] != ABSENT:
        if network.edges.transformer_kind[tree.edge[position]] == TransformerKind.DEDICATED:
            return DEDICATED
        position = int(tree.parent[position])
    return ""


def owner_side(network: Network, tree: EnergisedTree, chances: Sequence[tuple[str, float]]) -> str:
    """``reason=element`` where a fault in this class lies beyond the boundary, else ''.

    ``chances``: the elements of the class with the probability of each, likeliest first.
    """
    own, total, reason = 0.0, 0.0, ""
    for element, chance in chances:
        part = slice_below(network, tree, element)
        if part.start >= part.stop:
            continue
        why = customer_side(network, tree, part.start)
        total += chance
        own += chance if why else 0.0
        reason = reason or (f"{why}={element}" if why else "")
    return reason if total > 0 and own >= SURE * total else ""
