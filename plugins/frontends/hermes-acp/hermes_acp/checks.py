"""What `hermes doctor` says about editors."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from hermes_host.protocols import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["editors"]


async def editors(context: PluginContext) -> Iterable[CheckResult]:
    """Whether the protocol's library is there."""
    try:
        found = version("agent-client-protocol")
    except PackageNotFoundError:
        return [
            CheckResult(
                name="acp",
                status="error",
                detail="The package agent-client-protocol is missing.",
                remedy="Run `pip install hermes-acp` again.",
            )
        ]
    return [CheckResult(name="acp", status="ok", detail=f"agent-client-protocol {found}; editors start `hermes acp`")]
