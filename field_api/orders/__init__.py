"""Work orders: what work is, what a step needs and changes, whose they are, and what hangs on them."""
