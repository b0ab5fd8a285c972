"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import Capabilities, PluginInfo, ProviderSpec, SecretSpec, SectionSpec


@hookimpl
def hermes_plugin_info():
    return PluginInfo(
        summary="A provider",
        homepage="https://example.test/",
        sections=(SectionSpec(name="frozen-provider", target="frozen_provider.work:Settings"),),
        secrets=(SecretSpec(name="FROZEN_KEY", summary="A key", url="https://example.test/keys"),),
        capabilities=Capabilities(network=("api.example.test",), read=("~",), write=("$WORKSPACE",), programs=("git",)),
    )


@hookimpl
def hermes_providers(config):
    yield ProviderSpec(
        name="frozen-provider",
        summary="A provider",
        target="frozen_provider.work:connect",
        aliases=("frozen",),
        secrets=("FROZEN_KEY",),
        default_model="one",
        url="https://example.test/keys",
        options={"shout": bool(config.get("frozen-provider", {}).get("shout"))},
    )
