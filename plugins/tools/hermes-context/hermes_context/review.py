"""Putting project files before a person who is to decide, and keeping the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_context.trust import TrustStore
from hermes_host.visible import exact, visible

if TYPE_CHECKING:
    from hermes_context.project import Project, ProjectFile
    from hermes_host.context import PluginContext

__all__ = ["keep", "presented"]

_MOST_LINES = 400


def presented(context: PluginContext, file: ProjectFile) -> str:
    """What a person should see before trusting: the file, or what has changed in it; then what looks suspicious."""
    store = TrustStore(context.state_directory)
    changes = store.difference(file.key, file.text, file.path) if file.state == "changed" else ""
    head = f"{exact(file.path)} ({len(file.text):,} characters, SHA-256 {file.sha256[:12]}…)"
    lines = visible((changes or file.text).rstrip("\n")).split("\n")
    rows = [f"  │ {line}" for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        rows.append(f"  … {len(lines) - _MOST_LINES} more lines; read the file before you trust it")
    _, findings = file.prepared
    warnings = [f"  ! line {finding.line}: {finding.kind}: {finding.excerpt}" for finding in findings]
    what = "changed since it was trusted:" if changes else ":"
    return "\n".join([f"{head} {what}".replace(" :", ":"), *rows, *warnings])


def keep(context: PluginContext, project: Project, files: list[ProjectFile]) -> None:
    """Trust exactly what was presented. Raises `ConfigError`."""
    store = TrustStore(context.state_directory)
    for file in files:
        store.trust(file.key, project.workspace.key(project.root), file.data)
