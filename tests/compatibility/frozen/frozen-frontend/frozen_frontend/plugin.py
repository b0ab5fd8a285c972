"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import FrontendSpec


@hookimpl
def hermes_frontends():
    yield FrontendSpec(
        name="frozen-frontend", summary="A surface", target="frozen_frontend.work:main", priority=-100
    )
