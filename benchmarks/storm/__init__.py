"""A bad night on real processes: the grid, the way through it, and what must be true of it afterwards."""
