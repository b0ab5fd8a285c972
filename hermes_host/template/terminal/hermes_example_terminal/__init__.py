"""A place where commands run, for hermes-host."""
