"""What a skill needs before it can be used: environment variables, files of credentials, programs.

Values are never read here and never shown: whether a variable is set is all that is looked at. Those that are set are
passed to the session's commands. A variable that belongs to the host or a plugin, such as a model provider's key, is
passed only when a person agrees, once for each skill.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from hermes_host.errors import ConfigError
from hermes_host.services import Conversations, Credentials
from hermes_host.visible import one_line
from hermes_skills.conditions import hidden_because
from hermes_skills.tree import write_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.context import PluginContext, SessionContext, ToolContext
    from hermes_skills.conditions import Surroundings
    from hermes_skills.format import Requirement
    from hermes_skills.library import Skill
    from hermes_skills.settings import SkillsSettings

__all__ = ["PASSED", "Readiness", "make_ready", "pass_again"]

PASSED = "skills.environment"
"""The state record with the names of passed variables, so that they are passed again after a restart."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_RESERVED = re.compile(
    r"(?:HERMES|LD|DYLD|PYTHON|NODE|GIT|BASH|PERL|RUBY|JAVA)_?\w*|PATH|HOME|SHELL|ENV|IFS|USER|PS4|PROMPT_COMMAND|EDITOR|PAGER",
    re.IGNORECASE,
)


class Readiness(msgspec.Struct, kw_only=True):
    """What is there and what is missing."""

    status: Literal["available", "setup_needed", "unsupported"] = "available"
    missing_variables: list[str] = []
    missing_files: list[str] = []
    missing_commands: list[str] = []
    notes: list[str] = []
    skipped: bool = False
    """Somebody was asked for a variable and did not give it."""


async def make_ready(
    skill: Skill,
    call: ToolContext | None,
    context: PluginContext,
    session: SessionContext,
    settings: SkillsSettings,
    where: Surroundings,
) -> Readiness:
    """Ask for what is missing where somebody can be asked, pass on what is there, and say what is still missing."""
    result = Readiness()
    reason = hidden_because(skill, settings, where)
    if reason:
        result.status = "unsupported"
        result.notes.append(reason)
        return result
    present = []
    credentials = await context.services.get(Credentials)
    for need in skill.facts.variables:
        if not _NAME.fullmatch(need.name) or _RESERVED.fullmatch(need.name):
            result.notes.append(f"{one_line(need.name, 60)!r} cannot be a skill's variable and is left out.")
        elif credentials.known(need.name) or await _asked(skill, need, call, credentials, result):
            present.append(need.name)
        else:
            result.missing_variables.append(need.name)
    await _pass(skill, present, call, context, session, result)
    result.missing_files = [need.name for need in skill.facts.files if not _has_file(context.home, need.name)]
    result.missing_commands = [name for name in skill.facts.commands if shutil.which(name) is None]
    if result.missing_variables or result.missing_files:
        result.status = "setup_needed"
    if result.missing_variables and (call is None or not call.can_ask):
        names = ", ".join(result.missing_variables)
        result.notes.append(f"Nobody can be asked here. The user sets {names} with `hermes config set NAME -`.")
    return result


async def _asked(
    skill: Skill, need: Requirement, call: ToolContext | None, credentials: Credentials, result: Readiness
) -> bool:
    """Ask for one variable; whether there is a value now."""
    if call is None or not call.can_ask or result.skipped:
        return False
    about = " ".join(one_line(text, 200) for text in (need.prompt, need.required_for, need.help) if text)
    answer = await call.ask(
        f"The skill {skill.name!r} needs {need.name}. {about} (empty: not now)".strip(), secret=True
    )
    if answer is None or not answer.strip():
        result.skipped = True
        return False
    try:
        credentials.set(need.name, answer.strip())
    except ConfigError as error:
        result.notes.append(error.message)
        return False
    return True


async def _pass(
    skill: Skill,
    names: Sequence[str],
    call: ToolContext | None,
    context: PluginContext,
    session: SessionContext,
    result: Readiness,
) -> None:
    passed = []
    owned = await _owned(context, session)
    for name in names:
        if name in session.passed_environment or name not in owned or await _agreed(skill, name, call, context):
            passed.append(name)
        else:
            result.notes.append(f"{name} belongs to the host; commands do not see it, because nobody agreed to that.")
    fresh = [name for name in passed if name not in session.passed_environment]
    if fresh:
        session.pass_environment(*fresh)
        session.record(PASSED, {"names": sorted({*session.recorded(PASSED).get("names", ()), *fresh})})


def pass_again(session: SessionContext) -> None:
    """Pass on what was passed on before the conversation was left."""
    names = session.recorded(PASSED).get("names", ())
    if isinstance(names, list) and names:
        session.pass_environment(*(str(name) for name in names))


async def _owned(context: PluginContext, session: SessionContext) -> frozenset[str]:
    """Variables that hold secrets of the host and its plugins."""
    live = (await context.services.get(Conversations)).session(session.id)
    return live.host.secrets.declared if live is not None else frozenset()


async def _agreed(skill: Skill, name: str, call: ToolContext | None, context: PluginContext) -> bool:
    file = context.state_directory / "passed.json"
    try:
        known = msgspec.json.decode(file.read_bytes(), type=list[str])
    except (OSError, msgspec.MsgspecError):
        known = []
    key = f"{skill.name} {name}"
    if key in known:
        return True
    if call is None:
        return False
    question = f"The skill {skill.name!r} wants its commands to see {name}, a secret of the host. Allow it?"
    if await call.ask(question, ("no", "yes")) != "yes":
        return False
    write_file(file.parent, (file.name,), msgspec.json.encode(sorted({*known, key})))
    return True


def _has_file(home: Path, name: str) -> bool:
    root = Path(os.path.realpath(home))
    path = Path(os.path.realpath(root / name))
    return path.is_relative_to(root) and path.is_file()
