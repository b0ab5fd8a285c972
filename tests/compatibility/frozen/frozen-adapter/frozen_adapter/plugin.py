"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import AdapterSpec


@hookimpl
def hermes_adapters():
    yield AdapterSpec(
        name="frozen-chat",
        summary="A chat",
        target="frozen_adapter.work:connect",
        features=frozenset({"edit", "typing"}),
        configured="frozen_adapter.work:configured",
        environment="FROZEN",
        hint="Write little.",
    )
