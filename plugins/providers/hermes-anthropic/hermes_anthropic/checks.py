"""Checks for `hermes doctor`. They look at settings only; no request is sent and no key is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_anthropic.endpoint import KEY_NAMES, resolve
from hermes_anthropic.settings import Settings
from hermes_host.config import is_dummy_key
from hermes_host.errors import AuthFailed, ConfigError
from hermes_host.protocols import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["key"]

_NAME = "Anthropic key"


async def key(context: PluginContext) -> Iterable[CheckResult]:
    """Whether there is a key. That there is none is no fault: another provider may be in use."""
    for name in KEY_NAMES:
        value = context.secret(name)
        if value and is_dummy_key(value):
            return [
                CheckResult(
                    name=_NAME,
                    status="warning",
                    detail=f"{name} holds a placeholder and counts as not set.",
                    remedy=f"Run `hermes config set {name}`.",
                )
            ]
    try:
        endpoint = resolve(context)
    except ConfigError as error:
        return [CheckResult(name=_NAME, status="error", detail=error.message, remedy=error.remedy)]
    except AuthFailed as error:
        if not context.section(Settings, "anthropic").base_url:
            return [CheckResult(name=_NAME, status="ok", detail="no key is set")]
        return [CheckResult(name=_NAME, status="warning", detail=error.message, remedy=error.remedy)]
    return [CheckResult(name=_NAME, status="ok", detail=f"{endpoint.key_name} is set, for {endpoint.base_url}")]
