"""What `hermes doctor` finds out about the bot."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError
from hermes_host.protocols import CheckResult
from hermes_telegram.adapter import TOKEN, open_api
from hermes_telegram.settings import TelegramSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.context import PluginContext

__all__ = ["check_bot"]

_SECONDS = 15.0


async def check_bot(context: PluginContext) -> Sequence[CheckResult]:
    """One finding, or none where Telegram is not used. Asks Telegram; takes nothing from what waits there."""
    if not context.secret(TOKEN):
        return ()
    try:
        api = await open_api(context)
        try:
            async with asyncio.timeout(_SECONDS):
                me, (url, failure, _) = await asyncio.gather(api.me(), api.webhook())
        finally:
            await api.aclose()
    except TimeoutError:
        return (CheckResult(name="telegram", status="error", detail=f"Telegram did not answer in {_SECONDS:.0f} s."),)
    except HermesError as error:
        return (CheckResult(name="telegram", status="error", detail=error.message, remedy=error.remedy),)
    wanted = context.section(TelegramSettings, "telegram").webhook
    if wanted and failure:
        return (CheckResult(name="telegram", status="warning", detail=f"Telegram cannot post to {url}: {failure}."),)
    if url and not wanted:
        return (
            CheckResult(
                name="telegram",
                status="warning",
                detail=f"Telegram posts the messages of @{me.username} to {url}.",
                remedy="The gateway ends that when it starts; if another program needs it, use a bot of its own.",
            ),
        )
    return (CheckResult(name="telegram", status="ok", detail=f"the bot is @{me.username}"),)
