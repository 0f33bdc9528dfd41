"""Modbus as data and pure functions: models, connections, values, what to poll when."""
