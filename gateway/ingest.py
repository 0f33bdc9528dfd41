"""From spooled frames to readings and evidence."""
