"""What a front end is given, and what it must offer to slash commands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hermes_host.agent import Session
    from hermes_host.host import Host
    from hermes_host.messages import Message

__all__ = ["FrontendOptions", "SlashCall", "split_slash_command"]


@dataclass(kw_only=True, slots=True)
class FrontendOptions:
    """How the user asked for a conversation. Empty strings mean: not said."""

    prompt: str = ""
    """The first message; with it and no terminal the front end answers once and leaves."""
    model: str = ""
    provider: str = ""
    reasoning: str = ""
    """How much the model is to think, one of the levels of `ModelSettings.reasoning`."""
    toolsets: tuple[str, ...] | None = None
    """None: the platform's; empty: no tools at all."""
    resume: str = ""
    continue_last: bool = False
    worktree: bool = False
    """Work in a place of its own; see `hermes_host.services.Workspaces`."""
    yolo: bool = False
    quiet: bool = False
    verbose: bool = False
    output_format: Literal["text", "json", "stream-json"] = "text"


@dataclass(kw_only=True, slots=True)
class SlashCall:
    """One use of a slash command. `switch_session` and `leave` are what the front end lets commands do to it."""

    name: str
    arguments: str
    host: Host
    session: Session
    surface: str = "cli"
    switch_session: Callable[[Session], Awaitable[None]] | None = None
    """Go on with another session; the old one is closed by the front end."""
    leave: Callable[[], None] | None = None
    show_reasoning: Callable[[bool], None] | None = None
    """Show or hide what the model thinks, from now on."""
    submit: Callable[[str | Message], None] | None = None
    """Send a message as if the user had typed it, when the command is done."""
    session_options: dict[str, Any] = field(default_factory=dict)
    """What this front end gives `Host.start` and `Host.resume`: approver, questioner, toolsets …"""
    data: dict[str, object] = field(default_factory=dict)
    """For front ends and their own commands."""


def split_slash_command(text: str) -> tuple[str, str] | None:
    """The name and the arguments of `/name arguments`; None for anything else, and for `//text`."""
    if not text.startswith("/") or text.startswith("//") or len(text) < 2 or not text[1].isalpha():
        return None
    name, _, arguments = text[1:].partition(" ")
    return None if "/" in name else (name, arguments.strip())
