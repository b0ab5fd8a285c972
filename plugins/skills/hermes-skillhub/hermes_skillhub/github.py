"""GitHub's REST API, as far as skills need it: a commit, its tree, and files that are what the tree says they are.

Used: `GET /repos/{o}/{r}`, `/commits/{ref}`, `/git/trees/{sha}?recursive=1`, `/git/blobs/{sha}`, and the host of raw
files. The hash of each file is checked against the tree, so it does not matter which of the two hosts gave it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from hermes_host.errors import NotFound
from hermes_skillhub.bundles import (
    FILE_BYTES_AT_MOST,
    FILES_AT_MOST,
    TOTAL_BYTES_AT_MOST,
    FrontMatter,
    path_fault,
    read_front_matter,
)
from hermes_skillhub.errors import BundleRefused, HubUnavailable, TooManyRequests
from hermes_skillhub.protocol import BundleFile, Origin, SkillBundle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hermes_skillhub.github_token import GitHubToken
    from hermes_skillhub.settings import Addresses
    from hermes_skillhub.transport import Transport

__all__ = ["REPOSITORY", "Entry", "GitHub", "Repository", "Tree", "split_reference"]

REPOSITORY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/(?!\.\.?$)[A-Za-z0-9._-]{1,100}")
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_AT_ONCE = 8
_HEADS_AT_MOST = 150
_HEAD_BYTES = 24_000
_PLAIN = ("100644", "100755", "100664")
_FOLDERS = ("", "skills/", ".agents/skills/", ".claude/skills/")
"""Where repositories keep skills; tried in this order for a bare name."""


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """A repository at one commit."""

    name: str
    """`owner/repo` as GitHub calls it now, also after a rename."""
    commit: str
    tree: str
    """The hash of the root tree."""
    private: bool = False
    archived: bool = False


class Entry(msgspec.Struct, frozen=True):
    """A file of a tree."""

    path: str
    mode: str
    sha: str
    size: int
    kind: str = "blob"


class Tree(msgspec.Struct, frozen=True):
    """The files below one folder of a repository; paths are those within the repository."""

    repository: Repository
    entries: tuple[Entry, ...]

    def skills(self, below: str = "") -> list[str]:
        """The folders that hold a SKILL.md, in order."""
        prefix = f"{below}/" if below else ""
        found = [
            entry.path[: -len("/SKILL.md")]
            for entry in self.entries
            if entry.path.endswith("/SKILL.md") and entry.path.startswith(prefix) and entry.kind == "blob"
        ]
        if any(entry.path == "SKILL.md" for entry in self.entries) and not below:
            found.insert(0, "")
        return found

    def entry(self, path: str) -> Entry | None:
        """The file of that path."""
        return next((entry for entry in self.entries if entry.path == path), None)


def split_reference(reference: str) -> tuple[str, str, str] | None:
    """`owner/repo`, path and ref of `owner/repo[/path][@ref]` or of a page on github.com; None for anything else."""
    page = re.fullmatch(
        r"https://(?:www\.)?github\.com/([^/\s]+/[^/\s]+?)(?:\.git)?(?:/(?:tree|blob)/([^/\s]+)(?:/(\S*))?)?/?",
        reference,
    )
    if page is not None:
        repository, ref, path = page[1], page[2] or "", (page[3] or "").strip("/")
    else:
        reference, _, ref = reference.partition("@")
        parts = reference.strip("/").split("/")
        repository, path = "/".join(parts[:2]), "/".join(parts[2:])
    path = path.removesuffix("/SKILL.md") if path != "SKILL.md" else ""
    if not REPOSITORY.fullmatch(repository) or (path and path_fault(path)):
        return None
    if ref and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}", ref):
        return None
    return repository, path, ref


class GitHub:
    """Reads repositories."""

    def __init__(self, transport: Transport, addresses: Addresses, token: GitHubToken) -> None:
        self._transport = transport
        self._api = addresses.github_api.rstrip("/")
        self._raw = addresses.github_raw.rstrip("/")
        self._token = token
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def repository(self, name: str, ref: str = "", *, cached: bool = False) -> Repository:
        """The repository at a branch, tag or commit, by default at the head of its main branch. Raises `NotFound`."""
        if not REPOSITORY.fullmatch(name):
            raise NotFound(f"{name!r} is not the name of a repository on GitHub (owner/repo).")
        try:
            about = await self.call(f"/repos/{name}", cached=cached)
            real = str(about["full_name"])
            branch = ref or str(about["default_branch"])
            head = await self.call(f"/repos/{real}/commits/{quote(branch, safe='')}", cached=cached)
            commit, tree = str(head["sha"]), str(head["commit"]["tree"]["sha"])
        except NotFound as error:
            what = f"{name}@{ref}" if ref else name
            raise NotFound(
                f"GitHub has no repository {what!r} that you may read.",
                remedy="Check its name; for a private one set GITHUB_TOKEN.",
            ) from error
        except (KeyError, TypeError) as error:
            raise HubUnavailable("GitHub's answer about the repository is not what its API promises.") from error
        if not REPOSITORY.fullmatch(real) or not _SHA.fullmatch(commit) or not _SHA.fullmatch(tree):
            raise HubUnavailable("GitHub's answer about the repository is not what its API promises.")
        if _SHA.fullmatch(ref) and commit != ref:
            raise HubUnavailable("GitHub gave another commit than the one that was asked for.")
        return Repository(
            name=real,
            commit=commit,
            tree=tree,
            private=bool(about.get("private")),
            archived=bool(about.get("archived")),
        )

    async def tree(self, repository: Repository, below: str = "") -> Tree:
        """All files, or those below one folder where the whole is too large for one answer."""
        document = await self._tree(repository, repository.tree, recursive=True)
        if not document.get("truncated"):
            return Tree(repository, _entries(document, ""))
        if not below:
            raise HubUnavailable(f"{repository.name} is too large to be listed.", remedy="Name a folder within it.")
        sha, prefix = repository.tree, ""
        for part in below.split("/"):
            here = _entries(await self._tree(repository, sha, recursive=False), prefix)
            prefix = f"{prefix}{part}/"
            found = next((entry for entry in here if f"{entry.path}/" == prefix and entry.kind == "tree"), None)
            if found is None:
                raise NotFound(f"{repository.name} has no folder {below!r}.")
            sha = found.sha
        document = await self._tree(repository, sha, recursive=True)
        if document.get("truncated"):
            raise BundleRefused(f"{repository.name}/{below} is far too large for a skill.")
        return Tree(repository, _entries(document, prefix))

    async def _tree(self, repository: Repository, sha: str, *, recursive: bool) -> Mapping[str, Any]:
        # A tree is named by its content, so an old answer is as good as a new one.
        path = f"/repos/{repository.name}/git/trees/{sha}{'?recursive=1' if recursive else ''}"
        document = await self.call(path, cached=True, lifetime=30 * 86400.0)
        if not isinstance(document, dict) or not isinstance(document.get("tree"), list):
            raise HubUnavailable("GitHub's tree is not what its API promises.")
        return document

    async def file(self, repository: Repository, entry: Entry) -> bytes:
        """The content of a file, which has the hash that the tree says."""
        async with self._slots:
            data = await self._content(repository, entry)
        algorithm = hashlib.sha1 if len(entry.sha) == 40 else hashlib.sha256
        if algorithm(b"blob %d\0" % len(data) + data).hexdigest() != entry.sha:
            raise BundleRefused(f"{entry.path!r} is not what the commit says it is.")
        return data

    async def _content(self, repository: Repository, entry: Entry) -> bytes:
        headers = await self._token.headers()
        limit = FILE_BYTES_AT_MOST + (1 << 20)
        if not headers and not repository.private:
            # Anonymous calls of the API are few (60 an hour); the host of raw files does not count them.
            path = quote(f"{repository.name}/{repository.commit}/{entry.path}")
            return (await self._transport.get(f"{self._raw}/{path}", limit=limit)).body
        document = await self.call(f"/repos/{repository.name}/git/blobs/{entry.sha}")
        try:
            if document["encoding"] != "base64":
                raise HubUnavailable("GitHub's blob has an unknown encoding.")
            return base64.b64decode(document["content"])
        except (KeyError, TypeError, binascii.Error) as error:
            raise HubUnavailable("GitHub's blob is not what its API promises.") from error

    async def bundle(self, repository: Repository, folder: str, *, name: str, identifier: str) -> SkillBundle:
        """The skill in `folder`. Links and submodules within it are refused, and so is what is too large."""
        tree = await self.tree(repository, folder)
        prefix = f"{folder}/" if folder else ""
        if tree.entry(f"{prefix}SKILL.md") is None:
            raise NotFound(
                f"{repository.name} has no SKILL.md in {folder or 'its root'!r}.", remedy=_hint(tree, folder)
            )
        entries = [entry for entry in tree.entries if entry.path.startswith(prefix) and entry.kind != "tree"]
        _check(entries)
        data = await _all([self.file(repository, entry) for entry in entries])
        files = tuple(
            BundleFile(entry.path.removeprefix(prefix), content, entry.mode == "100755")
            for entry, content in zip(entries, data, strict=True)
        )
        origin = Origin(
            repository=repository.name,
            revision=repository.commit,
            path=folder,
            url=f"https://github.com/{repository.name}/tree/{repository.commit}/{folder}".rstrip("/"),
        )
        notes = ("The repository is archived: nobody maintains it.",) if repository.archived else ()
        return SkillBundle(name=name, identifier=identifier, files=files, origin=origin, notes=notes)

    async def heads(self, tree: Tree, below: str = "") -> dict[str, FrontMatter]:
        """What the skills of a tree say about themselves, by folder; those that cannot be read are left out."""
        folders = tree.skills(below)[:_HEADS_AT_MOST]
        entries = [tree.entry(f"{folder}/SKILL.md".lstrip("/")) for folder in folders]
        found = await _all(
            [self._head(tree.repository, entry, folder) for folder, entry in zip(folders, entries, strict=True)]
        )
        return {folder: head for folder, head in zip(folders, found, strict=True) if head is not None}

    async def _head(self, repository: Repository, entry: Entry | None, folder: str) -> FrontMatter | None:
        if entry is None or entry.mode not in _PLAIN:
            return None
        try:
            # A file is named by its content, so what was once read need not be asked for again.
            text = await self._transport.remembered(f"head-{entry.sha}", lambda: self._beginning(repository, entry))
            return read_front_matter(text.decode("utf-8", "replace"), folder.rpartition("/")[2])
        except (BundleRefused, NotFound):
            return None

    async def _beginning(self, repository: Repository, entry: Entry) -> bytes:
        return (await self.file(repository, entry))[:_HEAD_BYTES]

    async def find(self, repository: Repository, name: str) -> str:
        """The folder of the skill that a person calls `name`: a path, or a folder's name. Raises `NotFound`."""
        tree = await self.tree(repository, name if "/" in name else "")
        for usual in _FOLDERS:
            if tree.entry(f"{usual}{name}/SKILL.md") is not None:
                return f"{usual}{name}"
        folders = [folder for folder in tree.skills() if folder.rpartition("/")[2] == name or folder == name]
        if not name and "" in tree.skills():
            return ""
        if not folders and "/" not in name:
            folders = [folder for folder, head in (await self.heads(tree)).items() if head.name == name]
        if len(folders) == 1:
            return folders[0]
        if folders:
            raise NotFound(
                f"{repository.name} has several: {', '.join(folders[:8])}.", remedy="Name one with its path."
            )
        raise NotFound(f"{repository.name} has no skill {name!r}.", remedy=_hint(tree, name))

    async def call(self, path: str, *, cached: bool = False, lifetime: float | None = None) -> Any:
        """One GET of the API. Says how to get more when there are too many."""
        headers = {"Accept": "application/vnd.github+json", **await self._token.headers()}
        try:
            return await self._transport.json(f"{self._api}{path}", headers=headers, cached=cached, lifetime=lifetime)
        except TooManyRequests as error:
            remedy = (
                error.remedy if "Authorization" in headers else "With GITHUB_TOKEN set GitHub allows 5,000 an hour."
            )
            raise TooManyRequests(error.message, remedy=remedy, retry_after=error.retry_after) from error
        except HubUnavailable as error:
            if error.status == 401:
                raise HubUnavailable(
                    "GitHub does not accept the token.", remedy="Renew GITHUB_TOKEN, or unset it.", status=401
                ) from error
            raise

    async def change(self, method: str, path: str, document: Any) -> Any:
        """One call that changes something. Raises `HubUnavailable` without a token."""
        headers = await self._token.headers()
        if not headers:
            raise HubUnavailable("Publishing needs a GitHub token.", remedy="Set GITHUB_TOKEN, or run `gh auth login`.")
        said = {"Accept": "application/vnd.github+json", **headers}
        return await self._transport.send(method, f"{self._api}{path}", document, headers=said)


