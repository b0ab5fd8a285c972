"""Terminals for sessions: opened on first use, kept, closed together; and a shell with memory on top of each."""

from __future__ import annotations
