"""What the gateway commits in one transaction, table by table."""
