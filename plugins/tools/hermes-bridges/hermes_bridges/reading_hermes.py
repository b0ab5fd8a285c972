"""Plugins and gateway hooks of Hermes 0.5: what their manifests and their text say."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from hermes_bridges.bundle import Bundle
from hermes_bridges.reading import load_yaml, plain_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermes_bridges.tree import Tree

__all__ = ["GATEWAY_EVENTS", "PYTHON_HOOKS", "foreign_module", "read_gateway_hook", "read_hermes_plugin"]

PYTHON_HOOKS = (
    "on_session_start",
    "pre_llm_call",
    "post_llm_call",
    "pre_tool_call",
    "post_tool_call",
    "on_session_end",
)
"""The hooks `ctx.register_hook` knows."""

GATEWAY_EVENTS = ("session:start", "session:end", "session:reset", "agent:start", "agent:step", "agent:end")
"""The events of gateway hooks that are seen here."""

_UNSEEN_EVENTS = {
    "gateway:startup": "no plugin is told when the gateway starts",
    "command:*": "no plugin is told of slash commands",
}
_CONTEXT = frozenset({"register_tool", "register_hook", "manifest"})

_ORIGINAL = frozenset(
    {
        *("acp_adapter", "agent", "cli", "cron", "gateway", "hermes_agent", "hermes_cli", "hermes_constants"),
        *("hermes_logging", "hermes_state", "hermes_time", "honcho_integration", "model_tools", "run_agent"),
        *("tools", "toolset_distributions", "toolsets", "trajectory_compressor"),
    }
)


def foreign_module(name: str) -> bool:
    """Whether a module belongs to the program the plugin was made for."""
    return name.partition(".")[0] in _ORIGINAL


def read_hermes_plugin(tree: Tree, name: str = "") -> Bundle:
    """A folder with `plugin.yaml` and `__init__.py`. Raises `ConfigError`."""
    path = "plugin.yaml" if "plugin.yaml" in tree.files else "plugin.yml"
    manifest = load_yaml(tree.text(path), path)
    declared = _names(manifest.get("provides_hooks")) or _names(manifest.get("hooks"))
    unmapped = [f"hook {item}: there is no such hook here" for item in declared if item not in PYTHON_HOOKS]
    known = {
        *("name", "version", "description", "author", "requires_env", "provides_tools", "provides_hooks"),
        *("manifest_version", "hooks", "tools", "license", "homepage", "kind"),
    }
    unmapped += [f"{path}: {key} means nothing here" for key in manifest if key not in known]
    unmapped += _unmapped_code(tree)
    return Bundle(
        name=name or plain_name(manifest.get("name") or tree.root.rpartition("/")[2]),
        kind="hermes-plugin",
        version=str(manifest.get("version") or ""),
        summary=_line(manifest.get("description")),
        tools=tuple(_names(manifest.get("provides_tools")) or _names(manifest.get("tools"))),
        events=tuple(item for item in declared if item in PYTHON_HOOKS),
        requires=tuple(_names(manifest.get("requires_env"))),
        unmapped=tuple(dict.fromkeys(unmapped)),
    )


def read_gateway_hook(tree: Tree, name: str = "") -> Bundle:
    """A folder with `HOOK.yaml` and `handler.py`. Raises `ConfigError`."""
    manifest = load_yaml(tree.text("HOOK.yaml"), "HOOK.yaml")
    events, unmapped = [], []
    for item in _names(manifest.get("events")):
        stem = item.partition(":")[0]
        any_of_them = item.endswith(":*") and any(event.startswith(f"{stem}:") for event in GATEWAY_EVENTS)
        if any_of_them or item in GATEWAY_EVENTS:
            events.append(item)
        else:
            reason = _UNSEEN_EVENTS.get("command:*" if stem == "command" else item, "there is no such event here")
            unmapped.append(f"event {item}: {reason}")
    return Bundle(
        name=name or plain_name(manifest.get("name") or tree.root.rpartition("/")[2]),
        kind="gateway-hook",
        summary=_line(manifest.get("description")),
        events=tuple(events),
        unmapped=tuple([*unmapped, *_unmapped_code(tree)]),
    )


def _unmapped_code(tree: Tree) -> Iterator[str]:
    """What the Python files name that there is not, found in their text."""
    for path in tree.below("", ".py"):
        if tree.files[path].startswith("link "):
            continue
        try:
            parsed = ast.parse(tree.text(path))
        except (SyntaxError, ValueError, RecursionError) as error:
            yield f"{path}: it cannot be read as Python ({error})"
            continue
        for node in ast.walk(parsed):
            yield from (f"{path}: {found}" for found in _unmapped_node(node))


def _unmapped_node(node: ast.AST) -> Iterator[str]:
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and not node.level:
        names = [node.module or ""]
    for module in names:
        if foreign_module(module):
            yield f"it imports {module}, which belongs to Hermes Agent and does not exist here"
    if (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("ctx", "context")
        and (node.attr.startswith(("register_", "add_")) and node.attr not in _CONTEXT)
    ):
        yield f"ctx.{node.attr} does not exist in Hermes 0.5, nor here"


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        value = re.split(r"[,\s]+", value)
    if isinstance(value, dict):
        value = list(value)
    found = []
    for item in value if isinstance(value, list) else ():
        name = item.get("name") if isinstance(item, dict) else item
        if isinstance(name, str) and name.strip():
            found.append(name.strip())
    return found


def _line(value: Any) -> str:
    return " ".join(str(value or "").split())[:300]
