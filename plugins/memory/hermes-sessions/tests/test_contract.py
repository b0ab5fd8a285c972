import pytest
from hermes_sessions.store import SqliteSessionStore

from hermes_host.testing import PluginContract
from hermes_host.testing.session_stores import SessionStoreContract


class TestSqliteSessionStore(SessionStoreContract):
    @pytest.fixture
    def make_store(self, tmp_path):
        return lambda: SqliteSessionStore(tmp_path / "home")


class TestPlugin(PluginContract):
    plugin = "sessions"
