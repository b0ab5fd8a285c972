"""A memory for hermes-host."""
