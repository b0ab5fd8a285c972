"""Which conversation a message belongs to, as a word that is the same after every restart."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from hermes_gateway.people import Standing
    from hermes_gateway.settings import Settings
    from hermes_host.protocols import Inbound

__all__ = ["conversation_key", "is_shared"]


def conversation_key(update: Inbound, standing: Standing, settings: Settings) -> str:
    """`platform:kind:chat[/thread][@user]`, each part percent-encoded; or one for all direct chats of a linked person,
    where the settings say so."""
    if update.kind == "direct" and settings.gateway.follow_person and standing.linked:
        return f"person:{_quoted(standing.person)}"
    address = update.address
    account = f"+{_quoted(address.account)}" if address.account else ""
    thread = f"/{_quoted(address.thread)}" if address.thread else ""
    user = f"@{_quoted(update.sender.id)}" if update.kind != "direct" and settings.group_sessions_per_user else ""
    return f"{_quoted(address.platform)}{account}:{update.kind}:{_quoted(address.chat)}{thread}{user}"


def is_shared(update: Inbound, settings: Settings) -> bool:
    """Whether several people talk in the conversation."""
    return update.kind != "direct" and not settings.group_sessions_per_user


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="replace")
