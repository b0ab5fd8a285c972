"""What `hermes doctor` looks at."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError
from hermes_host.protocols import CheckResult
from hermes_modal.sdk import Account, load, translated
from hermes_modal.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["check"]

_SECONDS = 15.0


async def check(context: PluginContext) -> Iterable[CheckResult]:
    """Whether a token is set, and whether Modal answers and takes it. Makes nothing there."""
    token = context.secret("MODAL_TOKEN_ID"), context.secret("MODAL_TOKEN_SECRET")
    if not all(token):
        missing = "MODAL_TOKEN_ID" if not token[0] else "MODAL_TOKEN_SECRET"
        return [
            CheckResult(
                name="modal token",
                status="warning",
                detail=f"{missing} is not set: the terminal `modal` cannot be used.",
                remedy="Make a token at https://modal.com/settings/tokens.",
            )
        ]
    settings = context.section(Settings, "modal")
    account = Account(*token, settings.app, settings.environment)
    try:
        async with asyncio.timeout(_SECONDS):
            client = await account.client()
            with translated("saying hello"):
                await client.hello.aio()
    except HermesError as error:
        return [CheckResult(name="modal", status="error", detail=str(error), remedy=error.remedy)]
    except TimeoutError:
        return [
            CheckResult(
                name="modal",
                status="error",
                detail=f"No answer within {_SECONDS:g} s.",
                remedy="Look at your network and https://status.modal.com.",
            )
        ]
    finally:
        await account.close()
    return [CheckResult(name="modal", status="ok", detail=f"modal {load().__version__} answers and takes the token")]
