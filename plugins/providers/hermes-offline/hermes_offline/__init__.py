"""A deterministic provider that needs no key, no network and no configuration."""
