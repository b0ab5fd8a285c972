"""The four tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from hermes_honcho.access import Access, HonchoError
from hermes_honcho.memory import conversation_names
from hermes_honcho.words import cut
from hermes_host.errors import ToolError
from hermes_host.protocols import Assessment, ToolOutput

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Any

    from hermes_honcho.names import Names
    from hermes_host.context import ToolContext

__all__ = [
    "Ask",
    "Conclude",
    "Profile",
    "Search",
    "ask",
    "assess_conclude",
    "conclude",
    "profile",
    "search",
]

_CHARACTERS_PER_TOKEN = 4

_ASKED = "honcho.asked"
"""Where a session keeps the calls that a person is asked about."""


class Profile(msgspec.Struct, frozen=True):
    """No arguments."""


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for."""

    query: Annotated[str, Meta(description="What to look for, in plain words.", min_length=1, max_length=4000)]
    max_tokens: Annotated[int, Meta(description="How much to give at most.", ge=50, le=2000)] = 800


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A question."""

    query: Annotated[str, Meta(description="The question, in plain words.", min_length=1, max_length=4000)]
    peer: Annotated[Literal["user", "ai"], Meta(description="Whom it is about: the user, or you.")] = "user"


class Conclude(msgspec.Struct, frozen=True, kw_only=True):
    """A fact."""

    conclusion: Annotated[
        str, Meta(description="The fact about the user, one full sentence.", min_length=3, max_length=2000)
    ]


async def profile(arguments: Profile, call: ToolContext) -> ToolOutput:
    """`honcho_profile`."""
    access, names = await _ready(call)
    known = await _tried(access.known(names, tokens=200, summary=False))
    facts = "\n".join(f"- {fact}" for fact in known.card)
    return ToolOutput(content=facts or "Nothing is known of the user yet.", title=f"{len(known.card)} facts")


async def search(arguments: Search, call: ToolContext) -> ToolOutput:
    """`honcho_search`."""
    access, names = await _ready(call)
    known = await _tried(access.known(names, tokens=arguments.max_tokens, query=arguments.query, summary=False))
    text = cut(known.representation.strip(), arguments.max_tokens * _CHARACTERS_PER_TOKEN)
    return ToolOutput(content=text or "Nothing was found.")


async def ask(arguments: Ask, call: ToolContext) -> ToolOutput:
    """`honcho_context`."""
    access, names = await _ready(call)
    about = names.ai if arguments.peer == "ai" else ""
    answer = await _tried(access.answer(names, arguments.query, level=access.configuration.level, about=about))
    return ToolOutput(content=answer.strip() or "Honcho has no answer.")


async def assess_conclude(arguments: Conclude, call: ToolContext) -> Assessment:
    """Without words from outside in the turn it may be stored; else a person decides, and where nobody can, not."""
    if call.origin == "owner":
        return Assessment(verdict="allow")
    call.session.memory.setdefault(_ASKED, {})[call.call_id] = arguments
    return Assessment(
        verdict="ask",
        reason="This turn has read words that are not the owner's, and the fact would be remembered for good.",
        shown=f"Remember in Honcho: {arguments.conclusion}",
        rememberable=False,
    )


async def conclude(arguments: Conclude, call: ToolContext) -> ToolOutput:
    """`honcho_conclude`."""
    asked = call.session.memory.get(_ASKED, {}).pop(call.call_id, None) == arguments
    if call.origin != "owner" and not asked:
        # Another tool of the same step has read something from outside since this call was judged.
        raise ToolError("This turn has read words from outside meanwhile: the fact needs the owner's consent.")
    access, names = await _ready(call)
    await _tried(access.conclude(names, arguments.conclusion.strip()))
    return ToolOutput(content="Stored.", title="Stored", provenance="owner")


async def _ready(call: ToolContext) -> tuple[Access, Names]:
    access = await call.plugin.services.get(Access)
    names = await conversation_names(access, call.session)
    await _tried(access.ensure(names))
    return access, names


async def _tried(work: Awaitable[Any]) -> Any:
    try:
        return await work
    except HonchoError as error:
        raise ToolError(f"{error.message} Go on without it.") from error
