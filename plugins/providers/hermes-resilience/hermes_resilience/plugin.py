"""What hermes-resilience contributes."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import PluginInfo


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(summary="Time-outs, retries, fallback models, key rotation and routing around every model call")
