"""Schema versions of each owner's database. Only ``up`` and ``migrate`` (and tests) migrate."""
