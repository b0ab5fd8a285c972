"""Fake servers of every hub over real HTTP, written from the formats that the README names."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hermes_skillhub.hub import Hub
from hermes_skillhub.protocol import BundleFile, Origin, SkillBundle, SkillListing

from hermes_host.host import Host

SKILL = """---
name: {name}
description: {description}
version: 1.0.0
license: MIT
---

# {name}

Do the thing, step by step.
"""


def skill_text(name: str, description: str = "", body: str = "") -> bytes:
    return (SKILL.format(name=name, description=description or f"How to {name}.") + body).encode()


def zip_of(entries: Iterable[tuple[str | zipfile.ZipInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def _blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Repository:
    """Files of one repository; every `put` is a commit."""

    def __init__(self, name: str, *, private: bool = False, archived: bool = False) -> None:
        self.name = name
        self.private, self.archived = private, archived
        self.push = False
        self.truncated = False
        self.lies: dict[str, bytes] = {}
        """Other content for the blob of a path than its hash says."""
        self.commits: list[dict[str, tuple[bytes, str]]] = [{}]

    def put(self, files: dict[str, bytes | tuple[bytes, str]], *, remove: Iterable[str] = ()) -> None:
        now = {path: entry for path, entry in self.commits[-1].items() if path not in set(remove)}
        for path, entry in files.items():
            now[path] = entry if isinstance(entry, tuple) else (entry, "100644")
        self.commits.append(now)

    def commit_of(self, index: int) -> str:
        listing = sorted((path, _blob(data), mode) for path, (data, mode) in self.commits[index].items())
        return hashlib.sha1(f"{self.name}{index}{listing}".encode()).hexdigest()

    def index_of(self, ref: str) -> int | None:
        if ref in ("main", "HEAD"):
            return len(self.commits) - 1
        return next((index for index in range(len(self.commits)) if self.commit_of(index) == ref), None)

    def tree_of(self, index: int, prefix: str = "") -> str:
        return hashlib.sha1(f"tree {self.commit_of(index)} {prefix}".encode()).hexdigest()

    def trees(self) -> dict[str, tuple[int, str]]:
        found = {}
        for index, files in enumerate(self.commits):
            prefixes = {""} | {
                "/".join(path.split("/")[:depth]) for path in files for depth in range(1, len(path.split("/")))
            }
            found.update({self.tree_of(index, prefix): (index, prefix) for prefix in prefixes})
        return found

    def listed(self, index: int, prefix: str, *, recursive: bool) -> list[dict[str, Any]]:
        start = f"{prefix}/" if prefix else ""
        found: dict[str, dict[str, Any]] = {}
        for path, (data, mode) in sorted(self.commits[index].items()):
            if not path.startswith(start):
                continue
            rest = path[len(start) :]
            if not recursive and "/" in rest:
                name = rest.split("/")[0]
                sha = self.tree_of(index, f"{start}{name}")
                found[name] = {"path": name, "mode": "040000", "type": "tree", "sha": sha}
                continue
            kind = "commit" if mode == "160000" else "blob"
            found[rest] = {"path": rest, "mode": mode, "type": kind, "sha": _blob(data), "size": len(data)}
        return list(found.values())


class World:
    """All servers in one, and what they were asked."""

    def __init__(self) -> None:
        self.port = 0
        self.repositories: dict[str, Repository] = {}
        self.renamed: dict[str, str] = {}
        self.directory: list[dict[str, Any]] = []
        self.clawhub: dict[str, dict[str, Any]] = {}
        self.archives: dict[str, bytes] = {}
        self.agents: dict[str, dict[str, Any]] = {}
        self.site: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.requests: list[web.Request] = []
        self.changes: list[tuple[str, str, Any]] = []
        self.busy: list[tuple[int, dict[str, str]]] = []
        """Answers to give before any other."""
        self.forks_wait = 0
        self.branches: set[str] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def repository(self, name: str, files: dict[str, Any] | None = None, **facts: Any) -> Repository:
        made = self.repositories[name.lower()] = Repository(name, **facts)
        made.put(files or {})
        return made

    def asked(self, part: str) -> int:
        return sum(part in request.path_qs for request in self.requests)

    # ------------------------------------------------------------------------------------------------- dispatch

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.busy:
            status, headers = self.busy.pop(0)
            return web.json_response({"message": "busy"}, status=status, headers=headers)
        if request.path in self.redirects:
            return web.Response(status=302, headers={"Location": self.redirects[request.path]})
        parts = request.path.strip("/").split("/")
        handler = getattr(self, f"_{parts[0].replace('-', '_')}", None)
        if request.path in self.site:
            return web.Response(body=self.site[request.path])
        if handler is None:
            return web.json_response({"message": "Not Found"}, status=404)
        return await handler(request, parts[1:])

    async def _api(self, request: web.Request, parts: list[str]) -> web.StreamResponse:
        if parts == ["user"]:
            return web.json_response({"login": "me"})
        name = "/".join(parts[1:3])
        if name in self.renamed:
            target = request.path_qs.replace(name, self.renamed[name], 1)
            return web.Response(status=301, headers={"Location": f"{self.address}{target}"})
        repository = self.repositories.get(name.lower())
        if repository is None:
            return web.json_response({"message": "Not Found"}, status=404)
        if request.method == "POST":
            return await self._post(request, repository, parts[3:])
        rest = parts[3:]
        if not rest:
            return web.json_response(
                {
                    "full_name": repository.name,
                    "default_branch": "main",
                    "private": repository.private,
                    "archived": repository.archived,
                    "permissions": {"push": repository.push},
                }
            )
        return self._read(request, repository, rest)

    def _read(self, request: web.Request, repository: Repository, rest: list[str]) -> web.StreamResponse:
        missing = web.json_response({"message": "Not Found"}, status=404)
        if rest[0] == "commits":
            index = repository.index_of(rest[1])
            if index is None:
                return missing
            document = {"sha": repository.commit_of(index), "commit": {"tree": {"sha": repository.tree_of(index)}}}
            return web.json_response(document)
        if rest[:2] == ["git", "commits"]:
            if self.forks_wait:
                self.forks_wait -= 1
                return web.json_response({"message": "Git Repository is empty."}, status=409)
            return web.json_response({"sha": rest[2]})
        if rest[:2] == ["git", "trees"]:
            where = repository.trees().get(rest[2])
            if where is None:
                return missing
            index, prefix = where
            recursive = request.query.get("recursive") == "1"
            cut = repository.truncated and recursive and not prefix
            tree = [] if cut else repository.listed(index, prefix, recursive=recursive)
            return web.json_response({"sha": rest[2], "tree": tree, "truncated": cut})
        if rest[:2] == ["git", "blobs"]:
            for files in repository.commits:
                for path, (data, _) in files.items():
                    if _blob(data) == rest[2]:
                        content = repository.lies.get(path, data)
                        encoded = base64.encodebytes(content).decode()
                        return web.json_response({"content": encoded, "encoding": "base64", "sha": rest[2]})
        return missing

    async def _post(self, request: web.Request, repository: Repository, rest: list[str]) -> web.StreamResponse:
        if "Authorization" not in request.headers:
            return web.json_response({"message": "Requires authentication"}, status=401)
        document = await request.json()
        what = "/".join(rest)
        self.changes.append((repository.name, what, document))
        if what == "forks":
            fork = f"me/{repository.name.split('/')[1]}"
            self.repositories[fork] = Repository(fork)
            return web.json_response({"full_name": fork}, status=202)
        if what == "git/refs":
            if document["ref"] in self.branches:
                return web.json_response({"message": "Reference already exists"}, status=422)
            self.branches.add(document["ref"])
        if what == "pulls":
            return web.json_response({"html_url": f"https://github.com/{repository.name}/pull/7"}, status=201)
        return web.json_response({"sha": hashlib.sha1(json.dumps(document).encode()).hexdigest()}, status=201)

    async def _raw(self, request: web.Request, parts: list[str]) -> web.StreamResponse:
        repository = self.repositories.get("/".join(parts[:2]).lower())
        index = repository.index_of(parts[2]) if repository else None
        path = "/".join(parts[3:])
        if repository is None or index is None or repository.private or path not in repository.commits[index]:
            return web.Response(status=404)
        return web.Response(body=repository.lies.get(path, repository.commits[index][path][0]))

    async def _skills_sh(self, request: web.Request, parts: list[str]) -> web.StreamResponse:
        words = request.query.get("q", "").lower()
        found = [item for item in self.directory if words in item["name"].lower()]
        return web.json_response({"query": words, "searchType": "fuzzy", "skills": found, "count": len(found)})

    async def _clawhub(self, request: web.Request, parts: list[str]) -> web.StreamResponse:
        rest = parts[2:]
        if rest == ["search"]:
            words = request.query["q"].lower()
            found = [about["skill"] for slug, about in self.clawhub.items() if words in slug]
            return web.json_response({"results": [{"score": 0.5, **item, "version": "1.0.0"} for item in found]})
        if rest == ["skills"]:
            return web.json_response({"items": [about["skill"] for about in self.clawhub.values()], "nextCursor": None})
        if rest[0] == "skills" and rest[1] in self.clawhub:
            return web.json_response(self.clawhub[rest[1]])
        if rest == ["download"] and request.query["slug"] in self.archives:
            return web.Response(body=self.archives[request.query["slug"]], content_type="application/zip")
        return web.json_response({"message": "Not Found"}, status=404)

    async def _lobehub(self, request: web.Request, parts: list[str]) -> web.StreamResponse:
        if parts == ["index.json"]:
            listed = [{key: agent[key] for key in ("author", "identifier", "meta")} for agent in self.agents.values()]
            return web.json_response({"schemaVersion": 1, "agents": listed, "tags": []})
        agent = self.agents.get(parts[0].removesuffix(".json"))
        return web.json_response(agent) if agent else web.Response(status=404)

    # --------------------------------------------------------------------------------------------------- content

    def add_to_clawhub(self, slug: str, archive: bytes, *, version: str = "1.0.0", **moderation: Any) -> None:
        self.archives[slug] = archive
        self.clawhub[slug] = {
            "skill": {
                "slug": slug,
                "displayName": slug.title(),
                "summary": f"About {slug}",
                "tags": {"latest": version},
            },
            "latestVersion": {"version": version, "createdAt": 0, "changelog": ""},
            "owner": {"handle": "somebody", "displayName": "Some Body", "image": None},
            **({"moderation": moderation} if moderation else {}),
        }

    def add_agent(self, identifier: str, prompt: str) -> None:
        self.agents[identifier] = {
            "author": "somebody",
            "config": {"systemRole": prompt},
            "homepage": "https://github.com/somebody",
            "identifier": identifier,
            "meta": {"avatar": "x", "tags": ["writing"], "title": identifier, "description": f"About {identifier}"},
            "schemaVersion": 1,
        }

    def add_to_site(self, index: dict[str, Any], files: dict[str, bytes], place: str = "agent-skills") -> None:
        self.site[f"/.well-known/{place}/index.json"] = json.dumps(index).encode()
        self.site.update({f"/.well-known/{place}/{path}": data for path, data in files.items()})


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{path:.*}", world.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    world.port = runner.addresses[0][1]
    yield world
    await runner.cleanup()


def settings_for(world: World) -> dict[str, Any]:
    return {
        "skillhub.addresses": {
            "github_api": f"{world.address}/api",
            "github_raw": f"{world.address}/raw",
            "skills_sh": f"{world.address}/skills-sh",
            "clawhub": f"{world.address}/clawhub",
            "lobehub": f"{world.address}/lobehub",
        },
        "skillhub.private_hosts": [f"127.0.0.1:{world.port}"],
        "skillhub.gh": False,
        "skillhub.taps": ["anthropics/skills/skills"],
        "skillhub.marketplaces": [],
        "skillhub.sites": [],
        "skillhub.request_timeout": 5.0,
        "skillhub.search_timeout": 5.0,
    }


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def make_host(world: World, home: Path):
    def make(environ: dict[str, str] | None = None, **overrides: Any) -> Host:
        said = {**settings_for(world), **{name.replace("__", "."): value for name, value in overrides.items()}}
        return Host(
            home=home,
            plugins=["network", "skillhub", "skills"],
            environ={"PATH": "/usr/bin:/bin", **(environ or {})},
            overrides=said,
        )

    return make


@pytest.fixture
async def host(make_host) -> AsyncIterator[Host]:
    async with make_host() as host:
        yield host


@pytest.fixture
async def hub(host: Host) -> Hub:
    return await host.services.get(Hub)


@pytest.fixture
def anthropic(world: World) -> Repository:
    return world.repository(
        "anthropics/skills",
        {
            "skills/pdf/SKILL.md": skill_text("pdf", "Work with PDF files."),
            "skills/pdf/scripts/run.sh": (b"#!/bin/sh\necho pdf\n", "100755"),
            "skills/docx/SKILL.md": skill_text("docx", "Work with Word documents."),
            "README.md": b"# skills\n",
        },
    )


class StubHub:
    """A hub of another plugin."""

    def __init__(self, *skills: SkillBundle, fails: Exception | None = None) -> None:
        self.skills = {skill.identifier: skill for skill in skills}
        self.fails = fails

    def claims(self, reference: str) -> str:
        return reference if reference in self.skills else ""

    async def search(self, query: str, limit: int, report: Any) -> list[SkillListing]:
        if self.fails is not None:
            raise self.fails
        return [
            SkillListing(name=skill.name, identifier=skill.identifier, repository=skill.origin.repository)
            for skill in self.skills.values()
            if query in skill.name
        ][:limit]

    async def inspect(self, identifier: str) -> SkillListing:
        return SkillListing(name=self.skills[identifier].name, identifier=identifier)

    async def fetch(self, identifier: str) -> SkillBundle:
        return self.skills[identifier]


@pytest.fixture
def stub_hub():
    return StubHub


@pytest.fixture
def bundle():
    def make(files: dict[str, bytes] | None = None, *, name: str = "thing", repository: str = "") -> SkillBundle:
        content = files or {"SKILL.md": skill_text(name)}
        return SkillBundle(
            name=name,
            identifier=name,
            files=tuple(BundleFile(path, data) for path, data in content.items()),
            origin=Origin(repository=repository),
        )

    return make


@pytest.fixture
def text():
    """The text of a good SKILL.md."""
    return skill_text


@pytest.fixture
def make_zip():
    return zip_of
