"""The plugin that brings the adapter `testing` for `hermes_host.testing.platform.Platform`; the port is in
`TESTING_PLATFORM_PORT`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import AdapterSpec, PluginInfo, SecretSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext
    from hermes_host.testing.platform import PlatformAdapter

__all__ = ["adapter_spec", "connect", "missing"]


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    """What it is."""
    return PluginInfo(
        summary="A chat platform for tests",
        secrets=(SecretSpec(name="TESTING_PLATFORM_PORT", sensitive=False),),
    )


@hookimpl
def hermes_adapters() -> Iterable[AdapterSpec]:
    """The adapter."""
    yield adapter_spec()


def adapter_spec(*, deduplicates: bool = True) -> AdapterSpec:
    """The spec of the adapter, with or without the feature `deduplicate`."""
    return AdapterSpec(
        name="testing",
        summary="A chat platform for tests",
        target=f"{__name__}:connect",
        configured=f"{__name__}:missing",
        environment="TESTING",
        addresses=r"[a-z]\d+",
        features=frozenset(
            {"edit", "delete", "typing", "threads", "buttons", "media_in", "media_out", "voice", "commands"}
            | ({"deduplicate"} if deduplicates else set())
        ),
    )


def missing(context: PluginContext) -> str:
    """What is not set."""
    return "" if context.secret("TESTING_PLATFORM_PORT") else "TESTING_PLATFORM_PORT is not set."


def connect(context: PluginContext, spec: AdapterSpec) -> PlatformAdapter:
    """The adapter."""
    from hermes_host.testing.platform import PlatformAdapter

    return PlatformAdapter(int(context.secret("TESTING_PLATFORM_PORT")))
