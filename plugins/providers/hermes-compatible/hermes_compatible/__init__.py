"""Any endpoint that speaks chat completions or messages, with presets for the well-known ones."""
