from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The contract asks a second terminal whether process numbers of the first are alive. In sandboxes of their own
    the same numbers are other processes; test_contract.py looks from outside instead."""
    for item in items:
        confined = item.nodeid.rpartition("::")[0].endswith(("::TestWorkspace", "::TestStrict"))
        if confined and item.name == "test_nothing_is_left_when_the_terminal_is_closed":
            item.add_marker(pytest.mark.xfail(reason="numbers of another process namespace", strict=False))
