"""What an owner sees before consenting: what is in a folder, what would run, and what looks wrong in its words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_bridges.bundle import KINDS, Bundle
from hermes_bridges.reading import read_bundle
from hermes_bridges.tree import Tree, read_tree

if TYPE_CHECKING:
    from hermes_skills.scan import Finding

__all__ = ["Inspection", "inspect", "look_at", "report", "scanned"]

_READ_BY_MODELS = (".md", ".mdx", ".txt", ".json", ".yaml", ".yml")
_TEXT = (*_READ_BY_MODELS, ".py", ".js", ".mjs", ".cjs", ".ts", ".sh", ".bash", ".zsh", ".rb", ".pl", ".toml", ".cfg")
_LARGEST_SCANNED = 1_000_000
_MOST_FINDINGS = 40


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """A folder, looked at without running anything of it."""

    tree: Tree
    bundle: Bundle
    findings: tuple[Any, ...] = ()
    """What the scanner of hermes-skills says (`hermes_skills.scan.Finding`), worst first."""

    @property
    def dangerous(self) -> bool:
        """Whether something was found that should keep one from using it."""
        return any(item.severity == "critical" for item in self.findings)


def look_at(path: Path, name: str = "") -> Inspection:
    """Read and scan a folder. Raises `HermesError` where it cannot be used."""
    return inspect(read_tree(path), name)


def inspect(tree: Tree, name: str = "") -> Inspection:
    """What is in a folder that was read."""
    return Inspection(tree=tree, bundle=read_bundle(tree, name), findings=tuple(scanned(tree)))


def scanned(tree: Tree) -> list[Finding]:
    """What the words in a folder give away.

    What a model reads is scanned for instructions and actions; in code only what cannot be seen counts, for what code
    does is said elsewhere: it runs with all rights.
    """
    from hermes_skills.scan import scan_text

    found: list[Finding] = []
    for path in tree.files:
        suffix = Path(path).suffix.lower()
        if suffix not in _TEXT or tree.files[path].startswith("link "):
            continue
        text = tree.read(path, limit=1 << 26)[:_LARGEST_SCANNED].decode("utf-8", "replace")
        if suffix not in _READ_BY_MODELS and text.isascii():
            continue
        found += [
            item
            for item in scan_text(text, path)
            if suffix in _READ_BY_MODELS or item.id in ("invisible_text", "invisible_character")
        ]
    order = {"critical": 0, "high": 1, "medium": 2, "low": 3}
    return sorted(found, key=lambda item: (order[item.severity], item.file, item.line))[:_MOST_FINDINGS]


def report(inspection: Inspection) -> dict[str, Any]:
    """An inspection as JSON values."""
    bundle = inspection.bundle
    return {
        "name": bundle.name,
        "kind": bundle.kind,
        "described": KINDS[bundle.kind],
        "version": bundle.version,
        "summary": bundle.summary,
        "path": inspection.tree.root,
        "hash": inspection.tree.hash,
        "files": len(inspection.tree.files),
        "mapped": bundle.mapped,
        "runs": bundle.runs,
        "unmapped": [
            *bundle.unmapped,
            *(f"MCP server {item.name}: {item.problem}" for item in bundle.servers if item.problem),
        ],
        "requires": list(bundle.requires),
        "findings": [
            {
                "severity": item.severity,
                "file": item.file,
                "line": item.line,
                "description": item.description,
                "match": item.match,
            }
            for item in inspection.findings
            if item.severity != "low"
        ],
        "dangerous": inspection.dangerous,
    }
