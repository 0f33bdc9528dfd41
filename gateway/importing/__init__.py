"""Configurations of other Modbus gateways → our device and connection files; pure, and nothing unsaid."""
