"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import ServiceSpec


@hookimpl
def hermes_services():
    yield ServiceSpec(
        name="frozen-clock",
        summary="A clock",
        provides="frozen_service.work:Clock",
        target="frozen_service.work:connect",
    )
