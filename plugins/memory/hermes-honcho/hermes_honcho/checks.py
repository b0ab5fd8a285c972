"""Checks for `hermes doctor`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hermes_honcho.access import Access, HonchoError
from hermes_honcho.memory import outbox_of
from hermes_honcho.names import owner_peer
from hermes_host.cli.listing import count
from hermes_host.errors import HermesError
from hermes_host.protocols import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_honcho.configuration import Configuration
    from hermes_host.context import PluginContext

__all__ = ["service"]

_LIMIT = 8.0


async def service(context: PluginContext) -> Iterable[CheckResult]:
    """Is it configured, does it answer, and does anything wait?"""
    # A connection of its own: `hermes doctor` gives each check an event loop of its own.
    access = Access(context)
    configuration = access.configuration
    if not configuration.active:
        status = "error" if configuration.problem else "ok"
        return [CheckResult(name="honcho", status=status, detail=configuration.reason)]  # type: ignore[arg-type]
    try:
        answers = await _answers(access)
    finally:
        await access.aclose()
    return [answers, *await _queue(context, configuration), *_modes(configuration)]


async def _answers(access: Access) -> CheckResult:
    where = access.configuration.base_url or access.configuration.environment
    try:
        async with asyncio.timeout(_LIMIT):
            await access.check()
    except TimeoutError:
        return CheckResult(name="honcho", status="error", detail=f"{where} did not answer within {_LIMIT:.0f} s.")
    except HermesError as error:
        remedy = error.remedy or "Conversations go on; messages are kept and sent later."
        return CheckResult(name="honcho", status="error", detail=error.message, remedy=remedy)
    return CheckResult(
        name="honcho", status="ok", detail=f"{where} answers, workspace {access.configuration.workspace}"
    )


async def _queue(context: PluginContext, configuration: Configuration) -> list[CheckResult]:
    try:
        waiting = await asyncio.to_thread(outbox_of(context, configuration).waiting)
    except HermesError as error:
        return [CheckResult(name="honcho queue", status="error", detail=error.message, remedy=error.remedy)]
    found = []
    if waiting.unsent:
        detail = f"{count(waiting.unsent, 'message waits', 'messages wait')} to be sent; the next turn does."
        found.append(CheckResult(name="honcho queue", status="warning", detail=detail))
    if waiting.elsewhere:
        detail = f"{count(waiting.elsewhere, 'message')} for a server or workspace that is not configured any more."
        found.append(CheckResult(name="honcho queue", status="warning", detail=detail))
    if waiting.refused:
        detail = f"Honcho refused {count(waiting.refused, 'message')}, the last: {waiting.reason}"
        found.append(CheckResult(name="honcho queue", status="warning", detail=detail))
    return found or [CheckResult(name="honcho queue", status="ok", detail="empty")]


def _modes(configuration: Configuration) -> list[CheckResult]:
    if "honcho" not in (configuration.memory_mode(owner_peer(configuration)), configuration.memory_mode("default")):
        return []
    return [
        CheckResult(
            name="honcho mode",
            status="warning",
            detail="The memory mode is `honcho`; local files of memory are used all the same while their plugin is on.",
            remedy="`hermes config set memory.memory_enabled false`, and the same for memory.user_profile_enabled.",
        )
    ]


async def reachable(access: Access) -> str:
    """Why Honcho cannot be used; empty when it can."""
    try:
        async with asyncio.timeout(_LIMIT):
            await access.check()
    except TimeoutError:
        return f"It did not answer within {_LIMIT:.0f} s."
    except HonchoError as error:
        return str(error)
    return ""
