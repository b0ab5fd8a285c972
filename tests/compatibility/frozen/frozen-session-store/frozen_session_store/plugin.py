"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import SessionStoreSpec


@hookimpl
def hermes_session_stores():
    yield SessionStoreSpec(
        name="frozen-store", summary="A store", target="frozen_session_store.work:connect", priority=-100
    )
