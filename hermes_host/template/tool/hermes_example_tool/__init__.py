"""A tool for hermes-host that counts words."""
