"""The gateway: one process that answers wherever people write."""
