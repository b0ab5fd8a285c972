"""MCP servers of a folder as entries of `mcp_servers`, which hermes-mcp reads.

A server that is a program is started through `hermes_bridges.launch`, which first looks whether the folder is still
what was accepted; so a changed file keeps it from starting.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hermes_bridges.bundle import Bundle, McpServer
    from hermes_host.host import Host

__all__ = ["config_name", "entries", "placed", "set_up", "take_away"]

_REMOTE = ("type", "url", "headers", "auth")


def config_name(bundle: Bundle, server: McpServer) -> str:
    """What a server is called in config.yaml."""
    return f"{bundle.name}-{server.name}"[:48].rstrip("-_")


def entries(bundle: Bundle, state: Path) -> dict[str, tuple[McpServer, dict[str, Any]]]:
    """For each usable server its name in config.yaml and its entry there. `state` is the plugin's state directory."""
    return {
        config_name(bundle, server): (server, _entry(bundle, server, state))
        for server in bundle.servers
        if not server.problem
    }


def _entry(bundle: Bundle, server: McpServer, state: Path) -> dict[str, Any]:
    if "command" not in server.entry:
        return {key: _settled(server.entry[key]) for key in _REMOTE if key in server.entry}
    # The program, its arguments and its directory stay in the folder's own file: that is what was accepted.
    entry: dict[str, Any] = {
        "command": sys.executable,
        "args": ["-P", "-m", "hermes_bridges.launch", str(state), bundle.name, server.name],
    }
    environment = server.entry.get("env")
    if isinstance(environment, dict):
        # Only what the owner's environment has to give; literal values stay in the folder's own file as well.
        names = sorted({name for value in environment.values() for name in re.findall(r"\$\{(\w+)\}", str(value))})
        wanted = [name for name in names if not name.startswith("CLAUDE_")]
        if wanted:
            entry["env"] = {name: f"${{{name}}}" for name in wanted}
    return entry


def _settled(value: Any) -> Any:
    """A value with `${NAME:-default}` as `${NAME}` where the environment has one, else as the default."""
    if isinstance(value, dict):
        return {key: _settled(item) for key, item in value.items()}
    if not isinstance(value, str):
        return value
    return re.sub(
        r"\$\{(\w+):-([^}]*)\}", lambda match: f"${{{match[1]}}}" if os.environ.get(match[1]) else match[2], value
    )


def placed(text: str, root: str, data: str, environ: Mapping[str, str]) -> str:
    """A word of a server's entry with its variables put in: `${NAME}` and `${NAME:-default}`."""
    own = {"CLAUDE_PLUGIN_ROOT": root, "CLAUDE_PLUGIN_DATA": data}

    def value(match: re.Match[str]) -> str:
        return own.get(match[1]) or environ.get(match[1]) or (match[2] or "")

    return re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", value, text)


def set_up(host: Host, bundle: Bundle, state: Path) -> tuple[dict[str, str], dict[str, tuple[str, Any]]]:
    """Write the entries into config.yaml; gives those written (name there, own name), and those that could not be,
    each with the reason and its entry."""
    from hermes_host.errors import HermesError

    written: dict[str, str] = {}
    left: dict[str, tuple[str, Any]] = {}
    known = any(item.section == "mcp_servers" for item in host.config.declarations)
    for name, (server, entry) in entries(bundle, state).items():
        try:
            if not known:
                raise HermesError("hermes-mcp is not installed.", remedy="pip install hermes-mcp")
            from hermes_mcp.configuring import add_server

            add_server(host, name, entry)
            written[name] = server.name
        except HermesError as error:
            left[name] = (str(error), entry)
    return written, left


def take_away(host: Host, names: Mapping[str, str]) -> list[str]:
    """Take entries out of config.yaml that were written for a folder; gives their names."""
    present = host.config.raw("mcp_servers") or {}
    gone = []
    for name in names:
        # One that was changed by hand to something else is the owner's own.
        args = (present.get(name) or {}).get("args") or []
        if name in present and ("hermes_bridges.launch" in args or not (present[name] or {}).get("command")):
            host.config.unset(f"mcp_servers.{name}")
            gone.append(name)
    return gone
