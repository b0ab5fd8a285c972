"""Frozen: never edit."""

from __future__ import annotations

from hermes_host.sessions import JsonlSessionStore


def connect(context, spec):
    return Store(context.state_directory / "sessions")


class Store(JsonlSessionStore):
    """The host's own in another folder; counts what it begins."""

    begun = 0

    def create(self, **options):
        Store.begun += 1
        return super().create(**options)
