"""What a folder is, and what is in it. Nothing of it is run or imported."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from hermes_bridges.bundle import Bundle
from hermes_host.cli.listing import count
from hermes_host.errors import ConfigError, HermesError

if TYPE_CHECKING:
    from hermes_bridges.bundle import Kind
    from hermes_bridges.tree import Tree

__all__ = ["frontmatter", "kind_of", "load_json", "load_yaml", "plain_name", "read_bundle", "skills_below"]


def kind_of(tree: Tree) -> Kind | None:
    """What a folder is; None where it is nothing that can be used."""
    files = tree.files
    if ".claude-plugin/plugin.json" in files:
        return "claude-plugin"
    if "__init__.py" in files and ("plugin.yaml" in files or "plugin.yml" in files):
        return "hermes-plugin"
    if "handler.py" in files and "HOOK.yaml" in files:
        return "gateway-hook"
    if "SKILL.md" in files:
        return "skills"
    if "hooks/hooks.json" in files or ".mcp.json" in files or tree.below("commands", ".md"):
        return "claude-plugin"  # its manifest may be left out
    return "skills" if skills_below(tree, "") else None


def read_bundle(tree: Tree, name: str = "") -> Bundle:
    """What is in a folder. `name` is what it is to be called. Raises `ConfigError` where nothing can be used."""
    kind = kind_of(tree)
    if kind == "claude-plugin":
        from hermes_bridges.reading_claude import read_claude_plugin

        return read_claude_plugin(tree, name)
    if kind in ("hermes-plugin", "gateway-hook"):
        from hermes_bridges.reading_hermes import read_gateway_hook, read_hermes_plugin

        return read_hermes_plugin(tree, name) if kind == "hermes-plugin" else read_gateway_hook(tree, name)
    if kind == "skills":
        skills = tuple(skills_below(tree, ""))
        folder = tree.root.rstrip("/").rpartition("/")[2]
        return Bundle(
            name=name or plain_name(folder), kind="skills", skills=skills, summary=count(len(skills), "skill")
        )
    if ".claude-plugin/marketplace.json" in tree.files:
        raise ConfigError(
            f"{tree.root} is a marketplace, not a plugin.",
            remedy=f"See what it lists: hermes bridges check {tree.root}. Take one: hermes bridges add --plugin NAME.",
        )
    raise ConfigError(
        f"{tree.root} is no plugin and holds no skills.",
        remedy="It needs .claude-plugin/plugin.json, or plugin.yaml, HOOK.yaml or SKILL.md with what belongs to them.",
    )


def skills_below(tree: Tree, folder: str) -> list[str]:
    """The folders below `folder` (empty for all) that hold a skill; none within another one."""
    found: list[str] = []
    for path in sorted(tree.below(folder, "SKILL.md"), key=lambda item: (item.count("/"), item)):
        if path.rpartition("/")[2] != "SKILL.md" or tree.files[path].startswith("link "):
            continue
        place = path.rpartition("/")[0] or "."
        if "." not in found and not any(place.startswith(f"{known}/") for known in found):
            found.append(place)
    return found


def plain_name(text: object) -> str:
    """A name made of what stands there: lower case, letters, digits and hyphens. Raises `ConfigError` for none."""
    name = re.sub(r"[^a-z0-9]+", "-", str(text or "").lower()).strip("-")[:40].strip("-")
    if not name:
        raise ConfigError(f"{text!r} gives no usable name.", remedy="Say --name.")
    return name if name[0].isalpha() else f"x-{name}"


def load_json(tree: Tree, path: str) -> Any:
    """A JSON file. Raises `ConfigError`."""
    try:
        return json.loads(tree.text(path))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from error


def load_yaml(text: str, path: str) -> dict[str, Any]:
    """A YAML mapping. Raises `ConfigError`."""
    import yaml

    try:
        data = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {str(error).splitlines()[0]}.") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path} is no mapping.")
    return {str(key): value for key, value in data.items()}


def frontmatter(text: str) -> tuple[dict[str, str], str]:
    """The `key: value` lines at the head of a Markdown file, and the rest. Reads what is not quite YAML as well."""
    match = re.match(r"---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", text, re.DOTALL | re.MULTILINE)
    if match is None:
        return {}, text
    try:
        data: dict[str, Any] = load_yaml(match[1], "the frontmatter")
    except HermesError:
        # `argument-hint: [a] [b]` is common and no YAML.
        data = dict(re.findall(r"^([A-Za-z][\w-]*):[ \t]*(.*)$", match[1], re.MULTILINE))
    return {key: _words(value) for key, value in data.items()}, text[match.end() :]


def _words(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(f"[{item}]" for item in value)
    return " ".join(str(value if value is not None else "").split())
