"""Checks for `hermes doctor`. They look at settings only; no request is sent and no key is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host.config import is_dummy_key
from hermes_host.errors import AuthFailed, ConfigError
from hermes_host.protocols import CheckResult
from hermes_openai.endpoint import resolve
from hermes_openai.settings import AzureSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["keys"]

_KEYS = {"openai": ("OPENAI_API_KEY",), "azure": ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN")}


async def keys(context: PluginContext) -> Iterable[CheckResult]:
    """Whether there are keys. That there is none is no fault: another provider may be in use."""
    results = [_check(context, "openai")]
    if context.section(AzureSettings, "azure").endpoint or context.secret("AZURE_OPENAI_ENDPOINT"):
        results.append(_check(context, "azure"))
    return results


def _check(context: PluginContext, provider: str) -> CheckResult:
    name = f"{provider} key"
    for variable in _KEYS[provider]:
        value = context.secret(variable)
        if value and is_dummy_key(value):
            return CheckResult(
                name=name,
                status="warning",
                detail=f"{variable} holds a placeholder and counts as not set.",
                remedy=f"Run `hermes config set {variable}`.",
            )
    try:
        access = resolve(context, provider)
    except ConfigError as error:
        return CheckResult(name=name, status="error", detail=error.message, remedy=error.remedy)
    except AuthFailed as error:
        unset = error.message.endswith("is not set.")
        detail = "no key is set" if unset else error.message
        return CheckResult(name=name, status="ok" if unset else "warning", detail=detail, remedy=error.remedy)
    endpoint = access.endpoint
    held = f"{endpoint.key_name} is set" if endpoint.key else "no key is needed"
    return CheckResult(name=name, status="ok", detail=f"{held}, for {endpoint.base_url}")
