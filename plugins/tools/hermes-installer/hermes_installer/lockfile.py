"""`plugins.lock`: what was installed, from where, and what was agreed to. The host reads the same file at every start.

Reading takes no lock: the file is replaced whole. Whoever changes it does so within `changing`.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from hermes_host.config.files import locked, read_text, write_private
from hermes_host.errors import ConfigError, NotFound
from hermes_host.installed import LOCK, Agreed, InstalledPlugin, changed_files
from hermes_host.registry import near_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "Agreed",
    "DescribedProvider",
    "DescribedSecret",
    "DescribedTool",
    "Description",
    "Lock",
    "LockedPlugin",
    "Source",
    "changed_files",
    "changing",
    "entry_of",
    "lock_path",
    "now",
    "read_lock",
]

VERSION = 1
_LIMIT = 32_000_000

Source = Literal["index", "catalogue", "url", "wheel", "folder"]
"""Where a plugin came from: an index, by its name; the file that the catalogue pins; a file from the network; a wheel
or a project folder of this machine."""


class DescribedTool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A `ToolSpec` without its targets: what a model, a gate and a listing need to know of it."""

    name: str
    summary: str
    parameters: dict[str, Any] = {}
    """The JSON schema of its arguments; of an object."""
    effects: tuple[str, ...] = ()
    toolset: str = ""
    """Empty for the plugin's own name, as in the spec."""
    timeout: float = 0.0
    parallel: bool = False
    shows: str = ""
    priority: int = 0
    assessed: bool = False
    """Whether it judges its calls itself (`ToolSpec.assess`)."""
    conditional: bool = False
    """Whether it can be unavailable (`ToolSpec.available`)."""


class DescribedProvider(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A `ProviderSpec` without its target."""

    name: str
    summary: str
    aliases: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    default_model: str = ""
    url: str = ""
    priority: int = 0
    needs_setup: bool = True
    options: dict[str, Any] = {}


class DescribedSecret(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A `SecretSpec`."""

    name: str
    summary: str = ""
    url: str = ""
    sensitive: bool = True


class Description(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the plugin says about itself: read once, when it was installed, in a process of its own."""

    summary: str = ""
    homepage: str = ""
    tools: tuple[DescribedTool, ...] = ()
    providers: tuple[DescribedProvider, ...] = ()
    secrets: tuple[DescribedSecret, ...] = ()
    sections: tuple[str, ...] = ()
    """Names of its sections of `config.yaml`."""
    others: dict[str, tuple[str, ...]] = {}
    """Names of its contributions of every other kind, such as `{"commands": ["weather"]}`."""


class LockedPlugin(InstalledPlugin, frozen=True, kw_only=True):
    """One entry. `distribution`, `version`, `isolated`, `root`, `files`, `capabilities` and `revoked` are as the host
    reads them; for an isolated plugin `root` is the `site-packages` within `environment`."""

    requirement: str
    """What was asked for: a requirement, or the path or address of a file."""
    source: Source
    module: str
    """The value of its entry point, such as `hermes_telegram.plugin`."""
    index: str = ""
    """The address of the index, or the folder of wheels, it came from; empty for the installer's own default."""
    publisher: str = ""
    """As the catalogue has it."""
    environment: str = ""
    """The absolute path of the virtual environment of an isolated plugin; its interpreter is `bin/python` there."""
    host: str = ""
    """The version of hermes-host in that environment."""
    brought: tuple[str, ...] = ()
    """Distributions that came into the host's environment with it."""
    installed_at: str = ""
    """ISO 8601, UTC."""
    description: Description = Description()

    @property
    def changes(self) -> list[str]:
        """Its files that are not what the lock says; all of them are read."""
        return changed_files(self)


class Lock(msgspec.Struct, kw_only=True):
    """The whole file."""

    version: int = VERSION
    plugins: dict[str, LockedPlugin] = {}


def now() -> str:
    """This moment as the file has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def lock_path(home: Path) -> Path:
    """Where the file is."""
    return home / LOCK


def read_lock(home: Path) -> Lock:
    """What is installed; nothing where there is no file. Raises `ConfigError` when it is damaged or of a later format,
    so that nothing is written over what this version does not understand."""
    path = lock_path(home)
    text = read_text(path, limit=_LIMIT)
    if text is None:
        return Lock()
    try:
        version = msgspec.json.decode(text, type=_Version).version
        if version != VERSION:
            raise ConfigError(f"{path} is of format {version}, not {VERSION}.", remedy="Upgrade hermes-installer.")
        return msgspec.json.decode(text, type=Lock)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is damaged: {error}.", remedy="Put it right, or move it away.") from error


class _Version(msgspec.Struct):
    version: int


@contextmanager
def changing(home: Path) -> Iterator[Lock]:
    """The lock, held against other writers, and written at the end unless an error comes. Raises `ConfigError`.

    Hold it only while changing it, never while a person is asked or something is downloaded.
    """
    path = lock_path(home)
    with locked(path):
        lock = read_lock(home)
        yield lock
        ordered = {name: lock.plugins[name] for name in sorted(lock.plugins)}
        text = msgspec.json.format(msgspec.json.encode(Lock(plugins=ordered)), indent=1).decode()
        write_private(path, f"{text}\n")


def entry_of(lock: Lock, name: str) -> tuple[str, LockedPlugin]:
    """A plugin by its name or its distribution's. Raises `NotFound`."""
    for plugin, entry in lock.plugins.items():
        if name in (plugin, entry.distribution):
            return plugin, entry
    near = near_names(name, list(lock.plugins))
    hint = f"Did you mean {near}?" if near else "`hermes plugins lock` lists them."
    raise NotFound(f"{name!r} was not installed with `hermes plugins install`.", remedy=hint)
