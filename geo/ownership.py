"""Whose an element is, the company's or a customer's: by ``owner`` of edges.csv and by transformer kinds."""

from typing import Final

import numpy as np

from geo.network import Bool, Network, TransformerKind

CUSTOMERS: Final = frozenset({"customer", "user", "private", "用户", "客户", "用户资产", "专用"})
"""How sources spell the customer's side, lower case; any other text is the company's."""


def customers_edges(network: Network) -> Bool:
    """Per edge: a customer owns it, or it is a dedicated transformer (专变) of which nothing else is told.

    What lies behind such an edge is the customer's too (产权分界点); that follows from the tree.
    """
    edges = network.edges
    dedicated: Bool = edges.transformer_kind == TransformerKind.DEDICATED
    owners = edges.extra.get("owner")
    if owners is None:
        return dedicated
    told = [owner.strip().lower() for owner in owners]
    silent = np.array([not owner for owner in told], np.bool_)
    return np.array([owner in CUSTOMERS for owner in told], np.bool_) | (dedicated & silent)
