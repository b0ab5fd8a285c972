from __future__ import annotations

from collections.abc import Callable

import pytest
from hermes_modal.backend import ModalBackend

from hermes_host.testing import TerminalContract


class TestModal(TerminalContract):
    features = frozenset({"files", "pty", "background", "detached", "hibernate", "network", "reap"})
    patience = 2.0

    @pytest.fixture
    def backend(self, make_backend: Callable[..., ModalBackend]) -> ModalBackend:
        return make_backend()

    @pytest.fixture
    def directory(self, request: pytest.FixtureRequest) -> str:
        # Two sandboxes look at one folder there.
        return "/shared" if "nothing_is_left" in request.node.name else ""
