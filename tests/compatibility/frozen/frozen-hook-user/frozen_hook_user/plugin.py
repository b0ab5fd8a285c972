"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl



@hookimpl(optionalhook=True)
def hermes_frozen_flavours():
    from frozen_hook_bringer.work import FlavourSpec

    yield FlavourSpec(name="mint", summary="Mint", target="frozen_hook_user.work:make", colour="green")
