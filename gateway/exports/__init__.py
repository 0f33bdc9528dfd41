"""Exports of foreign head-ends: what their lines mean, as pure functions."""
