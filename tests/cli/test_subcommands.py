"""Commands that a plugin adds to a group of the host's or of another plugin."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = """
import click
from hermes_host import hookimpl
from hermes_host.specs import CommandSpec, PluginInfo


@hookimpl
def hermes_plugin_info():
    return PluginInfo(summary="Adds commands")


@hookimpl
def hermes_commands():
    yield CommandSpec(name="plugins wave", summary="Wave at a plugin.", target="adder_commands:wave")
    yield CommandSpec(name="plugins list", summary="Never seen.", target="adder_commands:wave")
    yield CommandSpec(name="harbour open", summary="Open the harbour.", target="adder_commands:wave")
"""

COMMANDS = '''
import click


@click.command(epilog="Example: wave")
@click.argument("name")
def wave(name):
    """Wave at NAME."""
    click.echo(f"waved at {name}")
'''


@pytest.fixture
def hermes(tmp_path: Path):
    site = tmp_path / "site"
    metadata = site / "adder-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: adder\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text("[hermes.v1]\nadder = adder_plugin\n", encoding="utf-8")
    (site / "adder_plugin.py").write_text(PLUGIN, encoding="utf-8")
    (site / "adder_commands.py").write_text(COMMANDS, encoding="utf-8")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from hermes_host.cli import main; main()", *arguments],
            env={
                "PYTHONPATH": str(site),
                "HERMES_HOME": str(tmp_path / "home"),
                "HERMES_PLUGINS": "adder",
                "PATH": "/usr/bin:/bin",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_plugin_adds_a_command_to_a_group_of_the_host(hermes):
    result = hermes("plugins", "wave", "Ada")
    assert (result.returncode, result.stdout) == (0, "waved at Ada\n"), result.stderr
    assert "wave" in hermes("plugins", "--help").stdout
    assert "Example: wave" in hermes("plugins", "wave", "--help").stdout


def test_it_cannot_replace_one_that_is_there(hermes):
    result = hermes("plugins", "list")
    assert result.returncode == 0
    assert "adder" in result.stdout
    assert "waved" not in result.stdout


def test_a_group_that_nobody_brings_is_made_of_what_is_added_to_it(hermes):
    assert hermes("harbour", "open", "now").stdout == "waved at now\n"
    assert "harbour" in hermes("--help").stdout
