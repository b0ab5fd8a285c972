"""Reasoning that comes as `<think>` tags at the beginning of the content."""

from __future__ import annotations

from typing import Literal

__all__ = ["ThinkSplitter"]

_OPEN, _CLOSE = "<think>", "</think>"


class ThinkSplitter:
    """Splits content deltas into reasoning and text. Only tags before any text count; later ones are quoted text."""

    def __init__(self) -> None:
        self._state: Literal["start", "thinking", "gap", "text"] = "start"
        self._held = ""

    def feed(self, text: str) -> list[tuple[Literal["reasoning", "text"], str]]:
        """The parts of `text`, as far as they are decided; what may be a tag's beginning is held back."""
        if self._state == "text":
            return [("text", text)]
        self._held += text
        return self._settle()

    def close(self) -> list[tuple[Literal["reasoning", "text"], str]]:
        """What was held back when the content ended."""
        held, self._held = self._held, ""
        if not held or self._state == "gap":
            return []
        return [("reasoning" if self._state == "thinking" else "text", held)]

    def _settle(self) -> list[tuple[Literal["reasoning", "text"], str]]:
        if self._state == "start":
            beginning = self._held.lstrip()
            if len(beginning) < len(_OPEN) and _OPEN.startswith(beginning):
                return []
            if not beginning.startswith(_OPEN):
                return self._text(self._held)
            self._state, self._held = "thinking", beginning[len(_OPEN) :].lstrip("\n")
        return self._thinking() if self._state == "thinking" else self._gap()

    def _thinking(self) -> list[tuple[Literal["reasoning", "text"], str]]:
        thought, tag, rest = self._held.partition(_CLOSE)
        if tag:
            self._state, self._held = "gap", rest
            return [*([("reasoning", thought)] if thought else []), *self._gap()]  # type: ignore[list-item]
        keep = _overlap(self._held, _CLOSE)
        ready, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return [("reasoning", ready)] if ready else []

    def _gap(self) -> list[tuple[Literal["reasoning", "text"], str]]:
        """Blank lines between the thoughts and the answer belong to neither."""
        rest = self._held.lstrip("\n")
        self._held = ""
        return self._text(rest) if rest else []

    def _text(self, text: str) -> list[tuple[Literal["reasoning", "text"], str]]:
        self._state, self._held = "text", ""
        return [("text", text)] if text else []


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of `text` may be the beginning of `tag`."""
    return next((size for size in range(min(len(text), len(tag) - 1), 0, -1) if tag.startswith(text[-size:])), 0)
