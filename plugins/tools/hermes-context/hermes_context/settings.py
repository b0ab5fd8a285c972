"""The sections `context` and `agent.personalities` of config.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["AgentPersonalities", "ContextSettings", "Personality", "TrustMode"]

TrustMode = Literal["ask", "workspace", "all"]


class ContextSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Project instructions and the default personality."""

    trust: Annotated[
        TrustMode,
        Meta(
            description="Which project files become instructions. ask: those whose content was trusted, asking again "
            "after each change; workspace: all in a directory that was trusted once; all: every one, unseen."
        ),
    ] = "ask"
    personality: Annotated[
        str,
        Meta(description="The personality of new conversations; empty: none. See `hermes personality list`."),
    ] = ""


class Personality(msgspec.Struct, frozen=True, kw_only=True):
    """A manner of speaking of the user's own."""

    description: Annotated[str, Meta(description="One line for the list.")] = ""
    system_prompt: Annotated[str, Meta(description="What the agent is told.")] = ""
    tone: Annotated[str, Meta(description="Added as `Tone: …`.")] = ""
    style: Annotated[str, Meta(description="Added as `Style: …`.")] = ""


class AgentPersonalities(msgspec.Struct, frozen=True, kw_only=True):
    """Personalities of the user's own, beside the built-in ones."""

    personalities: Annotated[
        dict[str, str | Personality],
        Meta(description="By name: the text, or a mapping with description, system_prompt, tone and style."),
    ] = {}
