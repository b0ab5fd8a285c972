"""A command for hermes-host."""
