"""Which Honcho session and which peers stand for a conversation.

Honcho's names are made of letters, digits, `_` and `-`
(https://github.com/plastic-labs/honcho, `RESOURCE_NAME_PATTERN`).
"""

from __future__ import annotations

import getpass
import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from hermes_honcho.configuration import Configuration
    from hermes_host.context import SessionContext

__all__ = ["LOCAL_SOURCES", "Names", "names_of", "plain_name", "session_name", "unmistakable_name"]

LOCAL_SOURCES = frozenset({"acp", "cli", "desktop", "tui"})
"""Surfaces on which the owner of this home talks, and nobody else."""

_LONGEST = 200


class Names(msgspec.Struct, frozen=True):
    """The names of one conversation."""

    session: str
    user: str
    ai: str


def plain_name(text: str) -> str:
    """The name with everything that Honcho does not allow replaced by `-`."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", text.strip())[:_LONGEST] or "unnamed"


def unmistakable_name(text: str) -> str:
    """The same, but two different texts never give one name: what had to be changed gets a digest."""
    plain = plain_name(text)
    return plain if plain == text else f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def names_of(configuration: Configuration, session: SessionContext, *, title: str = "") -> Names:
    """Session and peers for a conversation. People on chat platforms never share a peer with each other."""
    user = user_peer(configuration, session)
    return Names(
        session_name(configuration, session, user=user, title=title), user, unmistakable_name(configuration.ai_peer)
    )


def user_peer(configuration: Configuration, session: SessionContext) -> str:
    """The peer of the person who talks."""
    if session.source in LOCAL_SOURCES:
        return owner_peer(configuration)
    person = person_of(session)
    if not person:
        # Who it is cannot be told: a peer of this conversation alone, so that no two people become one.
        return unmistakable_name(f"{session.source}-conversation-{session.id}")
    mapped = configuration.section.peers.get(f"{session.source}:{person}", "")
    return unmistakable_name(mapped) if mapped else f"{plain_name(session.source)}-{unmistakable_name(person)}"


def owner_peer(configuration: Configuration) -> str:
    """The peer of the owner of this home."""
    if configuration.peer_name:
        return unmistakable_name(configuration.peer_name)
    try:
        login = getpass.getuser()
    except (OSError, KeyError):
        login = "owner"
    return unmistakable_name(f"user-{login}")


def person_of(session: SessionContext) -> str:
    """The platform's own id of the person; empty where the session does not say."""
    return str(getattr(session, "user", "") or "")


def session_name(configuration: Configuration, session: SessionContext, *, user: str, title: str = "") -> str:
    """The name of the Honcho session: the map, the title, then the strategy."""
    if session.source not in LOCAL_SOURCES:
        # A chat is its own session: a directory of this machine says nothing about it.
        chat = str(getattr(session, "chat", "") or "") or person_of(session)
        name = f"{plain_name(session.source)}-{unmistakable_name(chat)}" if chat else plain_name(session.id)
        return name
    mapped = configuration.sessions.get(os.path.abspath(session.directory), "")
    name = mapped or title or by_strategy(configuration, session.id, session.directory)
    prefix = f"{user}-" if configuration.peer_prefix and not mapped else ""
    return plain_name(f"{prefix}{plain_name(name)}")


def by_strategy(configuration: Configuration, session_id: str, directory: str) -> str:
    """The name where neither the map nor a title gives one."""
    match configuration.strategy:
        case "per-session":
            return session_id
        case "global":
            return configuration.workspace
        case "per-repo":
            return _repository(Path(directory)).name or "root"
        case _:
            return Path(directory).name or "root"


def _repository(directory: Path) -> Path:
    return next((each for each in (directory, *directory.parents) if (each / ".git").exists()), directory)
