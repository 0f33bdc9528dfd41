"""Fault rules on readings, one TOML file each; ``telemetry.fault_rule`` says what is in them."""
