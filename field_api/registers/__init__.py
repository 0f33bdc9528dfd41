"""Registers that a company keeps beside its orders, one data file each."""
