"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import MiddlewareSpec


@hookimpl
def hermes_middleware():
    yield MiddlewareSpec(
        name="frozen-model", summary="Around models", target="frozen_middleware.work:model", around="model", priority=100
    )
    yield MiddlewareSpec(
        name="frozen-tool", summary="Around tools", target="frozen_middleware.work:tool", around="tool"
    )
