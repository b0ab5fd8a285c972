"""Anthropic's models through the official SDK."""
