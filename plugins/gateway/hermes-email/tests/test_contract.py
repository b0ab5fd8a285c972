"""The mailbox keeps the contract of adapters, on two different IMAP servers."""

from __future__ import annotations

from typing import Any

import pytest

from hermes_host.testing import AdapterContract, PluginContract

FEATURES = frozenset({"deduplicate", "media_in", "media_out", "threads"})


class TestPlugin(PluginContract):
    plugin = "email"


class TestWithPymap(AdapterContract):
    features = FEATURES

    @pytest.fixture
    def driver(self, office: Any) -> Any:
        return office

    @pytest.fixture
    def adapter(self, make: Any) -> Any:
        return make()

    @pytest.fixture
    def inbox(self, request: pytest.FixtureRequest, office: Any, settings: dict[str, Any]) -> Any:
        from hermes_host.testing import ScriptedInbox

        # It has read the folder before: what comes from here on is new, whether it is connected or not.
        found = ScriptedInbox()
        found.remember(f"read:{settings['username']}@127.0.0.1/{office.folder}", office.ago())
        return found


class TestWithDovecot(TestWithPymap):
    @pytest.fixture
    def imap(self, dovecot: Any) -> Any:
        return dovecot
