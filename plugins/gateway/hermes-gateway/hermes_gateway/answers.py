"""What an answer becomes before it is sent: its files taken out of the text, and, where that is wanted, read aloud."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hermes_gateway.outgoing import collect
from hermes_host.errors import HermesError
from hermes_host.services import TextToSpeech

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_gateway.shared import Shared
    from hermes_host.agent.session import Session
    from hermes_host.messages import Media
    from hermes_host.protocols import Inbound

__all__ = ["Answer", "complete", "taken_apart"]

log = logging.getLogger(__name__)

VOICE = "voice.mode"
"""The session's record of whether answers are read aloud: `mode` is `on`, `voice_only` or `off`."""

_SPEAK_SECONDS = 60.0


class Answer(NamedTuple):
    """A text and the files that go with it."""

    text: str
    media: Sequence[Media] = ()


async def complete(shared: Shared, session: Session, text: str, updates: Sequence[Inbound]) -> Answer:
    """The answer as it is sent. What cannot be read aloud is sent as text alone."""
    # Files of a terminal elsewhere are not on this machine, whatever their paths say.
    here = await _works_here(shared, session)
    answer = taken_apart(shared, text, session.context.directory if here else "")
    if not _wants_voice(session, updates) or not answer.text:
        return answer
    try:
        service = await shared.host.services.get(TextToSpeech)
        async with asyncio.timeout(_SPEAK_SECONDS):
            spoken = await service.speak(answer.text)
    except (HermesError, TimeoutError) as error:
        log.warning("an answer could not be read aloud: %s", error)
        return answer
    return Answer(answer.text, [*answer.media, spoken])


def taken_apart(shared: Shared, text: str, directory: str = "") -> Answer:
    """The text without the files it names, and those that may leave: below `directory`, or in the host's cache."""
    folders = [Path(folder).expanduser() for folder in shared.settings.gateway.media_folders]
    roots = [*([Path(directory)] if directory else []), shared.host.home / "cache", *folders]
    found = collect(text, roots, shared.host.home)
    return Answer(found.text, found.media)


async def _works_here(shared: Shared, session: Session) -> bool:
    name = session.context.terminal or shared.host.config.section("terminal").backend
    backends = shared.host.terminal_backends
    return name in backends and "local" in backends.get(name).spec.features


def _wants_voice(session: Session, updates: Sequence[Inbound]) -> bool:
    mode = session.context.recorded(VOICE).get("mode")
    spoken = any(item.kind in ("voice", "audio") for update in updates for item in update.attachments)
    return mode == "on" or (mode == "voice_only" and spoken)
