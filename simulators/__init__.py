"""A grid to practise on: it speaks only through the real doors and knows the truth."""
