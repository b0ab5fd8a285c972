"""A check of `hermes doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_example_greeter.settings import GreeterSettings
from hermes_host.protocols import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext


async def has_greeting(context: PluginContext) -> Iterable[CheckResult]:
    """There must be something to say."""
    if context.section(GreeterSettings).greeting:
        return [CheckResult(name="greeting", status="ok")]
    return [
        CheckResult(
            name="greeting",
            status="warning",
            detail="greeter.greeting is empty",
            remedy="hermes config set greeter.greeting Hello",
        )
    ]
