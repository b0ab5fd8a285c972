"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec


@hookimpl
def hermes_checks():
    yield CheckSpec(name="frozen-check", summary="A check", target="frozen_check.work:check")
