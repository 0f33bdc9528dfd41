"""How devices talk: every door leads through the spool to readings and evidence, and nothing is lost."""
