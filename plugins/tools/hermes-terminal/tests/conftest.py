from __future__ import annotations

import pytest
from hermes_terminal.places import Place


@pytest.fixture(scope="session")
def place() -> Place:
    return Place("/home/u/work", "/home/u", "/home/u/.hermes")
