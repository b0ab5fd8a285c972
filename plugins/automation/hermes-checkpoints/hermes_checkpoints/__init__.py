"""Snapshots of the workspace before the agent changes it."""
