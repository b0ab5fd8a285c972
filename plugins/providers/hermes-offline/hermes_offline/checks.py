"""What `hermes doctor` finds out about real models within reach."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hermes_host.protocols import CheckResult
from hermes_offline.discovery import find_keys, find_servers, switch_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.context import PluginContext

__all__ = ["models_in_reach"]


async def models_in_reach(context: PluginContext) -> Sequence[CheckResult]:
    """One finding for each key in the environment and each model server on this machine."""
    found = [(f"{key.variable} is set in the environment", switch_command(key)) for key in find_keys(os.environ)]
    found += [
        (f"{server.title} answers on 127.0.0.1:{server.port}", switch_command(server))
        for server in await find_servers()
    ]
    if not found:
        nothing = "no known key in the environment and no model server on the usual local ports"
        found = [(nothing, "hermes model set PROVIDER:MODEL")]
    return [
        CheckResult(name="models-in-reach", status="ok", detail=detail, remedy=f"For a real model: `{command}`")
        for detail, command in found
    ]
