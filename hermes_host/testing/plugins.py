"""The conformance kit for every plugin, whatever it contributes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hermes_host.errors import PluginUnavailable
from hermes_host.host import Host
from hermes_host.plugins import import_foreign
from hermes_host.registry import KINDS, Contribution
from hermes_host.testing.contract import Contract

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PluginContract"]

_LIGHT = """\
import importlib, json, sys
import hermes_host, hermes_host.hookspecs, hermes_host.specs
before = set(sys.modules)
importlib.import_module(sys.argv[1])
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


class PluginContract(Contract):
    """Say which plugin: `plugin = "telegram"`, the name of its entry point. It must be installed."""

    plugin: str = ""

    @pytest.fixture
    def plugin_host(self, tmp_path: Path) -> Host:
        """A host with this plugin and no other."""
        return Host(home=tmp_path / "home", plugins=[self.plugin], environ={"PATH": "/usr/bin:/bin"})

    @pytest.fixture
    def contributions(self, plugin_host: Host) -> list[Contribution[object]]:
        """Everything the plugin contributes."""
        registries = [plugin_host.registry(kind) for kind in KINDS]
        return [item for registry in registries for item in registry if item.plugin == self.plugin]

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
        info = plugin_host.plugins.record(self.plugin).info
        assert info is not None, "hermes_plugin_info is missing"
        assert info.summary
        assert "\n" not in info.summary

    def test_its_entry_module_is_light(self, plugin_host: Host) -> None:
        """Importing the entry module imports nothing but the standard library, the host and the plugin itself.

        If this fails: move the import of the modules it names into the module a `target` points at.
        """
        module = plugin_host.plugins.record(self.plugin).module.partition(":")[0]
        run = subprocess.run(
            [sys.executable, "-c", _LIGHT, module], capture_output=True, text=True, check=True, encoding="utf-8"
        )
        allowed = {*sys.stdlib_module_names, module.partition(".")[0], "hermes_host"}
        loaded = set(json.loads(run.stdout))
        heavy = {name for name in loaded - allowed if not name.startswith("_sysconfigdata")}
        assert not heavy, f"{module} imports {sorted(heavy)}"

    def test_every_target_can_be_imported(self, contributions: list[Contribution[object]]) -> None:
        """What a spec names exists.

        If this fails: correct the `target`, `assess`, `available` or `parameters` it names. A target whose own
        dependencies are not installed is passed over.
        """
        for contribution in contributions:
            for field in ("target", "assess", "available", "parameters"):
                target = getattr(contribution.spec, field, "")
                if isinstance(target, str) and target:
                    try:
                        assert import_foreign(target) is not None
                    except PluginUnavailable:
                        continue

    def test_every_section_has_defaults(self, plugin_host: Host) -> None:
        """Each configuration section can be read when nothing is configured.

        If this fails: give every field of the Struct a default.
        """
        info = plugin_host.plugins.record(self.plugin).info
        for section in info.sections if info else ():
            plugin_host.config.section(section.name)
        errors = [problem for problem in plugin_host.config.problems if problem.level == "error"]
        assert not errors, errors

    def test_every_tool_can_be_described_to_a_model(
        self, plugin_host: Host, contributions: list[Contribution[object]]
    ) -> None:
        """Each tool's parameters give a JSON schema of type object.

        If this fails: make `parameters` the target of a `msgspec.Struct`, or a JSON schema.
        """
        for contribution in contributions:
            if contribution.kind == "tools":
                parameters = plugin_host.parameters(contribution)  # type: ignore[arg-type]
                assert parameters is not None, [problem.line() for problem in contribution.record.problems]
                assert parameters.schema.get("type") == "object"

    def test_switching_it_off_leaves_nothing_behind(self, tmp_path: Path) -> None:
        """A host that blocks the plugin has none of its contributions.

        If this fails: the plugin changes something outside its hooks.
        """
        host = Host(
            home=tmp_path / "home", plugins=[self.plugin], blocked=[self.plugin], environ={"PATH": "/usr/bin:/bin"}
        )
        assert host.plugins.record(self.plugin).state == "disabled"
        for kind in KINDS:
            assert not [item for item in host.registry(kind) if item.plugin == self.plugin]
