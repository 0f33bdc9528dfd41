"""From a door to the stores: spools, drain, back-pressure, the two processes."""
