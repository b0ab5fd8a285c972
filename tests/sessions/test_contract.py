import pytest

from hermes_host.sessions import JsonlSessionStore
from hermes_host.testing.session_stores import SessionStoreContract


class TestJsonlSessionStore(SessionStoreContract):
    @pytest.fixture
    def make_store(self, tmp_path):
        return lambda: JsonlSessionStore(tmp_path)
