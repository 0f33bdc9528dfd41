"""What the product does for its people, one file per use case; I/O comes in through ports."""
