"""Who goes where by when: plans of crews' work, and why."""
