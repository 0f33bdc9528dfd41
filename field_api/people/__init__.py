"""Who uses the desk and what they may see; the record of what they did."""
