"""Showing a person what a plugin wants, and asking. All words of a plugin are shown so that nothing hides in them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from hermes_host.errors import Denied
from hermes_host.visible import exact
from hermes_installer.lockfile import Agreed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hermes_installer.describing import Report

__all__ = ["added", "ask", "can_ask", "describe_wishes", "growth"]

_MEANING = {
    "network": "talks to",
    "read": "reads",
    "write": "writes",
    "programs": "starts",
    "secrets": "gets the secrets",
    "effects": "has tools that",
    "hooks": "takes part in",
}
_EFFECTS = {
    "read": "read data",
    "write": "write files",
    "process": "run programs",
    "net": "reach the network",
    "send": "write to people",
    "ask": "ask you",
}
_SHOWN_NAMES = 20


def describe_wishes(report: Report, *, isolated: bool) -> list[str]:
    """Lines that say what a plugin brings and wants."""
    lines = []
    if report.description.summary:
        lines.append(f"  {exact(report.description.summary)[:200]}")
    lines += [f"  brings {kind}: {_names(names)}" for kind, names in _brought(report)]
    wishes = list(_wishes(report.capabilities))
    lines += wishes or ["  asks for nothing beyond its own folders"]
    if isolated:
        lines.append("  runs in an environment and a process of its own")
    else:
        lines.append("  runs inside the host, with all rights that you have: what it says above is not enforced")
    lines += [f"  ! {exact(problem)[:200]}" for problem in report.problems]
    return lines


def growth(before: Agreed, after: Agreed, opening: str = "now also") -> list[str]:
    """Lines that say what is wanted beyond what was agreed to."""
    return [line.replace("  ", f"  {opening} ", 1) for line in _wishes(added(before, after))]


def added(before: Agreed, after: Agreed) -> Agreed:
    """What `after` has beyond `before`."""
    more = {}
    for field in Agreed.__struct_fields__:
        have = getattr(before, field)
        more[field] = tuple(name for name in getattr(after, field) if name not in have and "*" not in have)
    return Agreed(**more)


def can_ask() -> bool:
    """Whether there is a person at a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str, *, yes: bool) -> None:
    """Get consent. Raises `Denied` when it is refused, or when nobody can be asked and it was not given before."""
    if yes:
        return
    if not can_ask():
        raise Denied("Nobody was asked: this is no terminal. Nothing was changed.", remedy="Agree with --yes.")
    if not click.confirm(question, default=False, err=True):
        raise Denied("Nothing was changed.")


def _wishes(agreed: Agreed) -> Iterator[str]:
    for field, verb in _MEANING.items():
        names = getattr(agreed, field)
        if field == "effects":
            names = [_EFFECTS.get(name, name) for name in names]
        elif field == "network" and "*" in names:
            names = ["any host"]
        if names:
            yield f"  {verb}: {_names(names)}"


def _brought(report: Report) -> Iterator[tuple[str, Sequence[str]]]:
    if report.description.tools:
        yield "tools", [tool.name for tool in report.description.tools]
    if report.description.providers:
        yield "providers", [provider.name for provider in report.description.providers]
    for kind, names in report.description.others.items():
        yield kind.replace("_", " "), names


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(exact(name)[:80] for name in names[:_SHOWN_NAMES])
    more = len(names) - _SHOWN_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
