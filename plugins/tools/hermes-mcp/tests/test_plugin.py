"""The plugin as every plugin."""

from __future__ import annotations

from hermes_host.testing import PluginContract


class TestMcp(PluginContract):
    plugin = "mcp"
