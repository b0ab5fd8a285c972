"""Claude Code plugins: manifest, commands, skills, hooks, MCP servers; and marketplaces, which list plugins.

The format: https://code.claude.com/docs/en/plugins-reference and https://code.claude.com/docs/en/hooks.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_bridges.bundle import HOOK_EVENTS, Bundle, CommandHook, McpServer, SlashFile
from hermes_bridges.reading import frontmatter, load_json, plain_name, skills_below
from hermes_host.errors import ConfigError
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_bridges.tree import Tree

__all__ = ["Listed", "marketplace", "read_claude_plugin"]

MANIFEST = ".claude-plugin/plugin.json"
MARKETPLACE = ".claude-plugin/marketplace.json"
_HOOK_SECONDS = 60.0
_META = frozenset(
    {
        *("name", "version", "description", "author", "homepage", "repository", "license", "keywords", "$schema"),
        *("displayName", "commands", "agents", "skills", "hooks", "mcpServers", "strict", "category", "tags"),
    }
)
_PARTS = {
    "lspServers": "language servers are not used here",
    "outputStyles": "output styles are not used here; see personalities",
    "monitors": "monitors are not used here",
    "themes": "themes are not used here",
    "channels": "channels are not used here",
    "settings": "settings of Claude Code mean nothing here",
    "workflows": "workflows are not used here",
    "userConfig": "it is not asked for; set what it needs in the environment (bridges.environment)",
    "dependencies": "other plugins are not fetched; add them one by one",
}
_FILES = {
    ".lsp.json": "lspServers",
    "settings.json": "settings",
    "monitors/": "monitors",
    "output-styles/": "outputStyles",
    "themes/": "themes",
    "workflows/": "workflows",
}


def read_claude_plugin(tree: Tree, name: str = "") -> Bundle:
    """What is in a Claude Code plugin. Raises `ConfigError`."""
    manifest: dict[str, Any] = {}
    if MANIFEST in tree.files:
        manifest = load_json(tree, MANIFEST)
        if not isinstance(manifest, dict):
            raise ConfigError(f"{MANIFEST} is no object.")
    called = name or plain_name(manifest.get("name") or tree.root.rstrip("/").rpartition("/")[2])
    unmapped = [f"{key}: {_PARTS.get(key, 'it means nothing here')}" for key in manifest if key not in _META]
    for place, part in _FILES.items():
        if place in tree.files or (place.endswith("/") and tree.below(place)):
            unmapped.append(f"{place}: {_PARTS[part]}")
    if tree.below("bin/"):
        unmapped.append("bin/: its programs are not put on the PATH of commands")
    hooks, unhooked = _hooks(tree, manifest)
    commands, remarks = _commands(tree, manifest)
    servers = tuple(_servers(tree, manifest))
    return Bundle(
        name=called,
        kind="claude-plugin",
        version=str(manifest.get("version") or ""),
        summary=one_line(str(manifest.get("description") or ""), 300),
        skills=tuple(_skills(tree, manifest)),
        commands=tuple(commands),
        hooks=tuple(hooks),
        servers=servers,
        unmapped=tuple(dict.fromkeys([*_agents(tree, manifest), *unhooked, *remarks, *_unused(servers), *unmapped])),
    )


# ------------------------------------------------------------------------------------------------- skills, commands


def _skills(tree: Tree, manifest: dict[str, Any]) -> list[str]:
    places = ["skills", *_paths(manifest.get("skills"), "skills")]
    found = [folder for place in places for folder in (skills_below(tree, place) if place != "." else [])]
    if "SKILL.md" in tree.files:
        found.insert(0, ".")
    return list(dict.fromkeys(found))


def _commands(tree: Tree, manifest: dict[str, Any]) -> tuple[list[SlashFile], list[str]]:
    declared = manifest.get("commands")
    found: dict[str, SlashFile] = {}
    remarks: list[str] = []
    if isinstance(declared, dict):
        files = {_path(value.get("source"), "commands"): key for key, value in declared.items() if "source" in value}
        remarks += [
            f"command {key}: only commands that are files are used"
            for key, value in declared.items()
            if "source" not in value
        ]
    else:
        files = {}
        # What the manifest names comes beside the usual folder, so that nothing is lost either way.
        for place in dict.fromkeys(["commands", *_paths(declared, "commands")]):
            for path in [place] if place in tree.files else tree.below(place, ".md"):
                files[path] = posixpath.basename(path).removesuffix(".md")
    for path, name in files.items():
        if path not in tree.files or tree.files[path].startswith("link "):
            remarks.append(f"command {path}: there is no such file")
            continue
        if posixpath.basename(path) in ("README.md", "SKILL.md"):
            continue
        facts, body = frontmatter(tree.text(path))
        try:
            plain = plain_name(name)
        except ConfigError:
            remarks.append(f"command {path}: its name cannot be used")
            continue
        summary = facts.get("description") or next((line.strip("# ") for line in body.splitlines() if line.strip()), "")
        found[plain] = SlashFile(
            name=plain, summary=one_line(summary, 120), file=path, usage=one_line(facts.get("argument-hint", ""), 60),
            text=body.strip(),
        )  # fmt: skip
        for key in ("model", "allowed-tools", "disallowed-tools", "agent", "context", "hooks", "effort"):
            if facts.get(key):
                remarks.append(f"command {path}: {key} has no effect; the conversation's own counts")
        if re.search(r"(?m)^!|!`", body):
            remarks.append(f"command {path}: its shell lines (!`…`) are not run; the agent is shown them as text")
        if re.search(r"(?<![\w`])@(?!\$\{CLAUDE_PLUGIN_ROOT\})[\w./~$-]", body):
            remarks.append(f"command {path}: its @file references stay text; the agent reads them if it may")
    return list(found.values()), remarks


def _agents(tree: Tree, manifest: dict[str, Any]) -> Iterable[str]:
    for place in dict.fromkeys(["agents", *_paths(manifest.get("agents"), "agents")]):
        for path in [place] if place in tree.files else tree.below(place, ".md"):
            yield f"agent {path}: agents are not mapped; subagents here have no roles"


# ---------------------------------------------------------------------------------------------------------- hooks


def _hooks(tree: Tree, manifest: dict[str, Any]) -> tuple[list[CommandHook], list[str]]:
    declared = manifest.get("hooks")
    sources: list[tuple[str, Any]] = []
    if "hooks/hooks.json" in tree.files:
        sources.append(("hooks/hooks.json", load_json(tree, "hooks/hooks.json")))
    for item in declared if isinstance(declared, list) else [declared]:
        if isinstance(item, str):
            path = _path(item, "hooks")
            if path != "hooks/hooks.json":
                sources.append((path, load_json(tree, path)))
        elif item is not None:
            sources.append((MANIFEST, item))
    found: list[CommandHook] = []
    unmapped: list[str] = []
    for path, document in sources:
        groups = document.get("hooks", document) if isinstance(document, dict) else None
        if not isinstance(groups, dict):
            raise ConfigError(f"{path}: hooks have to be an object of events.")
        for event, entries in groups.items():
            if event == "description":
                continue
            for entry in entries if isinstance(entries, list) else [entries]:
                _take_group(path, str(event), entry, found, unmapped)
    return found, unmapped


def _take_group(path: str, event: str, group: Any, found: list[CommandHook], unmapped: list[str]) -> None:
    if not isinstance(group, dict) or not isinstance(group.get("hooks"), list):
        raise ConfigError(f"{path}: {event} has to be a list of objects with `hooks`.")
    matcher = str(group.get("matcher") or "")
    for hook in group["hooks"]:
        if not isinstance(hook, dict):
            raise ConfigError(f"{path}: a hook of {event} is no object.")
        kind = hook.get("type", "command")
        where = f"hook {event}{f' on {matcher}' if matcher else ''}"
        if event not in HOOK_EVENTS:
            unmapped.append(f"{where}: there is no such event here; it never runs")
        elif kind != "command" or not isinstance(hook.get("command"), str):
            unmapped.append(f"{where}: hooks of the type {kind!r} are not run; only commands are")
        else:
            if event == "Stop":
                unmapped.append(f"{where}: it runs, but cannot make the agent go on")
            arguments = hook.get("args")
            found.append(
                CommandHook(
                    event=event,
                    matcher=matcher,
                    condition=str(hook.get("if") or ""),
                    command=hook["command"],
                    arguments=tuple(map(str, arguments)) if isinstance(arguments, list) else None,
                    timeout=_seconds(hook.get("timeout")),
                    background=hook.get("async") is True,
                )
            )


def _seconds(value: Any) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
    return float(value) if number else _HOOK_SECONDS


# -------------------------------------------------------------------------------------------------------- servers


def _servers(tree: Tree, manifest: dict[str, Any]) -> Iterable[McpServer]:
    entries: dict[str, Any] = {}
    declared = manifest.get("mcpServers")
    if ".mcp.json" in tree.files:
        entries |= _server_entries(load_json(tree, ".mcp.json"))
    for item in declared if isinstance(declared, list) else [declared]:
        if isinstance(item, str):
            path = _path(item, "mcpServers")
            entries |= _server_entries(load_json(tree, path))
        elif isinstance(item, dict):
            entries |= _server_entries(item)
    for name, entry in entries.items():
        plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:24] or "server"
        yield McpServer(name=plain, entry=entry, problem=_server_problem(entry))


def _unused(servers: Iterable[McpServer]) -> Iterable[str]:
    known = {"type", "command", "args", "env", "cwd", "url", "headers", "auth", "description"}
    for server in servers:
        for key in server.entry.keys() - known:
            yield f"MCP server {server.name}: {key} has no effect; see the settings of hermes-mcp"


def _server_entries(document: Any) -> dict[str, Any]:
    found = document.get("mcpServers", document) if isinstance(document, dict) else {}
    return {str(key): value for key, value in found.items() if isinstance(value, dict)}


def _server_problem(entry: dict[str, Any]) -> str:
    if entry.get("type") in ("sse", "ws"):
        return f"the transport {entry['type']!r} is not supported"
    if not isinstance(entry.get("command"), str) and not isinstance(entry.get("url"), str):
        return "it has neither a command nor a url"
    if re.search(r"\$\{user_config\.", str(entry)):
        return "it needs ${user_config…}, which is not asked for here"
    return ""


# ---------------------------------------------------------------------------------------------------- marketplaces


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that a marketplace lists. `path` is empty where it lies elsewhere."""

    name: str
    summary: str = ""
    path: str = ""
    source: str = ""


