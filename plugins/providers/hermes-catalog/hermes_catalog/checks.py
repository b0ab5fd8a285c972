"""Checks for `hermes doctor`. No request is sent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hermes_catalog.settings import Settings
from hermes_catalog.snapshot import Snapshot
from hermes_host.errors import HermesError
from hermes_host.protocols import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["models"]

_OLD = 270
"""Days after which prices in the snapshot are likely to have changed."""


async def models(context: PluginContext) -> Iterable[CheckResult]:
    """The age of the snapshot, and the user's entries that name no model."""
    snapshot = Snapshot()
    try:
        age = (time.time() - time.mktime(time.strptime(snapshot.date, "%Y-%m-%d"))) / 86_400
    except (OSError, ValueError, HermesError) as error:
        return [
            CheckResult(
                name="model facts",
                status="error",
                detail=f"The bundled snapshot cannot be read: {error}",
                remedy="Reinstall hermes-catalog.",
            )
        ]
    number = sum(len(vendor.models) for vendor in snapshot.vendors.values())
    results = [
        CheckResult(
            name="model facts",
            status="warning" if age > _OLD else "ok",
            detail=f"{number} models as of {snapshot.date}",
            remedy="Upgrade hermes-catalog: prices may have changed." if age > _OLD else "",
        )
    ]
    for key in context.section(Settings, "catalog").models:
        provider, colon, name = key.partition(":")
        if not (provider and colon and name):
            results.append(
                CheckResult(
                    name="catalog.models",
                    status="warning",
                    detail=f"{key!r} names no model, so it is never used.",
                    remedy="Write it as `provider:model`, in quotes.",
                )
            )
    return results
