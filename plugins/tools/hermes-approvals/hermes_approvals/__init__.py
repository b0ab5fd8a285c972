"""Approval rules, a second look by a model, and an audit log."""
