"""Plugins in processes of their own, confined to what they declare."""
