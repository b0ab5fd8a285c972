"""Which way the doors open."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

PUBLIC_HOST_MODULES = {
    "hermes_host",
    "hermes_host.config",
    "hermes_host.cli.application",
    "hermes_host.cli.listing",
    "hermes_host.context",
    "hermes_host.errors",
    "hermes_host.events",
    "hermes_host.frontends",
    "hermes_host.installed",
    "hermes_host.messages",
    "hermes_host.protocols",
    "hermes_host.records",
    "hermes_host.registry",
    "hermes_host.services",
    "hermes_host.sessions",
    "hermes_host.slash",
    "hermes_host.specs",
    "hermes_host.stream",
    "hermes_host.terminals",
    "hermes_host.toolsets",
    "hermes_host.visible",
}
"""What a plugin may import at any time; under `if TYPE_CHECKING` also the host and its session."""

FOR_TYPES_ONLY = {"hermes_host.host", "hermes_host.agent", "hermes_host.agent.session"}


def test_imports_in_the_host_run_downwards(root):
    linter = Path(sys.executable).with_name("lint-imports")
    outcome = subprocess.run([linter, "--no-logo", "--no-cache"], cwd=root, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_a_plugin_imports_only_what_it_declares(plugin):
    distributions = packages_distributions()
    declared = {_canonical(name) for name in plugin.dependencies}
    found = []
    for module in plugin.modules:
        for name, line in module.imports():
            top = name.partition(".")[0]
            if top in sys.stdlib_module_names or top in {plugin.package, "hermes_host", "__future__"}:
                continue
            if not declared & {_canonical(owner) for owner in distributions.get(top, [top])}:
                found.append(f"{module.shown}:{line}: {name} is not in its pyproject.toml")
    assert found == []


def test_a_plugin_uses_only_public_modules_of_the_host(plugin):
    allowed = PUBLIC_HOST_MODULES | FOR_TYPES_ONLY
    found = [
        f"{module.shown}:{line}: {name}"
        for module in plugin.modules
        for name, line in module.imports()
        if name.partition(".")[0] == "hermes_host" and name not in allowed and not _below(name, PUBLIC_HOST_MODULES)
    ]
    assert found == []


def test_a_plugin_uses_every_dependency_it_declares(plugin):
    distributions = packages_distributions()
    imported = {name.partition(".")[0] for module in plugin.modules for name, _ in module.imports()}
    owners = {_canonical(owner) for top in imported for owner in distributions.get(top, [top])}
    required = {_canonical(name) for name in plugin.dependencies} - {"hermes-host"}
    assert required <= owners


def test_the_command_line_never_reaches_into_a_plugin(host_modules, plugins):
    packages = {folder.package for folder in plugins}
    names = {name.partition(".")[0] for module in host_modules for name, _ in module.imports()}
    assert not names & packages


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _below(name: str, parents: set[str]) -> bool:
    # Sub-modules of a public package, such as `hermes_host.config.sections`; the bare root does not count.
    return any(name.startswith(f"{parent}.") for parent in parents - {"hermes_host"})
