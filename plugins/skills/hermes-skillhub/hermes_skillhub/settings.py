"""The section `skillhub` of config.yaml."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["Addresses", "Settings"]


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where the built-in hubs are, for mirrors and GitHub Enterprise."""

    github_api: str = "https://api.github.com"
    github_raw: str = "https://raw.githubusercontent.com"
    skills_sh: str = "https://skills.sh"
    clawhub: str = "https://clawhub.ai"
    lobehub: str = "https://chat-agents.lobehub.com"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where skills come from, and who is trusted."""

    taps: Annotated[
        tuple[str, ...],
        Meta(description="GitHub repositories that are searched, as owner/repo or owner/repo/path."),
    ] = (
        "openai/skills/skills",
        "anthropics/skills/skills",
        "VoltAgent/awesome-agent-skills/skills",
        "garrytan/gstack",
    )
    marketplaces: Annotated[
        tuple[str, ...],
        Meta(description="GitHub repositories with a .claude-plugin/marketplace.json, as owner/repo."),
    ] = ("anthropics/skills", "aiskillstore/marketplace")
    sites: Annotated[
        tuple[str, ...],
        Meta(
            description="Web sites with a /.well-known/agent-skills/ or /.well-known/skills/ index that are searched."
        ),
    ] = ()
    trusted: Annotated[
        tuple[str, ...],
        Meta(description="GitHub repositories whose skills are trusted, as owner/repo, compared as a whole."),
    ] = ("openai/skills", "anthropics/skills")
    disabled: Annotated[tuple[str, ...], Meta(description="Hubs that are not searched, by name.")] = ()
    search_timeout: Annotated[float, Meta(description="Seconds each hub has for a search.", gt=0)] = 12.0
    request_timeout: Annotated[float, Meta(description="Seconds for one request.", gt=0)] = 30.0
    cache_seconds: Annotated[float, Meta(description="How long results of searches are kept.", ge=0)] = 3600.0
    private_hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="Hosts within your own network that may be asked, also unencrypted, as host or host:port. "
            "All other private addresses are refused."
        ),
    ] = ()
    gh: Annotated[bool, Meta(description="Ask `gh auth token` for a GitHub token where the environment has none.")] = (
        True
    )
    addresses: Addresses = Addresses()
