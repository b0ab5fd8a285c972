from hermes_host.testing.plugins import PluginContract


class TestPlugin(PluginContract):
    plugin = "cron"
