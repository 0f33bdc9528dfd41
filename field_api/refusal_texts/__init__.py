"""What is refused, in words: one data file for each room, both languages side by side."""
