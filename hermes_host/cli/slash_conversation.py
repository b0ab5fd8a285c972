"""Slash commands that change the conversation itself: take back, ask again, branch off, save, think more or less."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.agent.history import numbered_messages
from hermes_host.errors import NotFound, Unsupported
from hermes_host.messages import as_written, encode_message
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from hermes_host.frontends import SlashCall

__all__ = ["fork", "reasoning", "retry", "save", "undo"]

LEVELS = ("none", "minimal", "low", "medium", "high", "xhigh")


async def undo(call: SlashCall) -> str:
    """`/undo`: the last message and all that followed no longer count."""
    taken = call.session.undo()
    if taken is None:
        return "There is nothing to take back."
    return f"Taken back: “{one_line(taken.said, 80)}” and what followed. Files and commands are as they are."


async def retry(call: SlashCall) -> str:
    """`/retry`: ask the last message again."""
    if call.submit is None:
        raise Unsupported("This surface cannot send a message again.")
    taken = call.session.undo()
    if taken is None:
        return "There is nothing to ask again."
    call.submit(as_written(taken))
    return ""


async def fork(call: SlashCall) -> str:
    """`/fork [title]`: go on in a copy; the original stays as it is."""
    if call.switch_session is None:
        raise Unsupported("This surface cannot change to another conversation.")
    if not call.session.messages:
        return "Nothing was said yet; there is nothing to copy."
    original = call.session.id
    writer = call.host.sessions.fork(original)
    if call.arguments:
        writer.rename(call.arguments)
    writer.close()
    copy = await call.host.resume(writer.info.id, **call.session_options)
    await call.switch_session(copy)
    return f"Going on in a copy, `{copy.id}`. The original is `{original}`."


async def save(call: SlashCall) -> str:
    """`/save [FILE]`: the conversation as JSON, into the current directory unless a file is named."""
    name = call.arguments or time.strftime("hermes_conversation_%Y%m%d_%H%M%S.json")
    data: dict[str, Any] = {
        "session_id": call.session.id,
        "title": call.session.info.title,
        "model": call.session.model,
        "messages": [
            {"id": identity, **encode_message(message)}
            for identity, message in numbered_messages(call.host.sessions.load(call.session.id))
        ],
    }
    encoded = msgspec.json.format(msgspec.json.encode(data), indent=2)
    return _write(Path(call.session.context.directory), name, encoded)


def _write(directory: Path, name: str, data: bytes) -> str:
    path = directory / Path(name).expanduser()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return f"`{path}` exists already; nothing was written. Name another file."
    except OSError as error:
        return f"`{path}` cannot be written: {error.strerror}."
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    return f"Saved to `{path}`."


async def reasoning(call: SlashCall) -> str:
    """`/reasoning [none|minimal|low|medium|high|xhigh|show|hide]`."""
    word = call.arguments.strip().lower()
    if not word:
        level = call.session.settings.reasoning or "the model's own default"
        return (
            f"Reasoning: {level}. `/reasoning LEVEL` changes it ({', '.join(LEVELS)}); `show` and `hide` for display."
        )
    if word in ("show", "on", "hide", "off"):
        if call.show_reasoning is None:
            raise Unsupported("This surface cannot show what the model thinks.")
        call.show_reasoning(word in ("show", "on"))
        call.host.config.set("display.show_reasoning", word in ("show", "on"))
        return f"What the model thinks is {'shown' if word in ('show', 'on') else 'hidden'} from now on."
    if word not in LEVELS:
        raise NotFound(f"There is no reasoning level {word!r}.", remedy=f"There are: {', '.join(LEVELS)}.")
    call.session.set_reasoning(word)
    return f"Reasoning: {word}, from the next message on in this conversation."
