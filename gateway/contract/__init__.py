"""What goes over the wire, for whoever speaks to the gateway: topics and payloads, no behaviour."""