def marketplace(tree: Tree) -> list[Listed]:
    """What a marketplace lists; empty where the folder is none. Raises `ConfigError`."""
    if MARKETPLACE not in tree.files:
        return []
    document = load_json(tree, MARKETPLACE)
    plugins = document.get("plugins") if isinstance(document, dict) else None
    if not isinstance(plugins, list):
        raise ConfigError(f"{MARKETPLACE} lists no plugins.")
    root = (document.get("metadata") or {}).get("pluginRoot", "") if isinstance(document.get("metadata"), dict) else ""
    found = []
    for item in plugins:
        if not isinstance(item, dict):
            continue
        source = item.get("source")
        path = ""
        if isinstance(source, str) and "://" not in source:
            path = _path(posixpath.join(root, source) if not source.startswith("./") else source, "source")
        found.append(
            Listed(
                name=one_line(str(item.get("name", "?")), 60),
                summary=one_line(str(item.get("description", "")), 120),
                path=path,
                source=one_line(str(source), 120),
            )
        )
    return found


def _paths(value: Any, key: str) -> list[str]:
    if value is None:
        return []
    return [_path(item, key) for item in (value if isinstance(value, list) else [value])]


def _path(value: Any, key: str) -> str:
    """A path within the folder. Raises `ConfigError` for one that leaves it."""
    if not isinstance(value, str):
        raise ConfigError(f"{key}: {value!r} is no path.")
    place = posixpath.normpath(value)
    if place.startswith(("/", "~")) or place == ".." or place.startswith("../"):
        raise ConfigError(f"{key}: {value!r} leaves the folder.")
    return place
