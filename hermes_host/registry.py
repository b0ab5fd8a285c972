"""The kinds of things plugins contribute, how they are collected, and one sorted registry for each kind.

A clash of names is decided by priority, then by the user's `plugins.prefer`; else both are dropped, and both plugins
are told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from hermes_host.errors import NotFound
from hermes_host.plugins import PluginRecord, describe, run_guarded
from hermes_host.specs import (
    EFFECTS,
    AdapterSpec,
    CheckSpec,
    CommandSpec,
    DaemonSpec,
    FrontendSpec,
    MemorySpec,
    MiddlewareSpec,
    PromptSectionSpec,
    ProviderSpec,
    SecretStoreSpec,
    ServiceSpec,
    SessionStoreSpec,
    SkillSourceSpec,
    SlashCommandSpec,
    TerminalSpec,
    ToolsetSpec,
    ToolSourceSpec,
    ToolSpec,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from hermes_host.plugins import Implementation, Plugins

__all__ = ["KINDS", "Contribution", "Kind", "Registry", "collect", "near_names"]

S = TypeVar("S")

CONTRIBUTION_LIMIT = 5.0
"""Seconds a contribution hook may take."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_COMMAND_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}( [a-z][a-z0-9-]{0,31})?")
_TOOL_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_NAMES: dict[type[Any], re.Pattern[str]] = {ToolSpec: _TOOL_NAME, CommandSpec: _COMMAND_NAME}
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


class Kind(msgspec.Struct, frozen=True):
    """One kind of contribution: the hook that yields it and the spec it yields."""

    hook: str
    spec: type[Any]
    word: str
    """The singular, for messages."""


KINDS: dict[str, Kind] = {
    "providers": Kind("hermes_providers", ProviderSpec, "provider"),
    "tools": Kind("hermes_tools", ToolSpec, "tool"),
    "tool_sources": Kind("hermes_tool_sources", ToolSourceSpec, "tool source"),
    "toolsets": Kind("hermes_toolsets", ToolsetSpec, "toolset"),
    "terminals": Kind("hermes_terminals", TerminalSpec, "terminal backend"),
    "session_stores": Kind("hermes_session_stores", SessionStoreSpec, "session store"),
    "secret_stores": Kind("hermes_secret_stores", SecretStoreSpec, "secret store"),
    "memories": Kind("hermes_memories", MemorySpec, "memory"),
    "skill_sources": Kind("hermes_skill_sources", SkillSourceSpec, "skill source"),
    "prompt_sections": Kind("hermes_prompt_sections", PromptSectionSpec, "prompt section"),
    "services": Kind("hermes_services", ServiceSpec, "service"),
    "middleware": Kind("hermes_middleware", MiddlewareSpec, "middleware"),
    "commands": Kind("hermes_commands", CommandSpec, "command"),
    "slash_commands": Kind("hermes_slash_commands", SlashCommandSpec, "slash command"),
    "frontends": Kind("hermes_frontends", FrontendSpec, "front end"),
    "adapters": Kind("hermes_adapters", AdapterSpec, "adapter"),
    "daemons": Kind("hermes_daemons", DaemonSpec, "daemon"),
    "checks": Kind("hermes_checks", CheckSpec, "check"),
}
"""The one table of what exists. Adding a kind is a row here, a hook and a spec; plugins add theirs to their host's
copy of it by `hermes_addhooks`."""


class Contribution(msgspec.Struct, Generic[S], frozen=True):
    """A spec and the plugin it came from."""

    kind: str
    spec: S
    record: PluginRecord
    word: str = ""
    """What one of its kind is called, where that is not in `KINDS`."""

    @property
    def plugin(self) -> str:
        """The plugin's name."""
        return self.record.name

    @property
    def title(self) -> str:
        """What it is, for messages: `provider 'acme'`."""
        return f"{self.word or KINDS[self.kind].word} {self.name!r}"

    @property
    def name(self) -> str:
        """The spec's name."""
        name: str = self.spec.name  # type: ignore[attr-defined]
        return name


def fault_of(spec: Any, kind: Kind) -> str:
    """What is wrong with a contributed spec; empty when it can be used."""
    if not isinstance(spec, kind.spec):
        return f"it yielded {type(spec).__name__}, not {kind.spec.__name__}."
    pattern = _NAMES.get(type(spec), _NAME)
    if not isinstance(spec.name, str) or not pattern.fullmatch(spec.name):
        return f"{spec.name!r} cannot be the name of a {kind.word} (it must match {pattern.pattern})."
    target = getattr(spec, "target", None)
    if target is not None and not (isinstance(target, str) and _TARGET.fullmatch(target)):
        return f"{kind.word} {spec.name!r}: the target {target!r} is not of the form 'package.module:attribute'."
    if isinstance(spec, ToolSpec) and not spec.effects <= EFFECTS:
        return f"tool {spec.name!r}: unknown effects {sorted(spec.effects - EFFECTS)}; there are {sorted(EFFECTS)}."
    return ""


