"""The choice of a model while a plugin misbehaves: it blocks the loop, ignores cancelling, or is slow to import."""

import os

import pytest

PLUGIN = """
from hermes_host import hookimpl
from hermes_host.specs import ProviderSpec

@hookimpl
def hermes_providers():
    for name in ("blocking", "clinging", "importing"):
        module = "slow_import" if name == "importing" else "parts"
        yield ProviderSpec(name=name, summary="Misbehaves", target=f"hermes_stubborn.{module}:{name}")
"""
PARTS = """
import asyncio, os, threading

class Provider:
    def __init__(self, models):
        self.models = models
    async def aclose(self):
        pass

async def block():
    open(os.environ["STUBBORN_FIFO"], "w").write("blocking")
    threading.Event().wait()

async def cling():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass

def blocking(context, spec):
    return Provider(block)

def clinging(context, spec):
    return Provider(cling)
"""
SLOW_IMPORT = """
import os
open(os.environ["STUBBORN_FIFO"]).read()  # until somebody opens it for writing
from hermes_stubborn.parts import Provider
from hermes_host.protocols import ModelInfo

async def models():
    return [ModelInfo(id="late-model")]

def importing(context, spec):
    return Provider(models)
"""
READY = "Ctrl+C leaves"


@pytest.fixture
def environ(environ, tmp_path):
    package, information = tmp_path / "hermes_stubborn", tmp_path / "hermes_stubborn-1.0.dist-info"
    package.mkdir()
    information.mkdir()
    (package / "__init__.py").write_text("")
    (package / "plugin.py").write_text(PLUGIN)
    (package / "parts.py").write_text(PARTS)
    (package / "slow_import.py").write_text(SLOW_IMPORT)
    (information / "entry_points.txt").write_text("[hermes.v1]\nstubborn = hermes_stubborn.plugin\n")
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: hermes-stubborn\nVersion: 1.0\n")
    return {**environ, "HERMES_PLUGINS": "stubborn", "PYTHONPATH": str(tmp_path)}


@pytest.fixture
def fifo(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def asking(terminal, name, **environ):
    """A terminal on which that provider is being asked."""
    screen = terminal("model", **environ)
    screen.expect(READY)
    screen.type(f"{name}\r")
    screen.expect(f"Asking {name}")
    return screen


def test_a_plugin_that_blocks_everything_is_left_with_a_second_interrupt(terminal, fifo):
    screen = asking(terminal, "blocking", STUBBORN_FIFO=str(fifo))
    assert fifo.read_text() == "blocking"
    assert screen.press_until_end("\x03") == 130


def test_a_plugin_that_ignores_being_cancelled_does_not_keep_the_user(terminal):
    screen = asking(terminal, "clinging")
    screen.type("\x03")
    screen.expect("you did not wait")
    screen.expect(READY)
    screen.type("\x03")
    screen.expect("Nothing was changed")
    assert screen.end() == 130


def test_a_slow_import_does_not_stop_the_spinner(terminal, fifo):
    screen = asking(terminal, "importing", STUBBORN_FIFO=str(fifo))
    screen.expect("Asking importing for its models… 1 s")
    fifo.write_text("")
    screen.expect("late-model")
    screen.expect(READY)
    screen.type("\r")
    screen.expect("The next conversation uses importing:late-model.")
    assert screen.end() == 0