def _entries(document: Mapping[str, Any], prefix: str) -> tuple[Entry, ...]:
    found = []
    for item in document["tree"]:
        try:
            kind, size = str(item["type"]), int(item.get("size") or 0)
            entry = Entry(f"{prefix}{item['path']}", str(item["mode"]), str(item["sha"]), size, kind)
        except (KeyError, TypeError, ValueError) as error:
            raise HubUnavailable("GitHub's tree is not what its API promises.") from error
        if _SHA.fullmatch(entry.sha):
            found.append(entry)
    return tuple(found)


def _check(entries: Sequence[Entry]) -> None:
    """Refuse before anything is downloaded."""
    for entry in entries:
        if entry.kind != "blob" or entry.mode not in _PLAIN:
            raise BundleRefused(f"{entry.path!r} is a link or a submodule.")
    total = sum(entry.size for entry in entries)
    if len(entries) > FILES_AT_MOST or total > TOTAL_BYTES_AT_MOST:
        raise BundleRefused(f"The folder has {len(entries)} files with {total:,} bytes, more than a skill may have.")


def _hint(tree: Tree, folder: str) -> str:
    near = [found for found in tree.skills() if folder.rpartition("/")[2] in found] or tree.skills()
    return f"It has: {', '.join(near[:8])}." if near else "It holds no skills."


async def _all(work: Sequence[Any]) -> list[Any]:
    """All results in order; the first failure ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
