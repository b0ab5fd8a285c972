"""A model that makes the same failing call again and again: told once, then stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hermes_host.messages import ToolCall, ToolResult

__all__ = ["Repeats"]

NOTE_AT = 3
STOP_AT = 6


class Repeats:
    """Counts equal failing calls in a row."""

    def __init__(self) -> None:
        self.count = 0
        self._last: tuple[object, ...] = ()

    def see(self, call: ToolCall, result: ToolResult) -> None:
        """Take note of one call and how it went."""
        key = (call.name, call.arguments if call.arguments is not None else call.raw)
        if not result.is_error:
            self.count, self._last = 0, ()
        elif key == self._last:
            self.count += 1
        else:
            self.count, self._last = 1, key

    @property
    def hopeless(self) -> bool:
        """Whether going on makes no sense."""
        return self.count >= STOP_AT

    def note(self) -> str:
        """What the model is told; empty while there is nothing to tell."""
        if self.count < NOTE_AT:
            return ""
        return f"This call has failed {self.count} times with the same arguments. Do not repeat it; do something else."
