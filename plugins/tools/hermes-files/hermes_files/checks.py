"""What `hermes doctor` asks of this plugin."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from hermes_host.protocols import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["ripgrep"]


async def ripgrep(context: PluginContext) -> Iterable[CheckResult]:
    """Whether searches on this machine are fast. Other terminals are asked when they are first searched."""
    found = shutil.which("rg")
    if found:
        return [CheckResult(name="ripgrep", status="ok", detail=found)]
    return [
        CheckResult(
            name="ripgrep",
            status="warning",
            detail="rg is not on PATH: search_files works, but slowly on large trees (at most 50,000 files or 30 s).",
            remedy="Install ripgrep, for instance with `apt install ripgrep` or `brew install ripgrep`.",
        )
    ]
