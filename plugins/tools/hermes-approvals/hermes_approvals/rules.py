"""A rule as a person writes it, and whether it concerns a call."""

from __future__ import annotations

import functools
import re
from datetime import datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from hermes_approvals.patterns import CommandPattern

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["COMMAND_TOOLS", "Rule", "RuleVerdict", "argument_matches", "expiry", "from_now", "read_rule"]

RuleVerdict = Literal["allow", "ask", "deny"]

COMMAND_TOOLS = {"terminal": "command", "process": "data"}
"""Tools that take a shell command, and the argument it stands in."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")
_SPAN = re.compile(r"(\d+)\s*([mhdw])\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule. Empty fields set no condition; all conditions that are set must hold."""

    name: str
    verdict: RuleVerdict
    tool: str = "*"
    """A tool's name, or a glob over names."""
    command: tuple[str, ...] = ()
    """Command patterns; one of them must fit."""
    path: tuple[str, ...] = ()
    """Globs over resolved paths; relative ones from the session's directory."""
    arguments: dict[str, str] = msgspec.field(default_factory=dict)
    """Globs over other arguments, by name."""
    surfaces: tuple[str, ...] = ()
    """Surfaces, or `any`. An allow rule without them holds only where a person could be asked."""
    terminal: tuple[str, ...] = ()
    """Terminal backends."""
    session: str = ""
    """The one session it holds for; empty: for all."""
    origin: Literal["owner", "any"] = "owner"
    """`any`: an allow rule also holds when someone other than the owner may stand behind the call."""
    expires: str = ""
    """A local date, or a date and time, after which the rule does nothing."""
    note: str = ""

    @property
    def has_pattern(self) -> bool:
        """Whether it looks at arguments."""
        return bool(self.command or self.path or self.arguments)

    def patterns(self) -> list[CommandPattern]:
        """Its command patterns."""
        return [_compiled(text) for text in self.command]

    def expired(self, now: datetime) -> bool:
        """Whether it does nothing any more."""
        return bool(self.expires) and expiry(self.expires) <= now

    def concerns(
        self, *, tool: str, surfaces: Collection[str], terminal: str, session: str, origin: str, attended: bool
    ) -> bool:
        """Whether the rule speaks of calls like this; its patterns over arguments are not looked at."""
        if not fnmatchcase(tool, self.tool) or (self.session and session != self.session):
            return False
        if self.terminal and not any(fnmatchcase(terminal, name) for name in self.terminal):
            return False
        if self.surfaces:
            if "any" not in self.surfaces and not any(
                fnmatchcase(surface, name) for surface in surfaces for name in self.surfaces
            ):
                return False
        elif self.verdict == "allow" and not attended:
            return False
        return self.verdict != "allow" or origin == "owner" or self.origin == "any"


@functools.lru_cache(maxsize=4096)
def _compiled(text: str) -> CommandPattern:
    return CommandPattern(text)


def expiry(text: str) -> datetime:
    """The moment a rule ends; a date means the end of that day. Raises `ValueError`."""
    if span := _SPAN.match(text):
        raise ValueError(f"{span[0]!r} is a span; a rule in the file needs a date")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a date such as 2027-01-31 or 2027-01-31T18:00") from None
    if len(text) <= len("2027-01-31"):
        moment = datetime.combine(moment.date(), time.max)
    return moment.astimezone()


def from_now(text: str, now: datetime) -> str:
    """What `--expires` means: `30m`, `2h`, `7d`, `1w`, or a date as it is. Raises `ValueError`."""
    if span := _SPAN.match(text):
        return (now + timedelta(**{_UNITS[span[2]]: int(span[1])})).isoformat(timespec="minutes")
    expiry(text)
    return text


def read_rule(name: str, fields: Any) -> Rule:
    """A rule from its mapping in the file. Raises `ValueError` with what is wrong."""
    if not _NAME.match(name):
        raise ValueError("its name may hold letters, digits, `.`, `_` and `-`")
    if not isinstance(fields, dict):
        raise ValueError("it is not a mapping")
    known = {field.name for field in msgspec.structs.fields(Rule)} - {"name"}
    if unknown := sorted(set(map(str, fields)) - known):
        raise ValueError(f"it has the unknown field {unknown[0]!r}; there are {', '.join(sorted(known))}")
    values: dict[str, Any] = {"name": name}
    for key, value in fields.items():
        if key in ("command", "path", "surfaces", "terminal"):
            values[key] = tuple(_text(key, item) for item in (value if isinstance(value, list) else [value]))
        elif key == "arguments":
            values[key] = _arguments(value)
        else:
            values[key] = _text(key, value)
    if values.get("command"):
        values.setdefault("tool", "terminal")
    try:
        rule = msgspec.convert(values, Rule)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    _check(rule)
    return rule


def _check(rule: Rule) -> None:
    patterns = rule.patterns()
    if rule.expires:
        expiry(rule.expires)
    if rule.verdict != "allow":
        return
    if not rule.has_pattern and set("*?[") & set(rule.tool):
        raise ValueError("an allow rule for several tools needs a pattern")
    if not all(pattern.names_program for pattern in patterns):
        raise ValueError("an allow rule must name its program, and not by a wildcard")
    if rule.command and rule.tool != "terminal":
        raise ValueError("an allow rule with `command` is for the tool terminal")
    if any(fnmatchcase(tool, rule.tool) for tool in COMMAND_TOOLS) and not (rule.command or rule.path):
        raise ValueError("an allow rule for commands needs `command`: their text is no pattern to go by")
    if rule.command and (rule.path or rule.arguments):
        raise ValueError("an allow rule with `command` has no other pattern")


def _text(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError(f"{key!r} must be text")


def _arguments(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError("'arguments' must be a mapping of names to globs")
    return {str(key): _text(f"arguments.{key}", item) for key, item in value.items()}


def argument_matches(given: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    """Whether every named argument is there and fits its glob. What is not text is compared as JSON."""
    return all(
        name in given
        and fnmatchcase(
            given[name] if isinstance(given[name], str) else msgspec.json.encode(given[name]).decode(), glob
        )
        for name, glob in wanted.items()
    )
