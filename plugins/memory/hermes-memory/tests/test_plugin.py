import pytest
from hermes_memory.plugin import hermes_memories
from hermes_memory.prompt import connect
from hermes_memory.settings import Settings

from hermes_host.context import PluginContext
from hermes_host.testing.memories import MemoryContract
from hermes_host.testing.plugins import PluginContract


class TestPlugin(PluginContract):
    plugin = "memory"


(SPEC,) = hermes_memories()


class TestMemory(MemoryContract):
    features = SPEC.features

    @pytest.fixture
    def known(self):
        return "The user likes tea.\n§\nThe tests run with pytest."

    @pytest.fixture
    def memory(self, home, files, known):
        files.write("MEMORY.md", known)
        return connect(PluginContext("memory", home=home, section={"memory": Settings()}), SPEC)
