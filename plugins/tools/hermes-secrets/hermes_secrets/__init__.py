"""Secret stores: the system's keyring, and any password manager with a command line."""
