"""What runs inside an isolated plugin's process, on its own Python: only the standard library, msgspec, hermes-host."""
