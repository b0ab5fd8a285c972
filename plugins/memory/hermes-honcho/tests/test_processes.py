"""Whole programs: `hermes chat` with Honcho there, silent, and gone."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from hermes_honcho.testing import HonchoServer


def chat(home: Path, own_home: Path, said: str) -> float:
    """One question and its answer; gives the seconds it took."""
    began = time.monotonic()
    run = subprocess.run(
        [Path(sys.executable).with_name("hermes"), "chat", "-q", said],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(own_home),
            "HERMES_HOME": str(home),
            "HERMES_PLUGINS": "honcho,offline",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return time.monotonic() - began


def prompts(server: HonchoServer) -> list[str]:
    return [content for peer, content in server.said("hermes") if peer == "alice"]


def test_what_is_said_while_honcho_is_silent_or_gone_arrives_once_when_it_is_back(
    home: Path, own_home: Path, server: HonchoServer, configure: Any
) -> None:
    configure(section="{prompt_wait: 0.5, exit_wait: 1}")
    chat(home, own_home, "One")
    assert prompts(server) == ["One"]
    silent = threading.Event()
    server.fail("workspaces", hold=silent, times=1000)
    assert chat(home, own_home, "Two") < 20, "a silent service must not keep anybody in a program that is over"
    silent.set()
    server._faults.clear()
    chat(home, own_home, "Three")
    assert prompts(server) == ["One", "Two", "Three"]
