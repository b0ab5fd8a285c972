"""Repositories on GitHub that hold skills: those of the settings and those added by `hermes skills tap add`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_host.errors import HermesError
from hermes_skillhub.connections import Connections
from hermes_skillhub.github import GitHub, split_reference
from hermes_skillhub.hubs.gathering import gathered
from hermes_skillhub.lockfile import read_taps
from hermes_skillhub.protocol import SkillBundle, SkillListing
from hermes_skillhub.ranking import best

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hermes_host.context import PluginContext
    from hermes_skillhub.settings import Settings

__all__ = ["Taps", "configured_taps", "connect"]


async def connect(context: PluginContext, _spec: Any) -> Taps:
    """The target of the hub `github`."""
    connections = await context.services.get(Connections)
    return Taps(connections.github, connections.settings, context.home / "skills" / ".hub" / "taps.json")


def configured_taps(settings: Settings) -> list[tuple[str, str]]:
    """The taps of the settings as (`owner/repo`, folder)."""
    found = [split_reference(tap) for tap in settings.taps]
    return [(parts[0], parts[1]) for parts in found if parts is not None]


class Taps:
    """Searches the taps; fetches from any repository."""

    def __init__(self, github: GitHub, settings: Settings, file: Path) -> None:
        self._github = github
        self._settings = settings
        self._file = file

    def claims(self, reference: str) -> str:
        """`owner/repo/path`, `owner/repo`, `owner/repo@skill`, `owner/repo/path@ref`, or a page on github.com."""
        if "://" not in reference and reference.count("/") == 1 and "@" in reference:
            # The form of `npx skills add`: what stands behind the sign is the skill.
            repository, _, skill = reference.partition("@")
            reference = f"{repository}/{skill}"
        parts = split_reference(reference)
        if parts is None:
            return ""
        repository, path, ref = parts
        return f"{repository}{'/' + path if path else ''}{'@' + ref if ref else ''}"

    async def search(self, query: str, limit: int, report: Callable[[str], None]) -> Sequence[SkillListing]:
        """All taps at once."""
        taps = dict.fromkeys([*configured_taps(self._settings), *read_taps(self._file)])
        work = {"/".join(filter(None, tap)): self._listed(*tap) for tap in taps}
        listings = await gathered(work, report)
        return best(listings, query, limit)

    async def _listed(self, name: str, below: str) -> list[SkillListing]:
        repository = await self._github.repository(name, cached=True)
        tree = await self._github.tree(repository, below)
        heads = await self._github.heads(tree, below)
        return [
            SkillListing(
                name=folder.rpartition("/")[2] or name.partition("/")[2],
                identifier=f"{repository.name}/{folder}".rstrip("/"),
                description=head.description,
                repository=repository.name,
                version=head.version,
                tags=head.tags,
                url=f"https://github.com/{repository.name}/tree/{repository.commit}/{folder}".rstrip("/"),
            )
            for folder, head in heads.items()
        ]

    async def inspect(self, identifier: str) -> SkillListing:
        """Reads the head of its SKILL.md."""
        name, path, ref = _split(identifier)
        repository = await self._github.repository(name, ref)
        folder = await self._github.find(repository, path)
        tree = await self._github.tree(repository, folder)
        head = (await self._github.heads(tree, folder)).get(folder)
        files = [entry.path for entry in tree.entries if entry.kind == "blob" and entry.path.startswith(folder)]
        return SkillListing(
            name=folder.rpartition("/")[2] or repository.name.partition("/")[2],
            identifier=_identifier(repository.name, folder, ref),
            description=head.description if head else "",
            repository=repository.name,
            version=head.version if head else "",
            tags=head.tags if head else (),
            url=f"https://github.com/{repository.name}/tree/{repository.commit}/{folder}".rstrip("/"),
            details={"commit": repository.commit, "files": len(files), "license": head.license if head else ""},
        )

    async def fetch(self, identifier: str) -> SkillBundle:
        """The folder at the head of the main branch, or at the ref of the identifier."""
        name, path, ref = _split(identifier)
        repository = await self._github.repository(name, ref)
        folder = await self._github.find(repository, path)
        return await self._github.bundle(
            repository,
            folder,
            name=folder.rpartition("/")[2] or repository.name.partition("/")[2],
            identifier=_identifier(repository.name, folder, ref),
        )


def _split(identifier: str) -> tuple[str, str, str]:
    parts = split_reference(identifier)
    if parts is None:
        raise HermesError(f"{identifier!r} is not of the form owner/repo/path.")
    return parts


def _identifier(repository: str, folder: str, ref: str) -> str:
    return f"{repository}{'/' + folder if folder else ''}{'@' + ref if ref else ''}"
