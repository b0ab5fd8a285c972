"""What can go wrong between here and the other machine, in words for a person."""

from __future__ import annotations

from hermes_host.errors import HermesError

__all__ = ["CommandLost", "Unreachable"]


class Unreachable(HermesError):
    """The machine does not answer, or not as it should. Trying again later may help."""


class CommandLost(HermesError):
    """The connection ended while a command ran. What the command had done by then is done; it is not run again."""
