"""One conversation and its turns: prompt, loop, tools, approvals."""

from __future__ import annotations

from hermes_host.agent.session import Session

__all__ = ["Session"]
