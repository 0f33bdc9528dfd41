"""By when: promises, working days, pauses and the clocks of an order."""
