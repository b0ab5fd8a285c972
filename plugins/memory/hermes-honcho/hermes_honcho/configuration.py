"""Where Honcho's settings are read from, and what holds: host block, else the file's root, else the default.

The first file that exists counts: `$HERMES_HOME/honcho.json`, then `~/.honcho/config.json`, which Honcho's users share
between hosts. Without a file the environment (`HONCHO_API_KEY`, `HONCHO_BASE_URL`, `HONCHO_ENVIRONMENT`, also in
`.env`) counts; a key or an address that the file does not give is taken from there too.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import msgspec

from hermes_honcho.settings import HonchoSection
from hermes_host.config import files
from hermes_host.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hermes_host.context import PluginContext

__all__ = [
    "HOST",
    "LEVELS",
    "Configuration",
    "HonchoFile",
    "Level",
    "MemoryMode",
    "RecallMode",
    "Strategy",
    "configuration_of",
    "find_file",
    "tools_unavailable",
]

HOST = "hermes"
"""The name of this host's block below `hosts`."""

Level = Literal["minimal", "low", "medium", "high", "max"]
LEVELS: tuple[Level, ...] = ("minimal", "low", "medium", "high", "max")
MemoryMode = Literal["hybrid", "honcho"]
RecallMode = Literal["hybrid", "context", "tools"]
Strategy = Literal["per-session", "per-repo", "per-directory", "global"]


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """The settings in force. `reason` says why nothing happens; empty when Honcho is used."""

    reason: str = ""
    problem: str = ""
    """What is wrong with the file, where something is; `reason` then says the same."""
    path: str = ""
    """The file they are from; empty when there is none."""
    api_key: str = msgspec.field(default="")
    base_url: str = ""
    environment: Literal["production", "local"] = "production"
    workspace: str = "hermes"
    peer_name: str = ""
    ai_peer: str = "hermes"
    save_messages: bool = True
    memory_modes: dict[str, MemoryMode] = {}
    """By peer; the key `default` for all others."""
    write_frequency: Literal["async", "turn", "session"] | int = "async"
    recall_mode: RecallMode = "hybrid"
    strategy: Strategy = "per-directory"
    peer_prefix: bool = False
    context_tokens: int | None = None
    level: Level = "low"
    dialectic_characters: int = 600
    sessions: dict[str, str] = {}
    linked_hosts: tuple[str, ...] = ()
    section: HonchoSection = HonchoSection()

    @property
    def active(self) -> bool:
        """Whether Honcho is used."""
        return not self.reason

    def memory_mode(self, peer: str) -> MemoryMode:
        """`hybrid`: Honcho beside local files; `honcho`: Honcho alone."""
        return self.memory_modes.get(peer) or self.memory_modes.get("default", "hybrid")

    def __repr__(self) -> str:
        return f"Configuration(path={self.path!r}, reason={self.reason!r})"


def find_file(home: Path) -> Path:
    """The file that counts, and that commands write: the local one where it exists, else the shared one."""
    local = home / "honcho.json"
    return local if local.exists() else Path.home() / ".honcho" / "config.json"


