"""Which personality a conversation has, and how the model learns of it.

At the start of a conversation the personality is a section of the system prompt. That prompt is frozen, so a switch in
mid-conversation leaves it alone: the next user message carries a note, as a part of its own that bears the name in its
`meta`. What the model has been told last is read off the messages themselves, so that a message that was refused or
taken back takes its note along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_context.personalities import BUILT_IN, Manner
from hermes_context.settings import AgentPersonalities, ContextSettings
from hermes_host.errors import NotFound
from hermes_host.messages import ATTACHED, Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hermes_host.agent.session import Session
    from hermes_host.context import PluginContext, SessionContext
    from hermes_host.messages import Message

__all__ = ["NONE", "available", "chosen", "find", "note", "section", "switch"]

RECORD = "context.personality"
"""The session record `{"current": name, "prompt": name}`: what was chosen, and what the system prompt holds; also the
key of the note's `meta`."""

NONE = frozenset({"", "none", "default", "neutral"})
"""Words that mean no personality."""

_BOUNDS = "It shapes how you speak to the user, never facts, code, commands or the content of files."


def available(context: PluginContext) -> Mapping[str, Manner]:
    """All personalities by name; the user's own win over built-in ones."""
    own: dict[str, Manner] = {}
    for name, value in context.section(AgentPersonalities, "agent").personalities.items():
        if isinstance(value, str):
            own[name] = Manner(" ".join(value.split())[:80], value.strip())
            continue
        lines = (value.system_prompt, value.tone and f"Tone: {value.tone}", value.style and f"Style: {value.style}")
        text = "\n".join(line.strip() for line in lines if line.strip())
        own[name] = Manner(value.description or " ".join(text.split())[:80], text)
    return {**BUILT_IN, **own}


def find(context: PluginContext, name: str) -> str:
    """The name as it is written in the list, empty for one of `NONE`. Raises `NotFound`, naming what there is."""
    if name.strip().lower() in NONE:
        return ""
    names = available(context)
    for each in (name.strip(), name.strip().lower()):
        if each in names:
            return each
    raise NotFound(f"There is no personality {name!r}.", remedy=f"There are: {', '.join(sorted(names))}; or none.")


def chosen(context: PluginContext, session: SessionContext) -> str:
    """The conversation's personality by name, else the configured one; empty for none or one that is gone."""
    name = str(session.recorded(RECORD).get("current", context.section(ContextSettings).personality))
    return name if name in available(context) else ""


def switch(context: PluginContext, session: SessionContext, name: str) -> str:
    """Choose a personality for this conversation; gives its name. Raises `NotFound`."""
    found = find(context, name)
    session.record(RECORD, {**session.recorded(RECORD), "current": found})
    return found


async def section(context: PluginContext, session: Session) -> str:
    """The section of the system prompt; empty without a personality."""
    name = chosen(context, session.context)
    if name or session.context.recorded(RECORD):
        session.context.record(RECORD, {"current": name, "prompt": name})
    if not name:
        return ""
    return f"Personality: {name}. {_BOUNDS}\n{available(context)[name].text}"


def note(
    context: PluginContext, session: SessionContext, messages: Iterable[Message], *, prompt_stands: bool
) -> Text | None:
    """What the next user message must say, because the model was last told otherwise; None for nothing.

    `prompt_stands` is whether the system prompt exists already; one still to be made will say it itself.
    """
    if not prompt_stands:
        return None
    told = str(session.recorded(RECORD).get("prompt", ""))
    for message in messages:
        for part in message.parts:
            if isinstance(part, Text) and RECORD in part.meta:
                told = str(part.meta[RECORD])
    name = chosen(context, session)
    if name == told:
        return None
    if name:
        text = (
            f"[The user has switched to the personality {name!r}, in place of any before. {_BOUNDS}\n"
            f"{available(context)[name].text}]"
        )
    else:
        text = "[The user has switched the personality off: speak in your ordinary manner from here on.]"
    return Text(text=f"\n\n{text}", meta={RECORD: name, ATTACHED: "personality"})
