from hermes_host.testing import PluginContract


class TestMcpServerPlugin(PluginContract):
    plugin = "mcp-server"
