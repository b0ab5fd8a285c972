"""What hermes-compress contributes."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import PluginInfo


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(summary="Summarise long conversations before they outgrow the model")
