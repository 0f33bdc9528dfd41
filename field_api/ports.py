"""What the field room asks of its stores and channels."""
