"""Frozen: never edit."""
