"""The conformance kit for every plugin, whatever it contributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hermes_host.cli.plugins_findings import (
    contributions_of,
    info_faults,
    leftovers,
    measure_import,
    schema_faults,
    secret_faults,
    section_faults,
    summary_faults,
    target_faults,
)
from hermes_host.host import Host
from hermes_host.testing.contract import Contract

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_host.registry import Contribution

__all__ = ["PluginContract"]

_ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


class PluginContract(Contract):
    """Say which plugin: `plugin = "telegram"`, the name of its entry point. It must be installed."""

    plugin: str = ""

    @pytest.fixture
    def plugin_host(self, tmp_path: Path) -> Host:
        """A host with this plugin and no other."""
        return Host(home=tmp_path / "home", plugins=[self.plugin], environ=_ENVIRONMENT)

    @pytest.fixture
    def contributions(self, plugin_host: Host) -> list[Contribution[object]]:
        """Everything the plugin contributes."""
        return contributions_of(plugin_host, self.plugin)

    def test_it_loads_without_a_problem(self, plugin_host: Host, contributions: list[Contribution[object]]) -> None:
        """Import, hooks and contributions give no problem.

        If this fails: the message names the hook or the spec; `hermes plugins show NAME` says the same.
        """
        record = plugin_host.plugins.record(self.plugin)
        assert record.state == "loaded", record.problems
        assert not record.problems, [problem.line() for problem in record.problems]

    def test_it_says_what_it_is(self, plugin_host: Host) -> None:
        """`hermes_plugin_info` gives a summary of one sentence.

        If this fails: implement the hook.
        """
        assert not info_faults(plugin_host.plugins.record(self.plugin))

    def test_its_entry_module_is_light(self, plugin_host: Host) -> None:
        """Importing the entry module imports nothing but the standard library, the host and the plugin itself.

        If this fails: move the import of the modules it names into the module a `target` points at.
        """
        module = plugin_host.plugins.record(self.plugin).module
        foreign = measure_import(module).foreign
        assert not foreign, f"{module} imports {', '.join(foreign)}"

    def test_every_target_can_be_imported(self, contributions: list[Contribution[object]]) -> None:
        """What a spec names exists.

        If this fails: correct the `target`, `assess`, `available` or `parameters` it names. A target whose own
        dependencies are not installed is passed over.
        """
        assert not [fault for fault, needs_package in target_faults(contributions) if not needs_package]

    def test_every_contribution_says_what_it_is(self, contributions: list[Contribution[object]]) -> None:
        """Each has a summary; but for tools, whose summary the model reads, in one line of at most 200 characters.

        If this fails: write what listings and help should show.
        """
        assert not summary_faults(contributions)

    def test_every_section_has_defaults(self, plugin_host: Host) -> None:
        """Each configuration section can be read when nothing is configured.

        If this fails: give every field of the Struct a default.
        """
        assert not section_faults(plugin_host, plugin_host.plugins.record(self.plugin))

    def test_every_secret_is_declared(self, plugin_host: Host, contributions: list[Contribution[object]]) -> None:
        """What providers name in `secrets`, and what code asks its context for by a literal name, is declared.

        If this fails: add a `SecretSpec` to `PluginInfo.secrets`; a plugin receives no other.
        """
        assert not secret_faults(plugin_host.plugins.record(self.plugin), contributions)

    def test_every_tool_can_be_described_to_a_model(
        self, plugin_host: Host, contributions: list[Contribution[object]]
    ) -> None:
        """Each tool's parameters give a JSON schema of type object.

        If this fails: make `parameters` the target of a `msgspec.Struct`, or a JSON schema.
        """
        assert not schema_faults(plugin_host, contributions)

    def test_switching_it_off_leaves_nothing_behind(self, tmp_path: Path) -> None:
        """A host that blocks the plugin has none of its contributions.

        If this fails: the plugin changes something outside its hooks.
        """
        home = tmp_path / "home"
        host = Host(home=home, plugins=[self.plugin], blocked=[self.plugin], environ=_ENVIRONMENT)
        assert not leftovers(host, self.plugin)
