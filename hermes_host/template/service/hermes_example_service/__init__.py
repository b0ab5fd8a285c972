"""Something other plugins of hermes-host may ask for."""
