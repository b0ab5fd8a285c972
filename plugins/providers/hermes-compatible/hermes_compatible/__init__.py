"""Any endpoint that speaks chat completions, with presets for the well-known ones."""
