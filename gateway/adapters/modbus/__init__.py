"""The Modbus door: lines, links, polls, and configuration of others."""
