"""What `hermes doctor` finds about the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_api.keys import Keys, main_key
from hermes_api.settings import ApiSettings
from hermes_host.cli.listing import count
from hermes_host.errors import ConfigError
from hermes_host.protocols.checks import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["check"]


async def check(context: PluginContext) -> Iterable[CheckResult]:
    """Whether it has a good key, and who may use it."""
    try:
        main = main_key(context)
    except ConfigError as error:
        return [CheckResult(name="api", status="error", detail=error.message, remedy=error.remedy)]
    keys = Keys(context.state_directory).list()
    if not main and not keys:
        detail = "It has no key, so it is not served."
        return [CheckResult(name="api", status="ok", detail=detail, remedy="`hermes api key create NAME`")]
    powerful = [key.name for key in keys if "all" in key.scopes]
    found = [
        CheckResult(
            name="api",
            status="ok",
            detail=f"{count(len(keys) + bool(main), 'key')}, {len(powerful)} named ones may do everything.",
        )
    ]
    if "*" in context.section(ApiSettings).cors_origins:
        found.append(
            CheckResult(
                name="api origins",
                status="warning",
                detail="Pages of every origin may use the API with a key they have.",
                remedy="Name the origins in api.cors_origins.",
            )
        )
    return found
