"""Foreign gateways run beside ours on the same streams and faults; what each loses and what each costs."""
