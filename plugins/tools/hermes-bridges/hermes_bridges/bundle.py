"""What a folder brings, in this host's words: what maps to what, what would run, what cannot be mapped."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = ["KINDS", "Bundle", "CommandHook", "Kind", "McpServer", "SlashFile"]

Kind = Literal["hermes-plugin", "gateway-hook", "claude-plugin", "skills"]

KINDS: dict[str, str] = {
    "hermes-plugin": "plugin of Hermes 0.5",
    "gateway-hook": "gateway hook of Hermes 0.5",
    "claude-plugin": "Claude Code plugin",
    "skills": "folder of skills",
}


class SlashFile(msgspec.Struct, frozen=True, kw_only=True):
    """A slash command that is a Markdown file."""

    name: str
    summary: str
    file: str
    usage: str = ""
    text: str = ""


class CommandHook(msgspec.Struct, frozen=True, kw_only=True):
    """A program that is told of an event."""

    event: str
    matcher: str = ""
    condition: str = ""
    """Only for calls like this, such as `Bash(git push *)`."""
    command: str = ""
    arguments: tuple[str, ...] | None = None
    """With these the command is started without a shell."""
    timeout: float = 60.0
    background: bool = False
    """Nobody waits for it, and what it says has no effect."""


class McpServer(msgspec.Struct, frozen=True, kw_only=True):
    """An MCP server that is set up with the folder. `entry` is its own file's."""

    name: str
    entry: dict[str, Any]
    problem: str = ""
    """Why it cannot be used here; empty when it can."""


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in a folder, without running any of it."""

    name: str
    kind: Kind
    version: str = ""
    summary: str = ""
    skills: tuple[str, ...] = ()
    """Folders with a SKILL.md; `.` for the folder itself."""
    commands: tuple[SlashFile, ...] = ()
    hooks: tuple[CommandHook, ...] = ()
    servers: tuple[McpServer, ...] = ()
    tools: tuple[str, ...] = ()
    """Tools the manifest says a Python plugin has; what it really has is known when it is loaded."""
    events: tuple[str, ...] = ()
    """Hooks of a Python plugin, or events of a gateway hook, that reach it here."""
    requires: tuple[str, ...] = ()
    """Environment variables it says it needs."""
    unmapped: tuple[str, ...] = ()
    """What it has that does nothing here, a line for each."""
    notes: tuple[str, ...] = ()

    @property
    def runs(self) -> list[str]:
        """The code of the folder that would run, a line for each."""
        lines = []
        if self.kind == "hermes-plugin":
            lines.append("__init__.py, in the host's own process, with all its rights")
        if self.kind == "gateway-hook":
            lines.append("handler.py, in the host's own process, with all its rights")
        for hook in self.hooks:
            shown = " ".join((hook.command, *(hook.arguments or ())))
            on = f" on {hook.matcher}" if hook.matcher not in ("", "*") else ""
            lines.append(f"{hook.event}{on}: {shown}")
        for server in self.servers:
            if not server.problem and server.entry.get("command"):
                words = [str(server.entry["command"]), *map(str, server.entry.get("args") or ())]
                lines.append(f"MCP server {server.name}: {' '.join(words)}")
        return lines

    @property
    def mapped(self) -> list[str]:
        """What is used, and as what, a line for each."""
        lines = [f"skill {'.' if path == '.' else path} -> skill" for path in self.skills]
        lines += [f"command {item.file} -> /{item.name}" for item in self.commands]
        lines += [f"tool {name} -> tool, every call asks" for name in self.tools]
        lines += [f"{'hook' if self.kind == 'hermes-plugin' else 'event'} {name} -> observer" for name in self.events]
        if self.kind == "hermes-plugin":
            lines.append("what else it registers -> tools and observers alike")
        for event in dict.fromkeys(hook.event for hook in self.hooks):
            lines.append(f"{event} hooks -> {HOOK_EVENTS.get(event, 'observer')}")
        for server in self.servers:
            if not server.problem:
                lines.append(f"MCP server {server.name} -> mcp_servers.{self.name}-{server.name}")
        return lines


HOOK_EVENTS: dict[str, str] = {
    "PreToolUse": "judge of tool calls (deny and ask count, allow is no opinion)",
    "PostToolUse": "middleware behind tools (adds to results, changes nothing)",
    "UserPromptSubmit": "judge of messages (may refuse one or add to it)",
    "SessionStart": "run with the first message (adds to it)",
    "SessionEnd": "observer",
    "Stop": "observer (cannot make the agent go on)",
}
"""The events of command hooks that reach them, and what they become."""
