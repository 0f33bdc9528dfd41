"""Doors that speak MQTT: own sessions, observed brokers, pings out, refusals in."""
