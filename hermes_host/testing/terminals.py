"""The conformance kit for terminal backends, and a fake backend for tests of what uses terminals.

A backend's whole conformance file::

    class TestMyTerminal(TerminalContract):
        features = frozenset({"files", "pty"})      # as in its TerminalSpec

        @pytest.fixture
        def backend(self):
            return MyBackend(...)

        @pytest.fixture
        def directory(self, tmp_path):              # only where the backend has no start directory of its own
            return str(tmp_path)

Scripts are plain POSIX shell. Set `patience` for a backend that is far away.
"""

from __future__ import annotations

from hermes_host.testing.terminals_fake import FakeCommand, FakeTerminal, FakeTerminalBackend
from hermes_host.testing.terminals_files import TerminalFiles
from hermes_host.testing.terminals_jobs import TerminalJobs
from hermes_host.testing.terminals_killing import TerminalKilling
from hermes_host.testing.terminals_running import Finished, run

__all__ = ["FakeCommand", "FakeTerminal", "FakeTerminalBackend", "Finished", "TerminalContract", "run"]


class TerminalContract(TerminalKilling, TerminalJobs, TerminalFiles):
    """What every terminal backend keeps to. Override the fixture `backend` and the attribute `features`."""
