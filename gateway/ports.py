"""What the gateway asks of its edge."""
