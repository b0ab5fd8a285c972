"""Terminals for sessions: opened on first use, kept, closed together; and a shell with memory on top of each."""

from __future__ import annotations

from hermes_host.terminals.jobs import Job, Jobs
from hermes_host.terminals.sessions import Terminals
from hermes_host.terminals.shell import Shell, ShellResult

__all__ = ["Job", "Jobs", "Shell", "ShellResult", "Terminals"]
