"""What hermes-sessions contributes: the session store, titles, the tool `session_search`, commands and a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import (
    CheckSpec,
    CommandSpec,
    MemorySpec,
    PluginInfo,
    PromptSectionSpec,
    SectionSpec,
    SessionStoreSpec,
    ToolSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    """Say what the plugin is."""
    return PluginInfo(
        summary="Conversations in one SQLite database, with search, titles and recall",
        sections=(SectionSpec(name="sessions", target="hermes_sessions.settings:SessionSettings"),),
    )


@hookimpl
def hermes_session_stores() -> Iterable[SessionStoreSpec]:
    """Offer the database in place of the host's files."""
    yield SessionStoreSpec(
        name="sqlite",
        summary="One SQLite database with an index for searching",
        target="hermes_sessions.store:connect",
        priority=100,
    )


@hookimpl
def hermes_memories() -> Iterable[MemorySpec]:
    """Give titles after the first exchange, and keep index and backups up to date, beside the conversation."""
    yield MemorySpec(
        name="session_titles",
        summary="Titles, index and backups of conversations",
        target="hermes_sessions.upkeep:connect",
        features=frozenset({"observe"}),
    )


@hookimpl
def hermes_tools() -> Iterable[ToolSpec]:
    """Let the model look into past conversations."""
    yield ToolSpec(
        name="session_search",
        summary="Look into past conversations with this user, and into what was dropped from this one's view. "
        'Words all have to occur; "exact phrase", begin*, OR, NOT and ( ) work. Without `query` it lists the latest '
        "conversations. Gives for each conversation when it was, where, and what matters to the query.",
        parameters="hermes_sessions.recall:SessionSearchArguments",
        target="hermes_sessions.recall:session_search",
        effects=frozenset({"read"}),
        toolset="session_search",
        parallel=True,
        shows="query",
    )


@hookimpl
def hermes_prompt_sections() -> Iterable[PromptSectionSpec]:
    """Say when to look, where the tool is there."""
    yield PromptSectionSpec(
        name="session_search",
        summary="When to look into past conversations",
        target="hermes_sessions.guidance:section",
        order=180,
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    """Add to `hermes sessions` what only this store can do."""
    yield CommandSpec(
        name="sessions",
        summary="List, search, show, export, import and delete conversations.",
        target="hermes_sessions.commands:sessions",
        priority=100,
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    """Tell `hermes doctor` how the database is."""
    yield CheckSpec(
        name="sessions", summary="Is the database of conversations whole?", target="hermes_sessions.checks:database"
    )
