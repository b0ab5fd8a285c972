"""What `hermes doctor` looks at."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hermes_daytona.sdk import Account, load, translated
from hermes_daytona.settings import Settings
from hermes_host.errors import HermesError
from hermes_host.protocols import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["check"]

_SECONDS = 15.0


async def check(context: PluginContext) -> Iterable[CheckResult]:
    """Whether a key is set, and whether Daytona answers and takes it. Makes nothing there."""
    key = context.secret("DAYTONA_API_KEY")
    if not key:
        return [
            CheckResult(
                name="daytona key",
                status="warning",
                detail="DAYTONA_API_KEY is not set: the terminal `daytona` cannot be used.",
                remedy="Make a key at https://app.daytona.io/dashboard/keys.",
            )
        ]
    account = Account(key, context.section(Settings, "daytona"))
    try:
        async with asyncio.timeout(_SECONDS):
            client = await account.client()
            with translated("listing sandboxes"):
                async for _ in client.list(load().ListSandboxesQuery(limit=1)):
                    break
    except HermesError as error:
        return [CheckResult(name="daytona", status="error", detail=str(error), remedy=error.remedy)]
    except TimeoutError:
        return [
            CheckResult(
                name="daytona",
                status="error",
                detail=f"No answer within {_SECONDS:g} s.",
                remedy="Look at your network, `daytona.api_url` and https://status.app.daytona.io.",
            )
        ]
    finally:
        await account.close()
    return [CheckResult(name="daytona", status="ok", detail="Daytona answers and takes the key")]
