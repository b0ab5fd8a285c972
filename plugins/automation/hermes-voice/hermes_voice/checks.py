"""What `hermes doctor` says about speech."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host.protocols import CheckResult
from hermes_voice.speech import choices

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["providers"]


async def providers(context: PluginContext) -> Iterable[CheckResult]:
    """Whether something transcribes and something speaks. Neither is needed, so nothing here is an error."""
    return [_result(context, "transcribers"), _result(context, "synthesizers")]


def _result(context: PluginContext, kind: str) -> CheckResult:
    found = list(choices(context, kind))  # type: ignore[arg-type]
    usable = [item.name for item, lacks in found if not lacks]
    what = "spoken messages become text by" if kind == "transcribers" else "answers are read aloud by"
    if usable:
        return CheckResult(name="voice", status="ok", detail=f"{what} {usable[0]}")
    ways = "; ".join(f"{item.name}: {lacks}" for item, lacks in found)
    return CheckResult(name="voice", status="ok", detail=f"{what} nothing yet", remedy=ways)
