"""The isolated plugins of `plugins.lock`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_installer.lockfile import LockedPlugin
from hermes_installer.lockfile import read_lock as read_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["LockedPlugin", "read_lock"]


def read_lock(home: Path) -> Mapping[str, LockedPlugin]:
    """Those installed under `home` and not revoked, by name. Raises `ConfigError` when the file is damaged."""
    plugins = read_whole(home).plugins
    return {
        name: plugin
        for name, plugin in sorted(plugins.items())
        if plugin.isolated and not plugin.revoked and _is_plain(name)
    }


def _is_plain(name: str) -> bool:
    """Whether a folder can be called so."""
    return bool(name) and name.isascii() and name.replace("-", "a").replace("_", "a").isalnum()
