"""What hermes-learning contributes: a memory that only watches, commands, and a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, CommandSpec, MemorySpec, PluginInfo, SectionSpec, SlashCommandSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Turns experience into memory and skills, in the background",
        sections=(
            SectionSpec(name="learning", target="hermes_learning.settings:Learning"),
            SectionSpec(name="memory", target="hermes_learning.settings:MemoryIntervals"),
            SectionSpec(name="skills", target="hermes_learning.settings:SkillIntervals"),
        ),
    )


@hookimpl
def hermes_memories() -> Iterable[MemorySpec]:
    yield MemorySpec(
        name="learning",
        summary="Reviews what happened and keeps what is worth keeping",
        target="hermes_learning.learner:connect",
        features=frozenset({"observe", "flush"}),
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        name="learning",
        summary="See and steer what is learnt from conversations.",
        target="hermes_learning.commands:learning",
    )


@hookimpl
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    yield SlashCommandSpec(
        name="learning",
        summary="What was learnt and what is due; review this conversation now, or tidy up.",
        target="hermes_learning.slash:learning",
        usage="[status|review|curate|history]",
        while_busy=True,
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="learning.reviews",
        summary="Whether reviews can do their work, and whether one is overdue",
        target="hermes_learning.checks:reviews",
    )
