"""What hermes-compatible contributes."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import PluginInfo


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(summary="Any endpoint that speaks chat completions, with presets for the well-known ones")
