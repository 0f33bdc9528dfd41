"""Pure decoders: bytes in, ``(readings, evidence, problems)`` out; they do not raise on field data."""
