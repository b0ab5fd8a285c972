"""What `hermes doctor` asks of this plugin."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

from hermes_host.config.sections import SecretsSection
from hermes_host.protocols import CheckResult
from hermes_secrets.settings import Recipe, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["stores_work"]

_NAME = "secret-stores"


async def stores_work(context: PluginContext) -> Iterable[CheckResult]:
    """Whether the stores that the settings name can be used. No secret is read."""
    used = context.section(SecretsSection, "secrets").stores
    if not used:
        return [CheckResult(name=_NAME, status="ok", detail="Secrets are kept in .env and the environment only.")]
    results = []
    if "keyring" in used:
        results.append(await asyncio.to_thread(_keyring))
    if "command" in used:
        results.append(_command(Recipe.of(context.section(Settings, "secret_command"))))
    return results


def _keyring() -> CheckResult:
    from hermes_secrets.keyring import unusable

    reason = unusable()
    if reason:
        return CheckResult(
            name=_NAME,
            status="error",
            detail=f"The store 'keyring' cannot be used: {reason}.",
            remedy="Start one (such as gnome-keyring), or take keyring out of `secrets.stores`.",
        )
    return CheckResult(name=_NAME, status="ok", detail="There is a keyring.")


def _command(recipe: Recipe) -> CheckResult:
    if not recipe.get:
        detail, remedy = "The store 'command' has no command.", "hermes config set secret_command.preset pass"
    elif shutil.which(recipe.get[0]) is None:
        detail = f"The store 'command' needs the program {recipe.get[0]!r}, which is not installed."
        remedy = "Install it, or correct the section `secret_command`."
    else:
        return CheckResult(name=_NAME, status="ok", detail=f"The program {recipe.get[0]!r} is there.")
    return CheckResult(name=_NAME, status="error", detail=detail, remedy=remedy)
