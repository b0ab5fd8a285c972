"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import MemorySpec


@hookimpl
def hermes_memories():
    yield MemorySpec(
        name="frozen-memory",
        summary="A memory",
        target="frozen_memory.work:connect",
        features=frozenset({"prompt", "recall", "observe", "flush"}),
        order=310,
    )