class HonchoFile:
    """One of Honcho's files. Keys that this host does not know stay where they are."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Any]:
        """Everything in it; empty where there is no file. Raises `ConfigError` when it is damaged."""
        text = files.read_text(self.path)
        if text is None:
            return {}
        try:
            data = json.loads(text)
        except ValueError as error:
            raise ConfigError(f"{self.path} is no JSON: {error}.", remedy="Correct it by hand.") from None
        if not isinstance(data, dict) or not isinstance(data.get("hosts", {}), dict):
            raise ConfigError(f"{self.path} is no file of Honcho.", remedy="Correct it by hand.")
        return data

    def change(self, edit: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
        """Let `edit(root, host_block)` change the content, and write it at once, readable by the owner alone."""
        with files.locked(self.path):
            root = self.read()
            block = root.setdefault("hosts", {}).setdefault(HOST, {})
            if not isinstance(block, dict):
                raise ConfigError(f"hosts.{HOST} in {self.path} is no object.", remedy="Correct it by hand.")
            edit(root, block)
            files.write_private(self.path, json.dumps(root, indent=2, ensure_ascii=False) + "\n")


class _Known(msgspec.Struct, rename="camel"):
    """The settings as they stand in the file, host block over root."""

    api_key: str = ""
    enabled: bool | None = None
    base_url: str = ""
    environment: str = ""
    workspace: str = "hermes"
    peer_name: str = ""
    ai_peer: str = "hermes"
    save_messages: bool = True
    memory_mode: MemoryMode | dict[str, MemoryMode] = "hybrid"
    write_frequency: str | int = "async"
    recall_mode: Literal["hybrid", "context", "tools", "auto"] = "hybrid"
    session_strategy: Strategy = "per-directory"
    session_peer_prefix: bool = False
    context_tokens: int | None = None
    dialectic_reasoning_level: Level = "low"
    dialectic_max_chars: int = 600
    sessions: dict[str, str] = {}
    linked_hosts: tuple[str, ...] = ()


def configuration_of(context: PluginContext) -> Configuration:
    """Read the settings. Never fails: a damaged file is a `problem`, and Honcho is then not used."""
    section = context.section(HonchoSection)
    file = HonchoFile(find_file(context.home))
    try:
        known = _known(file)
    except ConfigError as error:
        return Configuration(reason=str(error), problem=str(error), path=str(file.path), section=section)
    path = str(file.path) if file.path.exists() else ""
    base_url = known.base_url or context.secret("HONCHO_BASE_URL") or section.base_url
    environment = known.environment or context.secret("HONCHO_ENVIRONMENT") or "production"
    api_key = known.api_key or context.secret("HONCHO_API_KEY")
    fault = _fault(environment, base_url, known)
    if not api_key and _is_here(base_url if base_url else "http://localhost" if environment == "local" else ""):
        # The SDK would look for a key in the environment by itself.
        api_key = "local"
    reason = fault or _inactive(known, section, api_key, base_url)
    return Configuration(
        reason=reason,
        problem=fault,
        path=path,
        api_key=api_key,
        base_url=base_url,
        environment="local" if environment == "local" else "production",
        workspace=known.workspace,
        peer_name=known.peer_name,
        ai_peer=known.ai_peer,
        save_messages=known.save_messages,
        memory_modes={"default": known.memory_mode} if isinstance(known.memory_mode, str) else known.memory_mode,
        write_frequency=_frequency(known.write_frequency) or "async",
        recall_mode="hybrid" if known.recall_mode == "auto" else known.recall_mode,
        strategy=known.session_strategy,
        peer_prefix=known.session_peer_prefix,
        context_tokens=known.context_tokens,
        level=known.dialectic_reasoning_level,
        dialectic_characters=known.dialectic_max_chars,
        sessions=known.sessions,
        linked_hosts=known.linked_hosts,
        section=section,
    )


def tools_unavailable(context: PluginContext) -> str:
    """Why the tools cannot be used; empty when they can."""
    configuration = configuration_of(context)
    if not configuration.active:
        return configuration.reason
    return "The recall mode is `context`." if configuration.recall_mode == "context" else ""


def _known(file: HonchoFile) -> _Known:
    root = file.read()
    block = root.get("hosts", {}).get(HOST, {})
    merged = {**root, **(block if isinstance(block, dict) else {})}
    try:
        return msgspec.convert({key: value for key, value in merged.items() if value is not None}, _Known)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"{file.path}: {error}.", remedy="Correct it by hand or with `hermes honcho setup`."
        ) from None


def _inactive(known: _Known, section: HonchoSection, api_key: str, base_url: str) -> str:
    if known.enabled is False:
        return "Honcho is switched off (`enabled` in its file)."
    if not section.enabled:
        return "Honcho is switched off (honcho.enabled)."
    if not api_key and not base_url:
        return "Honcho is not configured: run `hermes honcho setup`."
    return ""


def _fault(environment: str, base_url: str, known: _Known) -> str:
    if environment not in ("production", "local"):
        return f"Honcho has no environment {environment!r}: it is `production` or `local`."
    if base_url and urlsplit(base_url).scheme not in ("http", "https"):
        return f"{base_url!r} is no address of a Honcho server: it begins with http:// or https://."
    if _frequency(known.write_frequency) is None:
        return f"writeFrequency {known.write_frequency!r} is none of async, turn, session or a number of turns."
    return ""


def _frequency(written: str | int) -> Literal["async", "turn", "session"] | int | None:
    if written in ("async", "turn", "session"):
        return written  # type: ignore[return-value]
    try:
        turns = int(written)
    except ValueError:
        return None
    return turns if turns > 0 else None


def _is_here(base_url: str) -> bool:
    return urlsplit(base_url).hostname in ("localhost", "127.0.0.1", "::1")


def without_secrets(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as they may be shown."""
    return {key: "***" if key == "apiKey" and value else value for key, value in settings.items()}


def directory_key(directory: str) -> str:
    """How a directory is written in the map `sessions`."""
    return os.path.abspath(directory)
