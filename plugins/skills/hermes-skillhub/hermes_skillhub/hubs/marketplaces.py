"""Marketplaces of Claude plugins: the skills within the plugins that `.claude-plugin/marketplace.json` lists.

Only skills are taken; commands, agents, hooks and servers of a plugin are left alone. Plugins whose source is npm or a
host other than GitHub are passed over.
"""

from __future__ import annotations

import json
import posixpath
import re
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.errors import HermesError, NotFound
from hermes_skillhub.bundles import path_fault
from hermes_skillhub.connections import Connections
from hermes_skillhub.errors import HubUnavailable
from hermes_skillhub.github import REPOSITORY, GitHub, Repository, Tree, split_reference
from hermes_skillhub.hubs.gathering import gathered
from hermes_skillhub.protocol import SkillBundle, SkillListing
from hermes_skillhub.ranking import best, fit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hermes_host.context import PluginContext

__all__ = ["Marketplaces", "connect"]

_FILE = ".claude-plugin/marketplace.json"
_OTHER_REPOSITORIES = 6
"""How many repositories besides the marketplaces' own one search may look into."""
_CLONE = re.compile(r"https://github\.com/([^/\s]+/[^/\s]+?)(?:\.git)?/?")


async def connect(context: PluginContext, _spec: Any) -> Marketplaces:
    """The target of the hub `claude-marketplace`."""
    connections = await context.services.get(Connections)
    return Marketplaces(connections.github, connections.settings.marketplaces)


