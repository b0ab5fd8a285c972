"""Server entries of other programs' files: Claude, Cursor, VS Code and everything that writes `mcpServers`."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

from hermes_host.errors import ConfigError
from hermes_mcp.redaction import names_a_secret

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PROGRAMS", "entry_problem", "known_files", "read_servers", "without_literals"]

PROGRAMS = ("claude", "cursor", "vscode")

_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])')
_KNOWN = ("command", "args", "env", "cwd", "url", "headers", "timeout", "enabled", "auth", "connect_timeout", "tools")


def known_files(program: str, home: Path, directory: Path) -> list[Path]:
    """Where a program keeps its servers."""
    support = home / ("Library/Application Support" if sys.platform == "darwin" else ".config")
    places = {
        "claude": [home / ".claude.json", directory / ".mcp.json", support / "Claude/claude_desktop_config.json"],
        "cursor": [home / ".cursor/mcp.json", directory / ".cursor/mcp.json"],
        "vscode": [directory / ".vscode/mcp.json", support / "Code/User/mcp.json", support / "Code/User/settings.json"],
    }
    return places[program]


def read_servers(path: Path) -> dict[str, dict[str, Any]]:
    """The entries of a file, in this host's form. Raises `ConfigError` for a file that cannot be read."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        document = json.loads(_TRAILING.sub(lambda m: m[1] or "", _COMMENT.sub(lambda m: m[1] or "", text)))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path} holds no servers.", remedy="It should have a key mcpServers or servers.")
    nested = document.get("mcp")
    found = document.get("mcpServers") or document.get("servers")
    if not found and isinstance(nested, dict):
        found = nested.get("servers")
    if not isinstance(found, dict) or not found:
        raise ConfigError(f"{path} holds no servers.", remedy="It should have a key mcpServers or servers.")
    return {str(name): _translated(entry) for name, entry in found.items() if isinstance(entry, dict)}


def _translated(entry: dict[str, Any]) -> dict[str, Any]:
    found = {key: _variables(value) for key, value in entry.items() if key in _KNOWN}
    if "url" not in found and isinstance(entry.get("serverUrl"), str):
        found["url"] = _variables(entry["serverUrl"])
    if entry.get("disabled") is True:
        found["enabled"] = False
    if entry.get("type") == "sse":
        found["type"] = "sse"
    return found


def _variables(value: Any) -> Any:
    """`${env:NAME}` and `${input:name}` as `${NAME}`; the rest of VS Code's variables stays and is reported."""
    if isinstance(value, str):
        value = re.sub(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}", r"${\1}", value)
        return re.sub(r"\$\{input:([^}]+)\}", lambda m: f"${{{re.sub(r'[^A-Z0-9]+', '_', m[1].upper())}}}", value)
    if isinstance(value, list):
        return [_variables(item) for item in value]
    return {key: _variables(item) for key, item in value.items()} if isinstance(value, dict) else value


def entry_problem(entry: dict[str, Any]) -> str:
    """Why an entry cannot be used here; empty when it can."""
    if entry.get("type") == "sse":
        return "it uses the legacy SSE transport; ask its maker for the streamable HTTP address"
    if not entry.get("command") and not entry.get("url"):
        return "it has neither a command nor a url"
    if match := re.search(r"\$\{(workspaceFolder|userHome|file\w*|pathSeparator|config:[^}]*)[^}]*\}", str(entry)):
        return f"it uses {match[0]}, which has no meaning here"
    return ""


def without_literals(name: str, entry: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The entry with placeholders in place of the secrets it holds literally, and those by the names they get."""
    secrets: dict[str, str] = {}
    changed = dict(entry)
    for part in ("env", "headers"):
        values = dict(entry.get(part) or {})
        for key, value in values.items():
            if isinstance(value, str) and value and "${" not in value and names_a_secret(key):
                variable = re.sub(r"[^A-Z0-9]+", "_", f"MCP_{name}_{key}".upper())
                scheme, _, rest = value.partition(" ") if part == "headers" else ("", "", "")
                secrets[variable] = rest or value
                values[key] = f"{scheme} ${{{variable}}}" if rest else f"${{{variable}}}"
        if values:
            changed[part] = values
    return changed, secrets
