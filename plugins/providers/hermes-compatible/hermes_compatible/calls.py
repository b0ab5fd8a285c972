"""Tool calls from their pieces.

A piece belongs to a call by its id and by its index, and vendors are careless with both: the index or the id may be
missing, an id may be repeated or come late, two calls may share an index. The rules are in `CallAssembler`.
Arguments that do not parse are never repaired or guessed: such a call has `arguments=None` and keeps its text in `raw`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_compatible.arguments import parse_arguments
from hermes_host.messages import ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_compatible.wire import CallDelta

__all__ = ["CallAssembler", "PendingCall", "parse_arguments"]


class PendingCall:
    """A call whose pieces are still coming."""

    __slots__ = ("extra", "id", "index", "name", "text")

    def __init__(self, index: int | None, id: str) -> None:
        self.index = index
        self.id = id
        self.name = ""
        self.text = ""
        self.extra: dict[str, Any] = {}

    def finished(self, *, cut: bool) -> ToolCall:
        """The call as it stands; `cut` when the output limit ended it, so that no text may mean lost text."""
        meta = {"extra_content": self.extra} if self.extra else {}
        arguments = None if cut and not self.text.strip() else parse_arguments(self.text)
        id = self.id or f"call_{os.urandom(12).hex()}"
        return ToolCall(id=id, name=self.name, arguments=arguments, raw=self.text, meta=meta)


class CallAssembler:
    """Puts the calls of one message together, in the order in which they first appeared."""

    def __init__(self) -> None:
        self.calls: list[PendingCall] = []

    def add(self, delta: CallDelta) -> tuple[PendingCall, str]:
        """Add a piece; gives its call and the text it adds to the call's arguments."""
        function = delta.function
        name = (function.name if function else None) or ""
        arguments = function.arguments if function else None
        text = arguments if isinstance(arguments, str) else _encoded(arguments)
        call = self.find(delta.index, delta.id or "", name, text)
        if delta.extra_content:
            call.extra = delta.extra_content
        if delta.id and name == call.name and text == call.text and _is_object(text):
            # The same id, name and complete arguments once more: the piece itself was sent twice.
            return call, ""
        if not call.text:
            call.name = _joined_name(call.name, name)
        call.text += text
        return call, text

    def find(self, index: int | None, id: str, name: str, text: str) -> PendingCall:
        """The call a piece belongs to; a new one where the piece begins one."""
        call = self._by_id(index, id, name) if id else self._by_place(index, name, text)
        if call is None:
            taken = any(call.id == id for call in self.calls)
            call = PendingCall(index, "" if taken else id)
            self.calls.append(call)
        elif id and not call.id:
            call.id = id
        return call

    def _by_id(self, index: int | None, id: str, name: str) -> PendingCall | None:
        """An id decides, unless it comes with the name of another call, or at the index of another."""
        known = self._last(lambda call: call.id == id)
        if known is not None and not _contradicts(known, index, name):
            return known
        at_index = self._last(lambda call: call.index == index) if index is not None else None
        if at_index is not None and (not at_index.id or not name):
            # A late id; or a server that invents an id for every piece, of which only the first has a name.
            return at_index
        return None

    def _by_place(self, index: int | None, name: str, text: str) -> PendingCall | None:
        """Without an id the index decides; without both, a piece goes on with the last call or begins another."""
        if index is not None:
            at_index = self._last(lambda call: call.index == index)
            if at_index is None:
                return None
            return None if at_index.text and name not in ("", at_index.name) else at_index
        last = self.calls[-1] if self.calls else None
        if last is None:
            return None
        begins = bool(name) and _is_object(last.text) and (name, text) != (last.name, last.text)
        return None if begins or (last.text and name not in ("", last.name)) else last

    def _last(self, test: Callable[[PendingCall], bool]) -> PendingCall | None:
        return next((call for call in reversed(self.calls) if test(call)), None)


def _contradicts(call: PendingCall, index: int | None, name: str) -> bool:
    """Whether a piece with the call's id is another call's, of a server that gives one id to several."""
    if not name:
        return False
    if index is not None and call.index is not None and index != call.index:
        return True
    return bool(call.text) and name != call.name


def _joined_name(known: str, name: str) -> str:
    """The name with what a piece brings: a repetition adds nothing, a longer form replaces, another piece is added."""
    if known.startswith(name):
        return known
    return name if name.startswith(known) else known + name


def _encoded(arguments: dict[str, Any] | None) -> str:
    return "" if arguments is None else msgspec.json.encode(arguments).decode()


def _is_object(text: str) -> bool:
    return parse_arguments(text) is not None and bool(text.strip())
