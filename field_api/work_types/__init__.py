"""Kinds of work, one data file each."""
