"""A process that was forked has none of its parent's threads."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import asyncio, os, pathlib, sys, time
from hermes_host import hookimpl
from hermes_host.context import SessionContext
from hermes_host.dispatch import notify
from hermes_host.testing import StandInHost

class Plugin:
    told = 0
    @hookimpl
    def hermes_turn_finished(self, session, outcome):
        Plugin.told += 1

host = StandInHost(pathlib.Path(sys.argv[1]))
host.plugins.add("told", Plugin())

def tell():
    asyncio.run(notify(host.plugins, "hermes_turn_finished", session=SessionContext("s"), outcome="completed"))

tell()
child = os.fork()
if child == 0:
    began = time.monotonic()
    tell()
    os._exit(0 if Plugin.told == 2 and time.monotonic() - began < 3 else 1)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_observers_are_told_in_a_forked_process(tmp_path):
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], timeout=30, check=False)
    assert done.returncode == 0
