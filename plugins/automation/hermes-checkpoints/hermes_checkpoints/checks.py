"""Checks for `hermes doctor`."""

from __future__ import annotations

import asyncio
import subprocess
from typing import TYPE_CHECKING

from hermes_checkpoints.access import settings_of
from hermes_checkpoints.git import GitProblem, git_program
from hermes_host.protocols import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["git"]

_OLDEST = (2, 25)
"""The version with `git restore`."""


async def git(context: PluginContext) -> Iterable[CheckResult]:
    """Whether git is there and new enough."""
    if not settings_of(context).enabled:
        return [CheckResult(name="checkpoints", status="ok", detail="switched off")]
    try:
        program = git_program()
    except GitProblem as error:
        return [CheckResult(name="checkpoints", status="warning", detail=error.message, remedy=error.remedy)]
    run = await asyncio.to_thread(subprocess.run, [program, "--version"], capture_output=True, timeout=10)
    text = run.stdout.decode("utf-8", "replace").strip()
    numbers = (
        [int(part) for part in text.split()[2].split(".")[:2] if part.isdecimal()] if len(text.split()) > 2 else []
    )
    if tuple(numbers) < _OLDEST:
        detail = f"{text or 'git'} is too old; snapshots need git {'.'.join(map(str, _OLDEST))}."
        return [CheckResult(name="checkpoints", status="warning", detail=detail, remedy="Install a newer git.")]
    return [CheckResult(name="checkpoints", status="ok", detail=text)]
