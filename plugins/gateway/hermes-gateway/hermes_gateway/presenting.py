"""Showing a turn while it runs: that somebody is typing, the text as it comes, the tools at work.

Everything here is for the eye and may be lost: the answer itself goes through the outbox, and takes the place of what
was shown. Only what changed is sent, no more often than the platform allows, and after a failure it gets rarer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from hermes_gateway.rendering import divide
from hermes_host.errors import HermesError, RateLimited
from hermes_host.events import AnswerRestarted, Notice, SegmentFinished, TextDelta, ToolFinished, ToolStarted
from hermes_host.protocols import Outbound
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_gateway.settings import Settings
    from hermes_host.events import Event
    from hermes_host.protocols import Adapter, Address, Receipt

__all__ = ["Showing"]

log = logging.getLogger(__name__)

_TYPING_SECONDS = 4.0
_QUICK_SECONDS = 0.2
_FIRST_SECONDS = 0.4
_END_SECONDS = 10.0
"""How long a turn must last until somebody is typing, and until it is shown; how long what is being sent at its end may
take."""

_LINES = 12
_LONGEST_PAUSE = 30.0


class Showing:
    """One turn in one chat. See `hermes_gateway.parts.Presenter`."""

    def __init__(
        self,
        adapter: Adapter | None,
        features: frozenset[str],
        to: Address,
        settings: Settings,
        *,
        reply_to: str = "",
        sent: Callable[[Receipt], None] = lambda receipt: None,
        receipt: Receipt | None = None,
    ) -> None:
        """`sent` is told of the message that shows the turn, so that it is known after a crash too; `receipt` is that
        message, where an earlier process sent one."""
        self._sent = sent
        self._adapter = adapter
        self._to = to
        self._reply_to = reply_to
        streaming, progress = settings.streaming, settings.display.tool_progress
        edits = adapter is not None and "edit" in features
        self._streams = edits and streaming.enabled and streaming.transport == "edit"
        self._progress = progress if edits else "off"
        self._types = adapter is not None and "typing" in features
        self._threshold = streaming.buffer_threshold
        self._cursor = streaming.cursor
        self._interval = max(streaming.edit_interval, adapter.limits.edit_interval if adapter else 0.0)
        self._text = ""
        self._lines: list[tuple[str, str, int]] = []
        self._shown = ""
        self._receipt = receipt
        self._edited = 0.0
        self._pause = 0.0
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._typing: asyncio.Task[None] | None = None
        self._last_tool = ""
        self._ended = False

    async def show(self, event: Event) -> None:
        """Take an event of the turn."""
        if isinstance(event, TextDelta):
            self._text += event.text
        elif isinstance(event, (AnswerRestarted, SegmentFinished)):
            self._text = event.text if isinstance(event, SegmentFinished) else ""
        elif isinstance(event, ToolStarted):
            self._add_line(event.call_id, event.name, event.shown)
        elif isinstance(event, ToolFinished):
            self._finish_line(event)
        elif isinstance(event, Notice) and event.level != "info":
            self._lines.append(("", f"⚠ {one_line(event.text, 200)}", 1))
        if self._adapter is not None and self._task is None:
            self._task = asyncio.create_task(self._work(), name="gateway-presenter")
        self._changed.set()

    async def end(self) -> Receipt | None:
        """Stop; gives the message the answer may take the place of."""
        task = self._task
        if task is not None:
            self._ended = True
            self._changed.set()
            if self._typing is not None:
                self._typing.cancel()  # the answer waits for no sign that it is coming
            # What is being sent now must be known: the answer takes its place.
            _, late = await asyncio.wait({task}, timeout=_END_SECONDS)
            if late:
                task.cancel()
                await asyncio.wait({task})
        return self._receipt

    # ---------------------------------------------------------------------------------------------------- lines

    def _add_line(self, call_id: str, name: str, shown: str) -> None:
        self._text = ""  # what was said before a tool stays in the conversation; the answer is what comes last
        if self._progress == "off" or (self._progress == "new" and name == self._last_tool):
            return
        self._last_tool = name
        quoted = f" `{one_line(shown, 200 if self._progress == 'verbose' else 60).replace('`', 'ˋ')}`" if shown else ""
        line = f"⚙ {name}{quoted}"
        if self._lines and self._lines[-1][1] == line:
            self._lines[-1] = (call_id, line, self._lines[-1][2] + 1)
        else:
            self._lines.append((call_id, line, 1))

    def _finish_line(self, event: ToolFinished) -> None:
        if event.result.is_error:
            self._lines = [
                (call_id, f"{line} ✗" if call_id == event.call_id else line, times)
                for call_id, line, times in self._lines
            ]

    def _now(self) -> str:
        lines = [f"{line} ×{times}" if times > 1 else line for _, line, times in self._lines[-_LINES:]]
        if len(self._lines) > _LINES:
            lines.insert(0, f"… {len(self._lines) - _LINES} before")
        head = "\n".join(lines)
        if not self._streams or len(self._text) < min(self._threshold, 8):
            return head
        return f"{head}\n\n{self._text}" if head else self._text

    # -------------------------------------------------------------------------------------------------- sending

    async def _work(self) -> None:
        begun = time.monotonic()
        typed = begun - _TYPING_SECONDS + _QUICK_SECONDS
        while not self._ended:
            # Before anything is looked at: what changes while something is sent must be seen afterwards.
            self._changed.clear()
            now = time.monotonic()
            if self._types and now - typed >= _TYPING_SECONDS:
                typed = now
                if self._typing is None or self._typing.done():
                    self._typing = asyncio.create_task(self._type(), name="gateway-typing")
            due = max(self._edited + max(self._interval, self._pause), begun + _FIRST_SECONDS)
            if self._now() != self._shown and now >= due:
                await self._update()
            waiting = [typed + _TYPING_SECONDS - now] if self._types else []
            if self._now() != self._shown:
                waiting.append(due - now)
            try:
                async with asyncio.timeout(max(0.01, min(waiting)) if waiting else None):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _type(self) -> None:
        assert self._adapter is not None
        try:
            async with asyncio.timeout(5):
                await self._adapter.typing(self._to)
        except (HermesError, TimeoutError) as error:
            log.debug("typing failed: %s", error)

    async def _update(self) -> None:
        assert self._adapter is not None
        text = self._now()
        self._edited = time.monotonic()
        self._shown = text
        fitting = divide(text, self._adapter.measure, self._adapter.limits.text - 64)
        if not fitting:
            return
        # Of text that is too long the end is shown: it grows there.
        message = Outbound(text=fitting[-1] + self._cursor, reply_to=self._reply_to, silent=True)
        try:
            if self._receipt is None:
                self._receipt = await self._adapter.send(self._to, message)
                self._sent(self._receipt)
            else:
                await self._adapter.edit(self._receipt, message)
            self._pause = 0.0
        except RateLimited as error:
            self._pause = max(error.retry_after or 0.0, self._slower())
        except HermesError as error:
            log.debug("showing a turn failed: %s", error)
            self._pause = self._slower()

    def _slower(self) -> float:
        return min(max(self._pause, self._interval, 0.5) * 2, _LONGEST_PAUSE)
