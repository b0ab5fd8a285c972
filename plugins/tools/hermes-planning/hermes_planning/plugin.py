"""What hermes-planning contributes."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import PluginInfo


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(summary="A todo list for the agent, and questions to the user")
