"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import HookSpec


@hookimpl
def hermes_addhooks():
    yield HookSpec(name="frozen_flavours", summary="Flavours", spec="frozen_hook_bringer.work:FlavourSpec", word="flavour")
