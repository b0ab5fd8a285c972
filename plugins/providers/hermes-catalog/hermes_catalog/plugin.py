"""What hermes-catalog contributes."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import PluginInfo


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(summary="What models can do and cost: context, output limit, prices, modalities")
