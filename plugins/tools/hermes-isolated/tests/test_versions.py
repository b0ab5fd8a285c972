"""Plugins that need what cannot be installed together."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PLUGIN = """
from hermes_host import hookimpl
from hermes_host.specs import PluginInfo, ToolSpec

@hookimpl
def hermes_tools():
    yield ToolSpec(name="{name}_version", summary="x", parameters={{"type": "object"}}, target="{name}_tools:version",
                   effects=frozenset({{"read"}}))
"""
TOOLS = """
async def version(arguments, call):
    import tinylib
    return tinylib.VERSION
"""


def _wheel(folder: Path, version: str) -> None:
    name = f"tinylib-{version}"
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tinylib.py", f"VERSION = {version!r}\n")
        wheel.writestr(f"{name}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: tinylib\nVersion: {version}\n")
        wheel.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{name}.dist-info/RECORD", "")


@pytest.fixture(scope="module")
def environments(tmp_path_factory, environment_maker):
    wheels = tmp_path_factory.mktemp("wheels")
    found = []
    for name, version in (("one", "1.0"), ("two", "2.0")):
        _wheel(wheels, version)
        environment = environment_maker(tmp_path_factory.mktemp(name) / "environment")
        environment.add_plugin(
            name, f"{name}_plugin", **{f"{name}_plugin": PLUGIN.format(name=name), f"{name}_tools": TOOLS}
        )
        command = ["uv", "pip", "install", "-q", "--no-index", "--find-links", str(wheels), f"tinylib=={version}"]
        subprocess.run([*command, "--python", str(environment.folder / "bin" / "python")], check=True)
        found.append(environment)
    return found


async def test_two_versions_of_one_library_are_used_in_one_host(home, environments, start):
    for environment in environments:
        tool = {"name": f"{environment.name}_version", "summary": "x", "parameters": {"type": "object"}}
        home.plugins[environment.name] = environment.entry({"tools": [{**tool, "effects": ["read"]}]})
    user = await start()
    assert await user("one_version") == "1.0"
    assert await user("two_version") == "2.0"
    assert "tinylib" not in sys.modules


async def test_of_two_plugins_with_one_tool_neither_has_it(home, environments, start, caplog):
    for environment in environments:
        tool = {"name": "one_version", "summary": "x", "parameters": {"type": "object"}, "effects": ["read"]}
        home.plugins[environment.name] = environment.entry({"tools": [tool]})
    user = await start()
    assert "one_version" not in {tool.name for tool in user.host.tools}
    assert "one, two all offer a tool 'one_version'" in caplog.text


async def test_a_plugin_ending_leaves_others_alone(home, environments, use_sample, start):
    use_sample()
    (one, _) = environments
    tool = {"name": "one_version", "summary": "x", "parameters": {"type": "object"}, "effects": ["read"]}
    home.plugins["one"] = one.entry({"tools": [tool]})
    user = await start()
    assert await user("one_version") == "1.0"
    with pytest.raises(Exception, match="exit code 3"):
        await user("exit_now")
    assert user.resident("one").guest.is_open
    assert await user("one_version") == "1.0"