def collect(
    plugins: Plugins,
    kind: str,
    values: Callable[[str], Mapping[str, Any]],
    *,
    only: str = "",
    table: Kind | None = None,
) -> list[Contribution[Any]]:
    """Every usable spec of `kind`, of all plugins or of the one named `only`; faults become the plugin's problems.

    `values(plugin)` gives the hook's arguments; `table` describes a kind that is not in `KINDS`.
    """
    table = table or KINDS[kind]
    implementations = [impl for impl in plugins.implementations(table.hook) if only in ("", impl.record.name)]
    if not implementations:
        return []
    steps = [_collector(impl, values(impl.record.name)) for impl in implementations]
    found: list[Contribution[Any]] = []
    for impl, outcome in zip(implementations, run_guarded(steps, CONTRIBUTION_LIMIT), strict=True):
        specs, error = outcome.value or ([], None)
        for spec in specs:
            fault = fault_of(spec, table)
            if fault:
                impl.record.add_problem(table.hook, fault, "Only this contribution is left out.")
            else:
                found.append(Contribution(kind, spec, impl.record, table.word))
        error = error or outcome.error
        if error is not None:
            impl.record.add_problem(table.hook, describe(error), "What it had not yet yielded is left out.")
        elif outcome.timed_out:
            plugins.quarantine(
                impl.record,
                table.hook,
                f"it did not return within {outcome.seconds:g} s.",
                impl.record.remedy,
            )
    return [item for item in found if item.record.state == "loaded"]


def _collector(impl: Implementation, values: Mapping[str, Any]) -> Callable[[], tuple[list[Any], Exception | None]]:
    def step() -> tuple[list[Any], Exception | None]:
        specs: list[Any] = []
        try:
            # Generator hooks raise while they are read, so reading belongs inside the guard; what came before is kept.
            for spec in impl.call(values) or ():
                specs.append(spec)  # noqa: PERF402 - a partial list must survive an error
        except Exception as error:  # noqa: BLE001 - the boundary to foreign code
            return specs, error
        return specs, None

    return step


class Registry(Generic[S]):
    """The contributions of one kind, by name. Order: highest priority first, then name."""

    def __init__(
        self, kind: str | Kind, contributions: Iterable[Contribution[S]] = (), prefer: Sequence[str] = ()
    ) -> None:
        self.kind = KINDS[kind] if isinstance(kind, str) else kind
        self._prefer = {name: len(prefer) - index for index, name in enumerate(prefer)}
        self._by_name: dict[str, Contribution[S]] = {}
        self._dropped: dict[str, list[Contribution[S]]] = {}
        self._aliases: dict[str, str] = {}
        by_name: dict[str, list[Contribution[S]]] = {}
        for contribution in contributions:
            by_name.setdefault(contribution.name, []).append(contribution)
        winners = [winner for rivals in by_name.values() if (winner := self._decide(rivals)) is not None]
        for winner in sorted(winners, key=_place):
            self._put(winner)

    def _decide(self, rivals: list[Contribution[S]]) -> Contribution[S] | None:
        if len(rivals) == 1:
            return rivals[0]
        ranked = sorted(rivals, key=self._rank, reverse=True)
        if self._rank(ranked[0]) > self._rank(ranked[1]):
            return ranked[0]
        tied = [rival for rival in ranked if self._rank(rival) == self._rank(ranked[0])]
        plugins = " and ".join(repr(rival.plugin) for rival in tied)
        for rival in tied:
            rival.record.add_problem(
                self.kind.hook,
                f"plugins {plugins} both offer the {self.kind.word} {rival.name!r}; none of them is used.",
                f"Say which one you want: `hermes config set plugins.prefer '[{tied[0].plugin}]'`.",
            )
        self._dropped[rivals[0].name] = tied
        return None

    def _rank(self, contribution: Contribution[S]) -> tuple[int, int]:
        priority: int = contribution.spec.priority  # type: ignore[attr-defined]
        return (priority, self._prefer.get(contribution.plugin, 0))

    def _put(self, contribution: Contribution[S]) -> None:
        self._by_name[contribution.name] = contribution
        contribution.record.contributions.append((contribution.kind, contribution.name))
        for alias in getattr(contribution.spec, "aliases", ()):
            self._aliases.setdefault(alias, contribution.name)

    def add(self, contribution: Contribution[S]) -> None:
        """Add one at run time. Raises `ValueError` for a spec that cannot be used or a name that is taken."""
        fault = fault_of(contribution.spec, self.kind)
        if fault or contribution.name in self._by_name:
            raise ValueError(fault or f"There is a {self.kind.word} {contribution.name!r} already.")
        self._put(contribution)
        self._by_name = {item.name: item for item in sorted(self._by_name.values(), key=_place)}

    def remove(self, name: str) -> None:
        """Take away one that was added at run time; without effect where there is none of that name."""
        found = self._by_name.pop(name, None)
        if found is not None:
            found.record.contributions.remove((found.kind, found.name))

    def get(self, name: str) -> Contribution[S]:
        """The contribution of that name or alias. Raises `NotFound`, naming near ones."""
        found = self._by_name.get(name) or self._by_name.get(self._aliases.get(name, ""))
        if found is not None:
            return found
        if name in self._dropped:
            plugins = ", ".join(rival.plugin for rival in self._dropped[name])
            raise NotFound(
                f"The {self.kind.word} {name!r} is offered by several plugins ({plugins}), so none of them is used.",
                remedy="Say which one you want: `hermes config set plugins.prefer '[NAME]'`.",
            )
        near = near_names(name, [*self._by_name, *self._aliases])
        hint = f"Did you mean {near}?" if near else f"There are: {', '.join(self.names()) or 'none'}."
        raise NotFound(f"There is no {self.kind.word} {name!r}.", remedy=hint)

    def names(self) -> Sequence[str]:
        """All names, without aliases, in the order of the registry."""
        return list(self._by_name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name or name in self._aliases

    def __iter__(self) -> Iterator[Contribution[S]]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)


def _place(contribution: Contribution[Any]) -> tuple[int, str]:
    return (-contribution.spec.priority, contribution.name)


def near_names(name: str, names: Iterable[str]) -> str:
    """Up to three names like `name`, as `'a' or 'b'`; empty when nothing is near."""
    from difflib import get_close_matches

    return " or ".join(repr(near) for near in get_close_matches(name, list(names), n=3, cutoff=0.6))
