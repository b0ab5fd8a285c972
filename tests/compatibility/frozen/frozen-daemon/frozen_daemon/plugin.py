"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import DaemonSpec


@hookimpl
def hermes_daemons():
    yield DaemonSpec(name="frozen-daemon", summary="A daemon", target="frozen_daemon.work:connect")