class _Plugin(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin of a marketplace, as far as its skills are concerned."""

    name: str
    description: str
    repository: str
    ref: str
    folder: str
    """The plugin's folder within the repository, without slashes around it."""
    skills: tuple[str, ...]
    """Folders relative to `folder`; a folder of skills counts as all of them."""


class Marketplaces:
    """Identifiers are `owner/repo/path`, with `@ref` where the marketplace pins one."""

    def __init__(self, github: GitHub, repositories: Sequence[str]) -> None:
        self._github = github
        self._repositories = tuple(name for name in repositories if REPOSITORY.fullmatch(name))

    def claims(self, reference: str) -> str:
        """`owner/repo/path` or `owner/repo/path@ref`."""
        parts = split_reference(reference) if "://" not in reference else None
        return reference if parts is not None and parts[1] else ""

    async def search(self, query: str, limit: int, report: Callable[[str], None]) -> Sequence[SkillListing]:
        """In all marketplaces at once."""
        work = {name: self._listed(name, query, report) for name in self._repositories}
        listings = await gathered(work, report)
        return best(listings, query, limit)

    async def inspect(self, identifier: str) -> SkillListing:
        """Reads the head of its SKILL.md."""
        name, path, ref = _split(identifier)
        repository = await self._github.repository(name, ref)
        tree = await self._github.tree(repository, path)
        head = (await self._github.heads(tree, path)).get(path)
        if head is None:
            raise NotFound(f"{repository.name} has no skill in {path!r}.")
        return SkillListing(
            name=path.rpartition("/")[2],
            identifier=identifier,
            description=head.description,
            repository=repository.name,
            version=head.version,
            tags=head.tags,
            details={"commit": repository.commit, "license": head.license},
        )

    async def fetch(self, identifier: str) -> SkillBundle:
        """The folder itself, from its repository."""
        name, path, ref = _split(identifier)
        repository = await self._github.repository(name, ref)
        return await self._github.bundle(repository, path, name=path.rpartition("/")[2], identifier=identifier)

    async def _listed(self, name: str, query: str, report: Callable[[str], None]) -> list[SkillListing]:
        home = await self._github.repository(name, cached=True)
        tree = await self._github.tree(home)
        plugins = await self._plugins(home, tree)
        listings = [
            listing
            for plugin in plugins
            if plugin.repository == home.name and not plugin.ref
            for listing in await self._skills(tree, plugin)
        ]
        others = [plugin for plugin in plugins if plugin.repository != home.name or plugin.ref]
        for plugin in [plugin for plugin in others if _worth_a_look(plugin, query)][:_OTHER_REPOSITORIES]:
            try:
                repository = await self._github.repository(plugin.repository, plugin.ref, cached=True)
                listings += await self._skills(await self._github.tree(repository, plugin.folder), plugin)
            except HermesError as error:
                report(f"{plugin.repository}: {error.message}")
        return listings

    async def _plugins(self, home: Repository, tree: Tree) -> list[_Plugin]:
        entry = tree.entry(_FILE)
        if entry is None:
            raise HubUnavailable(f"{home.name} has no {_FILE}.")
        try:
            document = json.loads(await self._github.file(home, entry))
            plugins = document["plugins"]
            metadata = document.get("metadata")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise HubUnavailable(f"{home.name}/{_FILE} is not a marketplace.") from error
        root = str(metadata.get("pluginRoot") or "") if isinstance(metadata, dict) else ""
        if not isinstance(plugins, list):
            raise HubUnavailable(f"{home.name}/{_FILE} is not a marketplace.")
        found = [_plugin(item, home.name, root) for item in plugins if isinstance(item, dict)]
        return [plugin for plugin in found if plugin is not None]

    async def _skills(self, tree: Tree, plugin: _Plugin) -> list[SkillListing]:
        present = set(tree.skills())
        wanted: list[str] = []
        for skill in plugin.skills:
            folder = _joined(plugin.folder, skill)
            if folder is None:
                continue
            below = [found for found in sorted(present) if posixpath.dirname(found) == folder]
            wanted += [folder] if folder in present else below
        listings = []
        for folder in dict.fromkeys(wanted):
            head = (await self._github.heads(tree, folder)).get(folder)
            if head is not None and folder:
                listings.append(
                    SkillListing(
                        name=folder.rpartition("/")[2],
                        identifier=f"{plugin.repository}/{folder}{'@' + plugin.ref if plugin.ref else ''}",
                        description=head.description,
                        repository=plugin.repository,
                        version=head.version,
                        tags=(plugin.name, *head.tags),
                        details={"plugin": plugin.name},
                    )
                )
        return listings


def _worth_a_look(plugin: _Plugin, query: str) -> bool:
    listing = SkillListing(name=plugin.name, identifier=plugin.repository, description=plugin.description)
    return bool(query.strip()) and fit(listing, query) > 0


def _plugin(item: Mapping[str, Any], home: str, root: str) -> _Plugin | None:
    where = _source(item.get("source"), home, root)
    if where is None:
        return None
    repository, ref, folder = where
    said = item.get("skills")
    skills = [said] if isinstance(said, str) else said if isinstance(said, list) else ["skills"]
    return _Plugin(
        name=str(item.get("name") or ""),
        description=str(item.get("description") or ""),
        repository=repository,
        ref=ref,
        folder=folder,
        skills=tuple(str(skill) for skill in skills),
    )


def _source(source: Any, home: str, root: str) -> tuple[str, str, str] | None:
    """Repository, ref and folder of a plugin; None for what does not lie on GitHub."""
    if isinstance(source, str):
        folder = _joined(root if not source.startswith("./") else "", source)
        return None if folder is None else (home, "", folder)
    if not isinstance(source, dict):
        return None
    kind, url = source.get("source"), str(source.get("url") or "")
    clone = _CLONE.fullmatch(url)
    repository = str(source.get("repo") or "") if kind == "github" else clone[1] if clone else url
    if kind not in ("github", "url", "git-subdir") or not REPOSITORY.fullmatch(repository):
        return None
    folder = _joined("", str(source.get("path") or ""))
    ref = str(source.get("sha") or source.get("ref") or "")
    if folder is None or (ref and split_reference(f"{repository}/x@{ref}") is None):
        return None
    return repository, ref, folder


def _joined(folder: str, path: str) -> str | None:
    """A path below a folder, both as a manifest writes them; None for one that leads out of the repository."""
    joined = posixpath.normpath(posixpath.join("/", folder, path)).strip("/") if ".." not in path.split("/") else None
    return None if joined is None or (joined and path_fault(joined)) else joined


def _split(identifier: str) -> tuple[str, str, str]:
    parts = split_reference(identifier)
    if parts is None or not parts[1]:
        raise HermesError(f"{identifier!r} is not of the form owner/repo/path.")
    return parts
