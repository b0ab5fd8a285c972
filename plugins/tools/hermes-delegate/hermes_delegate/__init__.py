"""Subagents: tasks given to conversations of their own."""
