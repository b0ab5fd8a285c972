"""The store for a workspace of a running host, for the parts of this plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_checkpoints.settings import Settings
from hermes_checkpoints.store import Store
from hermes_checkpoints.workspace import reason_against, store_folder
from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_host.context import PluginContext

__all__ = ["LOCAL", "settings_of", "store_for"]

LOCAL = "local"
"""The terminal backend that runs on this machine."""


def settings_of(context: PluginContext) -> Settings:
    """The section `checkpoints`."""
    return context.section(Settings, "checkpoints")


def store_for(context: PluginContext, workspace: Path) -> Store:
    """The snapshots of a workspace. Raises `HermesError` for one that is never snapshotted."""
    if reason := reason_against(workspace, context.home):
        raise HermesError(reason)
    folder = store_folder(context.state_directory, workspace)
    return Store(folder, workspace, settings_of(context), home=context.home)
