"""Project instructions, personalities and @ references."""
