"""An example plugin that greets people."""
