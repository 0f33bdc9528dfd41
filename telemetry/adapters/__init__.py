"""The room's edge: files, databases and foreign libraries."""
