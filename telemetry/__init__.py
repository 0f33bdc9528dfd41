"""What was measured and what it means: readings, evidence, outages."""
