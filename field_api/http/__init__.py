"""The HTTP door: Flask, nothing else in the house knows it."""
