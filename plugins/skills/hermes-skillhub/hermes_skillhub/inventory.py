"""All skills of the user's folder, and where each of them is from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from hermes_host.config.files import read_text
from hermes_host.errors import HermesError
from hermes_skillhub.bundles import read_front_matter

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_skillhub.hub import Hub

__all__ = ["Kept", "inventory"]

Kind = Literal["hub", "builtin", "local"]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One skill on disk."""

    name: str
    category: str
    kind: Kind
    """`hub` for what a hub installed, `builtin` for what came with a package, `local` for everything else."""
    source: str = ""
    trust: str = ""
    verdict: str = ""
    revision: str = ""
    description: str = ""


def inventory(hub: Hub, kind: str = "all") -> list[Kept]:
    """The skills by name, of one kind or all."""
    installed = hub.storage.installed()
    by_path = {entry.install_path: entry for entry in installed.values()}
    bundled = _bundled(hub.storage.skills)
    found = []
    for folder in hub.skills.folders():
        path = folder.relative_to(hub.storage.skills).as_posix()
        entry = by_path.get(path)
        common = {"name": folder.name, "category": path.rpartition("/")[0], "description": _description(folder)}
        if entry is not None:
            found.append(
                Kept(
                    kind="hub",
                    source=f"{entry.source}:{entry.identifier}",
                    trust=entry.trust_level,
                    verdict=entry.scan_verdict,
                    revision=entry.revision,
                    **common,
                )
            )
        else:
            found.append(Kept(kind="builtin" if folder.name in bundled else "local", **common))
    return sorted((item for item in found if kind in ("all", item.kind)), key=lambda item: item.name)


def _bundled(skills: Path) -> set[str]:
    """The names in the manifest of skills that came with a package."""
    text = read_text(skills / ".bundled_manifest") or ""
    return {line.partition(":")[0].strip() for line in text.splitlines() if line.strip()}


def _description(folder: Path) -> str:
    try:
        return read_front_matter(read_text(folder / "SKILL.md") or "", folder.name).description
    except HermesError:
        return ""
