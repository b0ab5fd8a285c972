"""A chat platform for hermes-host."""
