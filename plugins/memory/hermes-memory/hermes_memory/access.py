"""The store of a running host, for the parts of this plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host.services import Conversations
from hermes_memory.scan import Redact, unredacted
from hermes_memory.settings import Settings
from hermes_memory.store import Store

if TYPE_CHECKING:
    from hermes_host.context import PluginContext
    from hermes_host.host import Host

__all__ = ["settings_of", "store_for", "store_of"]


def settings_of(context: PluginContext) -> Settings:
    """The section `memory`."""
    return context.section(Settings, "memory")


async def store_for(context: PluginContext, session_id: str) -> Store:
    """The store, for use in a live session: it knows the secrets of that session's host."""
    conversations = await context.services.find(Conversations)
    live = conversations.session(session_id) if conversations is not None else None
    return _store(context, live.host.secrets.redact if live is not None else unredacted)


def store_of(host: Host) -> Store:
    """The store, for commands."""
    return _store(host.context("memory"), host.secrets.redact)


def _store(context: PluginContext, redact: Redact) -> Store:
    return Store(context.home, context.state_directory, settings_of(context), redact)
