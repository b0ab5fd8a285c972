"""Publish a skill: a fork, a branch, a commit and a pull request, all by GitHub's API; no git is run."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import msgspec
from hermes_skills.scan import Report

from hermes_host.cli.listing import count
from hermes_host.errors import HermesError, NotFound
from hermes_skillhub.bundles import NAME, FrontMatter, checked_files, front_matter
from hermes_skillhub.errors import HubUnavailable, InstallRefused
from hermes_skillhub.github import REPOSITORY, GitHub, Repository
from hermes_skillhub.protocol import BundleFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hermes_skillhub.hub import Hub

__all__ = ["Draft", "Published", "draft", "publish"]

_FORK_TRIES = 6


class Draft(msgspec.Struct, frozen=True):
    """A skill that may be published."""

    name: str
    files: tuple[BundleFile, ...]
    head: FrontMatter
    report: Report


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What was made."""

    url: str
    """The pull request."""
    branch: str
    fork: str
    """The repository the branch is in."""


def draft(hub: Hub, folder: Path) -> Draft:
    """Check a skill of one's own as one from outside is checked. Raises `InstallRefused`, `BundleRefused`."""
    if not (folder / "SKILL.md").is_file():
        raise NotFound(f"{folder} is no skill: it has no SKILL.md.")
    files = checked_files(hub.storage.read(folder))
    head = front_matter(files, folder.name)
    if not NAME.fullmatch(folder.name):
        raise InstallRefused(f"{folder.name!r} cannot be the name of a skill.", remedy="Rename its folder.")
    report = hub.skills.scan(folder)
    if report.verdict == "dangerous":
        raise InstallRefused(
            f"{folder.name!r} was not published: {report.summary}", remedy="Take out what was found; keys above all."
        )
    return Draft(folder.name, files, head, report)


async def publish(
    github: GitHub, skill: Draft, repository: str, folder: str, progress: Callable[[str], None]
) -> Published:
    """Propose `skill` for `folder` of `repository`. Nothing of the repository itself is changed."""
    if not REPOSITORY.fullmatch(repository):
        raise HermesError(f"{repository!r} is not of the form owner/repo.")
    progress(f"Looking at {repository} …")
    upstream = await github.repository(repository)
    about = await github.call(f"/repos/{upstream.name}")
    login = str((await github.call("/user"))["login"])
    writable = bool((about.get("permissions") or {}).get("push"))
    if not writable:
        progress("Making a fork …")
    home = upstream.name if writable else await _fork(github, upstream)
    progress(f"Uploading {count(len(skill.files), 'file')} …")
    branch = f"add-skill-{skill.name}"
    place = f"{folder.strip('/')}/{skill.name}".lstrip("/")
    commit = await _commit(github, home, upstream, skill, place)
    try:
        await github.change("POST", f"/repos/{home}/git/refs", {"ref": f"refs/heads/{branch}", "sha": commit})
    except HubUnavailable as error:
        if error.status == 422:
            raise HubUnavailable(
                f"{home} has a branch {branch!r} already.",
                remedy="Delete it there, or merge its pull request.",
                status=422,
            ) from error
        raise
    progress("Opening the pull request …")
    opened = await github.change(
        "POST",
        f"/repos/{upstream.name}/pulls",
        {
            "title": f"Add skill: {skill.name}",
            "head": branch if writable else f"{login}:{branch}",
            "base": str(about["default_branch"]),
            "body": f"{skill.head.description}\n\nFiles: {len(skill.files)}. Scan: {skill.report.verdict}.",
        },
    )
    return Published(url=str(opened["html_url"]), branch=branch, fork=home)


async def _fork(github: GitHub, upstream: Repository) -> str:
    """The caller's fork, made if need be. GitHub makes it in the background, so it is asked for until it is there."""
    made: Any = await github.change("POST", f"/repos/{upstream.name}/forks", {"default_branch_only": True})
    name = str(made["full_name"])
    for attempt in range(_FORK_TRIES):
        try:
            await github.call(f"/repos/{name}/git/commits/{upstream.commit}")
            return name
        except HubUnavailable as error:
            if error.status not in (0, 409, 404):
                raise
        except NotFound:
            pass
        await asyncio.sleep(0.5 * 2**attempt)
    raise HubUnavailable(f"GitHub has not finished the fork {name}.", remedy="Try again in a minute.")


async def _commit(github: GitHub, home: str, upstream: Repository, skill: Draft, place: str) -> str:
    entries = []
    for file in skill.files:
        blob = await github.change(
            "POST",
            f"/repos/{home}/git/blobs",
            {"content": base64.b64encode(file.data).decode(), "encoding": "base64"},
        )
        mode = "100755" if file.executable else "100644"
        entries.append({"path": f"{place}/{file.path}", "mode": mode, "type": "blob", "sha": str(blob["sha"])})
    tree = await github.change("POST", f"/repos/{home}/git/trees", {"base_tree": upstream.tree, "tree": entries})
    message = f"Add skill {skill.name}\n\n{skill.head.description}"
    commit = await github.change(
        "POST",
        f"/repos/{home}/git/commits",
        {"message": message, "tree": str(tree["sha"]), "parents": [upstream.commit]},
    )
    return str(commit["sha"])
