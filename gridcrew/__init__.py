"""Command line, settings and the all-in-one supervisor: the only place that knows everyone."""
