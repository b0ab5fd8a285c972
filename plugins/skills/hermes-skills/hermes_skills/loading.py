"""Giving a skill's text to the model: scanned again each time, and asked about where the scanner finds danger."""

from __future__ import annotations

import asyncio
import hashlib
import os
from typing import TYPE_CHECKING

import msgspec

from hermes_host.errors import Denied
from hermes_skills.scan import scan_text, verdict_of
from hermes_skills.tree import write_file

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from hermes_host.context import PluginContext
    from hermes_skills.library import Skill
    from hermes_skills.scan import Finding

__all__ = ["checked_text", "remember_consent"]

_SAFE: dict[str, bool] = {}
"""Texts of this process that were looked at, by their hash."""


async def checked_text(
    context: PluginContext,
    skill: Skill,
    text: str,
    file: str = "SKILL.md",
    ask: Callable[[str, tuple[str, ...]], Awaitable[str | None]] | None = None,
) -> str:
    """The text, once it is known to be fit for the model.

    One that the scanner calls dangerous needs a person's consent, which holds for exactly this text. Raises `Denied`.
    """
    key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    if _SAFE.get(key):
        return text
    findings = await asyncio.to_thread(scan_text, text, file)
    if verdict_of(findings) == "dangerous" and key not in _consented(context):
        await _consent(context, skill, file, findings, key, ask)
    if len(_SAFE) > 1000:
        _SAFE.clear()
    _SAFE[key] = verdict_of(findings) != "dangerous"
    return text


async def _consent(
    context: PluginContext,
    skill: Skill,
    file: str,
    findings: list[Finding],
    key: str,
    ask: Callable[[str, tuple[str, ...]], Awaitable[str | None]] | None,
) -> None:
    worst = next(item for item in findings if item.severity == "critical")
    found = f"{file}:{worst.line}: {worst.description} ({worst.match})"
    if ask is not None:
        answer = await ask(
            f"The skill {skill.name!r} in {skill.folder} looks dangerous: {found} Read it?",
            ("no", "yes"),
        )
        if answer == "yes":
            remember_consent(context, key)
            return
    raise Denied(
        f"The skill {skill.name!r} looks dangerous and was not given to the model: {found}",
        remedy=f"See `hermes skills validate {skill.name}`. If it is right: `hermes skills trust {skill.name}`.",
    )


def remember_consent(context: PluginContext, key: str) -> None:
    """Let the model read the text with this SHA-256, whatever the scanner says."""
    known = sorted({*_consented(context), key})
    write_file(context.state_directory, ("consented.json",), msgspec.json.encode(known))


def _consented(context: PluginContext) -> set[str]:
    file: Path = context.state_directory / "consented.json"
    if not os.path.exists(file):
        return set()
    try:
        return set(msgspec.json.decode(file.read_bytes(), type=list[str]))
    except (OSError, msgspec.MsgspecError):
        return set()  # an unreadable file consents to nothing
