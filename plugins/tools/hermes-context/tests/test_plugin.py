from hermes_host.testing import PluginContract


class TestPlugin(PluginContract):
    plugin = "context"
