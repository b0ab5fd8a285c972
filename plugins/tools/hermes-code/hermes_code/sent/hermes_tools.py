"""Tools of the conversation, as functions. They give a text (a `str` with `.json()`) or raise `ToolError`."""

from __future__ import annotations

import json as _json
import os as _os
import shlex as _shlex
import threading as _threading

TYPE_CHECKING = False  # `typing` takes a while to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

__all__ = ["Result", "ToolError", "call_tool", "json_parse", "retry", "shell_quote"]


class ToolError(RuntimeError):
    """A tool call that was refused or failed; the text says why."""


class Result(str):
    """What a tool gave back."""

    __slots__ = ()

    def json(self) -> Any:
        """The text read as JSON."""
        return json_parse(self)


def json_parse(text: str) -> Any:
    """Read JSON, also where strings hold raw line breaks."""
    return _json.loads(text, strict=False)


def shell_quote(text: object) -> str:
    """One word of a shell command."""
    return _shlex.quote(str(text))


def retry(function: Callable[[], T], attempts: int = 3, delay: float = 2.0) -> T:
    """Call `function()` until it raises nothing, waiting `delay` seconds after a failure, then twice as long."""
    for attempt in range(attempts):
        try:
            return function()
        except Exception:
            if attempt == attempts - 1:
                raise
        _threading.Event().wait(delay * 2**attempt)
    raise ValueError("attempts must be at least 1")


class _Unset:
    def __repr__(self) -> str:
        return "<default>"


_UNSET: Any = _Unset()


class _Channel:
    """Requests and answers, for any number of threads: whoever waits and finds nobody reading, reads for all."""

    def __init__(self, answers: int, requests: int) -> None:
        self._process = _os.getpid()
        self._answers = answers
        self._requests = requests
        self._writing = _threading.Lock()
        self._changed = _threading.Condition()
        self._number = 0
        self._reading = False
        self._closed = False
        self._held = b""
        self._arrived: dict[int, dict[str, Any]] = {}

    def call(self, tool: str, arguments: dict[str, Any]) -> Result:
        if _os.getpid() != self._process:
            raise ToolError("Tools can be called by the script's own process only, not by one it has started.")
        with self._changed:
            self._number += 1
            number = self._number
        data = _json.dumps({"id": number, "tool": tool, "arguments": arguments}).encode("ascii")
        data = len(data).to_bytes(4, "big") + data
        try:
            with self._writing:
                while data:
                    data = data[_os.write(self._requests, data) :]
        except OSError as error:
            raise ToolError("The channel to the tools is closed.") from error
        answer = self._wait(number)
        if answer.get("error") is not None:
            raise ToolError(answer["error"])
        return Result(answer["text"])

    def _wait(self, number: int) -> dict[str, Any]:
        with self._changed:
            while number not in self._arrived:
                if self._closed:
                    raise ToolError("The channel to the tools is closed.")
                if self._reading:
                    self._changed.wait()
                else:
                    self._read()
            return self._arrived.pop(number)

    def _read(self) -> None:
        """Read until one answer is whole; the lock is held on entry and on return, not in between."""
        self._reading = True
        self._changed.release()
        answer = None
        try:
            answer = self._next()
        finally:
            self._changed.acquire()
            self._reading = False
            if answer is not None:
                self._arrived[answer["id"]] = answer
            self._changed.notify_all()

    def _next(self) -> dict[str, Any] | None:
        while True:
            size = int.from_bytes(self._held[:4], "big") + 4 if len(self._held) >= 4 else 4
            if 4 < size <= len(self._held):
                data, self._held = self._held[4:size], self._held[size:]
                answer: dict[str, Any] = _json.loads(data.decode("utf-8"))
                return answer
            data = _os.read(self._answers, max(65536, size - len(self._held)))
            if not data:
                self._closed = True
                return None
            self._held += data


_channel: _Channel | None = None


def _connect(answers: int, requests: int) -> None:
    global _channel
    _channel = _Channel(answers, requests)


def call_tool(name: str, /, **arguments: Any) -> Result:
    """Call a tool by its name."""
    if _channel is None:
        raise ToolError("Tools can be called by the script's own process only, not by one it has started.")
    return _channel.call(name, {key: value for key, value in arguments.items() if value is not _UNSET})
