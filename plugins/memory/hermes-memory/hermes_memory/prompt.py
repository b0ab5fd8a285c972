"""What of the memory stands in the system prompt: the entries as they were when the conversation began."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from hermes_host.errors import HermesError, Unsupported
from hermes_memory.access import settings_of, store_for
from hermes_memory.entries import DELIMITER, FILES, TARGETS, Target, size, usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.agent.session import Session
    from hermes_host.context import PluginContext, SessionContext
    from hermes_host.messages import Message
    from hermes_host.protocols import Exchange
    from hermes_host.specs import MemorySpec
    from hermes_memory.store import Content

__all__ = ["FileMemory", "block", "connect", "guidance"]

_RULE = "═" * 46
_TITLES: dict[Target, str] = {"memory": "MEMORY (your personal notes)", "user": "USER PROFILE (who the user is)"}

_GUIDANCE = """\
Your memory across conversations stands in this prompt, as it was when this one began. Save durable facts with the
tool `memory`: what the user prefers or corrects, who they are, how this machine and its projects work, lessons that
cost effort. Do not save the progress of a task, what is easily found again, or secrets; procedures belong in skills.
Write short statements of fact, not orders. Space is short: merge and replace before you add."""


def connect(context: PluginContext, spec: MemorySpec) -> FileMemory:
    """The memory in two files."""
    return FileMemory(context)


class FileMemory:
    """A `MemoryProvider` with the feature `prompt`."""

    def __init__(self, context: PluginContext) -> None:
        self._context = context

    async def prompt_section(self, session: SessionContext) -> str:
        """A block for each file that has entries. What is kept from the model is told to the user."""
        settings = settings_of(self._context)
        wanted = [target for target in TARGETS if settings.enabled(target)]
        if not wanted:
            return ""
        store = await store_for(self._context, session.id)
        blocks: list[str] = []
        for target in wanted:
            try:
                content = await asyncio.to_thread(store.content, target)
            except HermesError as error:
                session.announce(f"{FILES[target]} is not in the prompt: {error}", level="warning", code="memory.file")
                continue
            shown = _fitting(content)
            for problem in _problems(content, len(content.clean) - len(shown)):
                session.announce(problem, level="warning", code="memory.withheld")
            blocks.append(block(content, shown))
        return "\n\n".join(filter(None, blocks))

    async def recall(self, message: Message, session: SessionContext) -> str:
        """Not a feature of this memory."""
        raise Unsupported("This memory is in the prompt; it is not asked for each message.")

    async def observe(self, exchange: Exchange, session: SessionContext) -> None:
        """Not a feature of this memory."""
        raise Unsupported("This memory is written to by a tool only.")

    async def flush(
        self, messages: Sequence[Message], session: SessionContext, reason: Literal["compaction", "reset", "exit"]
    ) -> None:
        """Not a feature of this memory."""
        raise Unsupported("This memory is written to by a tool only.")


def block(content: Content, shown: Sequence[str]) -> str:
    """A file's block of the system prompt; empty where there is nothing to show."""
    if not shown:
        return ""
    title = f"{_TITLES[content.target]} [{usage(content.used, content.limit)}]"
    return "\n".join((_RULE, title, _RULE, DELIMITER.join(shown)))


def _fitting(content: Content) -> list[str]:
    """The clean entries, in their order, of which all together keep to the limit."""
    shown: list[str] = []
    for entry in content.clean:
        if size([*shown, entry]) <= content.limit:
            shown.append(entry)
    return shown


def _problems(content: Content, left_out: int) -> Sequence[str]:
    name = FILES[content.target]
    found = []
    if content.withheld:
        found.append(
            f"{_entries(content.withheld)} of {name} left out of the prompt as unsafe. See `hermes memory show`."
        )
    if left_out:
        found.append(
            f"{name} has {content.used:,} characters, {content.limit:,} is the limit: {_entries(left_out)} left out of "
            "the prompt. Shorten it with `hermes memory edit`."
        )
    return found


def _entries(number: int) -> str:
    return "1 entry was" if number == 1 else f"{number} entries were"


async def guidance(context: PluginContext, session: Session) -> str:
    """What is worth remembering, for a model that has the tool."""
    return _GUIDANCE if any(tool.name == "memory" for tool in session.tools()) else ""
