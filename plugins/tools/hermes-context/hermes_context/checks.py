"""What `hermes doctor` asks about: project files that wait for trust, and names of personalities."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hermes_context.personality import NONE, available
from hermes_context.project import look
from hermes_context.settings import ContextSettings
from hermes_context.trust import TrustStore
from hermes_context.workspace import THIS_MACHINE, DiskFiles, Workspace
from hermes_host.config.sections import TerminalSection
from hermes_host.errors import ConfigError
from hermes_host.protocols import CheckResult
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["personality", "project"]


async def project(context: PluginContext) -> Iterable[CheckResult]:
    """Are the project instructions of the current directory trusted? Looks at this machine only."""
    name = "project instructions"
    try:
        TrustStore(context.state_directory).check()
    except ConfigError as error:
        return [CheckResult(name=name, status="error", detail=error.message, remedy=error.remedy)]
    terminal = context.section(TerminalSection, "terminal")
    if terminal.backend != THIS_MACHINE:
        detail = f"They are on the terminal {terminal.backend!r}; /context shows them in a conversation."
        return [CheckResult(name=name, status="ok", detail=detail)]
    try:
        found = await look(context, Workspace(DiskFiles(os.getcwd())))
    except OSError as error:
        return [CheckResult(name=name, status="warning", detail=f"They cannot be looked at: {error}.")]
    results = []
    if context.section(ContextSettings).trust == "all":
        detail = "context.trust is all: every repository can give the agent instructions unseen."
        results.append(
            CheckResult(name=name, status="warning", detail=detail, remedy="hermes config unset context.trust")
        )
    if waiting := found.of("untrusted", "changed"):
        detail = "; ".join(f"{one_line(file.path, 0)} is {_WORDS[file.state]}" for file in waiting)
        results.append(CheckResult(name=name, status="warning", detail=detail, remedy="hermes context trust"))
    if unusable := [f"{one_line(file.path, 0)} {file.why}" for file in found.of("unusable")]:
        results.append(CheckResult(name=name, status="warning", detail=f"{'; '.join(unusable)}."))
    results += [CheckResult(name=name, status="warning", detail=problem) for problem in found.problems]
    used = ", ".join(one_line(file.path, 0) for file in found.of("trusted"))
    return results or [CheckResult(name=name, status="ok", detail=used or "none in this directory")]


_WORDS = {"untrusted": "not trusted and not used", "changed": "changed since it was trusted and not used"}


async def personality(context: PluginContext) -> Iterable[CheckResult]:
    """Does `context.personality` exist?"""
    name = context.section(ContextSettings).personality
    if name.lower() in NONE or name in available(context):
        return [CheckResult(name="personality", status="ok", detail=name or "none")]
    return [
        CheckResult(
            name="personality",
            status="warning",
            detail=f"context.personality is {name!r}, which does not exist.",
            remedy="hermes personality list",
        )
    ]
