"""Skills for hermes-host."""
