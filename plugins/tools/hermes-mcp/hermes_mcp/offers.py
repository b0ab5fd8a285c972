"""What servers offer, as it is kept between runs: the cached lists, and what of them was accepted.

The cache (`cache/mcp/`) lets a conversation begin without starting a server. The accepted descriptions (`plugins/mcp/`)
are what a changed one is compared with: the list a server gives the first time is accepted with the server itself,
which the user configured; what it changes or adds later waits for a person.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.visible import visible
from hermes_mcp.names import file_name

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_mcp.settings import ServerSettings

__all__ = [
    "Accepted",
    "AcceptedTool",
    "Offer",
    "PromptArgument",
    "PromptOffer",
    "Shelf",
    "ToolOffer",
    "described",
    "fingerprint",
    "identity",
    "objection",
]

log = logging.getLogger(__name__)

VERSION = 1
"""Of the files; others are not read."""


class ToolOffer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tool as a server describes it."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}
    """The input schema as it is used; see `hermes_mcp.schemas`."""
    read_only: bool = False
    parallel: bool = False
    fingerprint: str = ""
    """Of all the server said about it."""
    warnings: tuple[str, ...] = ()
    """What is suspicious about the description."""
    note: str = ""
    """What had to be given up, as a sentence."""


class PromptArgument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a prompt takes."""

    name: str
    required: bool = False


class PromptOffer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A prompt as a server describes it."""

    name: str
    description: str = ""
    arguments: tuple[PromptArgument, ...] = ()


class Offer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All a server offers."""

    version: int = VERSION
    server: str
    identity: str
    protocol: str = ""
    software: str = ""
    tools: tuple[ToolOffer, ...] = ()
    prompts: tuple[PromptOffer, ...] = ()
    resources: bool = False
    fetched: float = 0.0
    notes: tuple[str, ...] = ()

    def tool(self, name: str) -> ToolOffer | None:
        """The tool of that name, or None."""
        return next((tool for tool in self.tools if tool.name == name), None)


class AcceptedTool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A description that was accepted. `cleared` when a person has accepted what is suspicious about it."""

    fingerprint: str
    text: str
    cleared: bool = False


class Accepted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was accepted of one server."""

    version: int = VERSION
    identity: str
    tools: dict[str, AcceptedTool] = {}


def identity(name: str, settings: ServerSettings) -> str:
    """A hash of what makes a server the one it is. Values of variables and headers do not count: tokens change."""
    parts = [name, settings.url, sorted(settings.headers)]
    if not settings.url:
        parts = [name, settings.command, settings.args, settings.cwd, sorted(settings.env)]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def fingerprint(said: Any) -> str:
    """A hash of what a server said about a tool."""
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()


def described(tool: ToolOffer) -> str:
    """A tool's description in full, as a person compares it."""
    effects = "says that it only reads" if tool.read_only else "may have effects"
    schema = json.dumps(tool.parameters, indent=1, sort_keys=True, ensure_ascii=False)
    return visible(f"{tool.description.strip()}\n({effects})\n{schema}")


class Shelf:
    """The files of both kinds, for one home directory."""

    def __init__(self, cache: Path, state: Path) -> None:
        self._cache = cache
        self._state = state

    def offer(self, server: str, identity: str) -> Offer | None:
        """The cached list of a server; None when there is none for this configuration."""
        offer = _read(self._cache / f"{file_name(server)}.json", Offer)
        return offer if offer is not None and offer.version == VERSION and offer.identity == identity else None

    def keep(self, offer: Offer) -> None:
        """Cache a list. Where nothing of the server was accepted before, its tools are accepted."""
        _write(self._cache / f"{file_name(offer.server)}.json", offer)
        if self.accepted(offer.server, offer.identity) is None:
            self._save(offer.server, Accepted(identity=offer.identity, tools={t.name: _taken(t) for t in offer.tools}))

    def accepted(self, server: str, identity: str) -> Accepted | None:
        """What was accepted of a server as it is configured now; None when it is new."""
        path = self._state / f"{file_name(server)}.json"
        accepted = _read(path, Accepted)
        if accepted is None and path.exists():
            return Accepted(identity=identity)  # it cannot be read: nothing counts as accepted
        return accepted if accepted is not None and accepted.identity == identity else None

    def accept(self, server: str, identity: str, *tools: ToolOffer, clear: bool = False) -> None:
        """Accept tools as they are now; with `clear` also what is suspicious about them."""
        accepted = self.accepted(server, identity) or Accepted(identity=identity)
        new = {tool.name: _taken(tool, clear=clear and bool(tool.warnings)) for tool in tools}
        self._save(server, msgspec.structs.replace(accepted, tools={**accepted.tools, **new}))

    def knows(self, server: str) -> bool:
        """Whether there is a record of what was accepted of a server of that name, however it was configured."""
        return (self._state / f"{file_name(server)}.json").exists()

    def touch(self, server: str) -> None:
        """Note that a server is in use, for `prune`."""
        for folder in (self._cache, self._state):
            with suppress(OSError):
                os.utime(folder / f"{file_name(server)}.json")

    def prune(self, most: int) -> None:
        """Forget all servers but those used last."""
        for folder in (self._cache, self._state):
            used: list[tuple[float, Path]] = []
            for file in folder.glob("*.json"):
                with suppress(FileNotFoundError):  # another process may be doing the same
                    used.append((file.stat().st_mtime, file))
            for _, file in sorted(used, reverse=True)[most:]:
                file.unlink(missing_ok=True)

    def forget(self, server: str) -> None:
        """Remove both files of a server."""
        for folder in (self._cache, self._state):
            (folder / f"{file_name(server)}.json").unlink(missing_ok=True)

    def _save(self, server: str, accepted: Accepted) -> None:
        _write(self._state / f"{file_name(server)}.json", accepted)


def objection(tool: ToolOffer, accepted: Accepted | None) -> tuple[str, str]:
    """Why a tool must not simply be called, as a sentence, and what a person should see; both empty when it may be."""
    known = (accepted.tools if accepted is not None else {}).get(tool.name)
    warned = f"Its description is suspicious: {'; '.join(tool.warnings)}." if tool.warnings else ""
    if known is None:
        return f"The server added this tool after it was set up. {warned}".strip(), described(tool)
    if known.fingerprint != tool.fingerprint:
        import difflib

        lines = difflib.unified_diff(
            known.text.splitlines(), described(tool).splitlines(), "as it was accepted", "as it is now", lineterm=""
        )
        changed = "\n".join(lines) or "(only in parts that are not shown, such as its output or its annotations)"
        return f"The server changed its description of this tool after it was accepted. {warned}".strip(), changed
    if warned and not known.cleared:
        return warned, described(tool)
    return "", ""


def _taken(tool: ToolOffer, *, clear: bool = False) -> AcceptedTool:
    return AcceptedTool(fingerprint=tool.fingerprint, text=described(tool), cleared=clear)


def _read(path: Path, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        log.warning("%s cannot be read: %s", path, error)
        return None


def _write(path: Path, value: Any) -> None:
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(value))
    temporary.replace(path)
