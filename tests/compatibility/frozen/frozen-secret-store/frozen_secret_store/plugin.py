"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import SecretStoreSpec


@hookimpl
def hermes_secret_stores():
    yield SecretStoreSpec(name="frozen-vault", summary="A vault", target="frozen_secret_store.work:connect")
