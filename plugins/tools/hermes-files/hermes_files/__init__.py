"""Read, write, patch and search files without losing a byte."""
