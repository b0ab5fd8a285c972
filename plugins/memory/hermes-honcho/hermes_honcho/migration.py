"""Files from which Honcho can learn at the start, and sending them. Only a person's command does this."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal
from xml.sax.saxutils import escape

import msgspec

from hermes_host.config import files
from hermes_host.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hermes_honcho.access import Access
    from hermes_honcho.names import Names
    from hermes_host.records import SessionRecord

__all__ = ["Migration", "Source", "history_source"]

LIMIT = 500_000
"""Bytes of one file at most."""

_USER: dict[str, str] = {"MEMORY.md": "consolidated_memory.md", "USER.md": "user_profile.md"}
_AI: dict[str, str] = {
    "SOUL.md": "agent_soul.md",
    "IDENTITY.md": "agent_identity.md",
    "AGENTS.md": "agent_instructions.md",
    "TOOLS.md": "agent_tools.md",
    "BOOTSTRAP.md": "agent_bootstrap.md",
}


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A text for Honcho. `problem` says why it cannot be sent."""

    path: str
    name: str
    """What it is called at Honcho."""
    about: Literal["user", "ai"]
    text: str = ""
    problem: str = ""

    @property
    def digest(self) -> str:
        """Its content and whose it is."""
        return hashlib.sha256(f"{self.name}\0{self.about}\0{self.text}".encode()).hexdigest()


class Migration:
    """What there is to send, from the home directory and from folders of another agent."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def sources(self, folders: Sequence[Path] = ()) -> list[Source]:
        """The files that exist and have something in them; each once."""
        places: list[tuple[Path, Path, str, Literal["user", "ai"]]] = [
            (self._home, self._home / "memories" / written, name, "user") for written, name in _USER.items()
        ]
        places.append((self._home, self._home / "SOUL.md", _AI["SOUL.md"], "ai"))
        for folder in folders:
            places += [(folder, folder / written, name, "user") for written, name in _USER.items()]
            places += [(folder, folder / written, name, "ai") for written, name in _AI.items()]
        found: dict[str, Source] = {}
        for folder, path, name, about in places:
            source = _read(folder, path, name, about)
            if source is not None:
                found.setdefault(source.path, source)
        return list(found.values())


def history_source(session_id: str, records: Sequence[SessionRecord]) -> Source:
    """A past conversation as one text: what was said, without tool traffic."""
    lines = [f'<prior_conversation session="{escape(session_id)}">']
    for record in records:
        message = record.message
        if record.kind != "message" or message is None or message.role == "tool" or message.provenance == "external":
            continue
        if said := message.said.strip():
            lines.append(f'  <message role="{message.role}">{escape(said)}</message>')
    text = "\n".join([*lines, "</prior_conversation>"])
    problem = "Nothing was said in it." if len(lines) == 1 else _too_large(text)
    return Source(path=session_id, name="prior_history.txt", about="user", text=text, problem=problem)


async def send(access: Access, names: Names, source: Source) -> Literal["sent", "there"]:
    """Send one text, unless Honcho has it already. Raises `HonchoError`."""
    await access.ensure(names)
    if await access.has_file(names.session, source.digest):
        return "there"
    peer = names.ai if source.about == "ai" else names.user
    await access.upload(names.session, source.name, source.text.encode("utf-8"), peer=peer, digest=source.digest)
    return "sent"


def _read(folder: Path, path: Path, name: str, about: Literal["user", "ai"]) -> Source | None:
    if not path.exists():
        return None
    if not path.resolve().is_relative_to(folder.resolve()):
        return Source(path=str(path), name=name, about=about, problem="It is a link that leads out of its folder.")
    try:
        text = files.read_text(path) or ""
    except ConfigError as error:
        return Source(path=str(path), name=name, about=about, problem=error.message)
    if not text.strip():
        return None
    return Source(path=str(path.resolve()), name=name, about=about, text=text, problem=_too_large(text))


def _too_large(text: str) -> str:
    return f"It is larger than {LIMIT:,} bytes." if len(text.encode("utf-8")) > LIMIT else ""


def own_file(path: Path) -> Source:
    """A file that a person named, about the assistant. Raises `ConfigError` when it cannot be used."""
    text = files.read_text(path)
    if text is None:
        raise ConfigError(f"There is no file {path}.")
    if not text.strip():
        raise ConfigError(f"{path} is empty.")
    if problem := _too_large(text):
        raise ConfigError(f"{path}: {problem}")
    return Source(path=str(path), name=path.name, about="ai", text=text)
