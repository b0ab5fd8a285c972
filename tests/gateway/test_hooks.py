"""The hooks of adapters and daemons."""

from __future__ import annotations

from pathlib import Path

from hermes_host import hookimpl
from hermes_host.specs import AdapterSpec, DaemonSpec
from hermes_host.testing import StandInHost


class Plugin:
    @hookimpl
    def hermes_adapters(self):
        yield AdapterSpec(name="acme", summary="ACME's chat", target="acme:connect", configured="tests_acme:missing")

    @hookimpl
    def hermes_daemons(self):
        yield DaemonSpec(name="tides", summary="Watches the tides", target="acme:tides")


def test_what_hermes_adapters_yields_is_in_its_registry(tmp_path: Path):
    host = StandInHost(tmp_path)
    host.plugins.add("acme", Plugin())
    found = host.registry("adapters").get("acme")
    assert (found.plugin, found.title) == ("acme", "adapter 'acme'")


def test_what_hermes_daemons_yields_is_in_its_registry(tmp_path: Path):
    host = StandInHost(tmp_path)
    host.plugins.add("acme", Plugin())
    assert host.registry("daemons").names() == ["tides"]


def test_what_cannot_be_asked_for_counts_as_lacking(tmp_path: Path):
    host = StandInHost(tmp_path)
    host.plugins.add("acme", Plugin())
    said = host.context("acme").lacking(host.registry("adapters").get("acme"))
    assert "tests_acme" in said
    assert host.context("acme").lacking(host.registry("daemons").get("tides")) == ""
