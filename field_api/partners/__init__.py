"""Other systems: their tickets, webhooks and map clients."""
