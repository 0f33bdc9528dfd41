"""Where things are and what feeds what: the network as immutable arrays."""
