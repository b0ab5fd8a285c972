"""Shell scripts as values: parsed by a grammar, read strictly, never run."""
