"""Judging must not be felt."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hermes_terminal.judge import judge
from hermes_terminal.places import Place

ORDINARY = [
    "ls -la",
    "git status && ls -la $HOME | head -5",
    "git add -A && git commit -m 'a message of some words'",
    "find . -name '*.py' -not -path './.venv/*' | xargs grep -n foo | sort | uniq -c",
    "for f in a b c; do if [ -f $f ]; then head -3 $f; fi; done",
]


def test_an_ordinary_command_is_judged_within_a_millisecond(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    best = {}
    for command in ORDINARY:
        judge(command, place)
        times = []
        for _ in range(30):
            begun = time.process_time()
            judge(command, place)
            times.append(time.process_time() - begun)
        best[command] = min(times)
    with capsys.disabled():
        print(f"\njudging took {min(best.values()) * 1e6:.0f} to {max(best.values()) * 1e6:.0f} µs")
    assert max(best.values()) < 0.001


def test_the_grammar_is_not_loaded_before_it_is_needed() -> None:
    program = "import sys, hermes_terminal.plugin, hermes_terminal.judge; print('tree_sitter' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, encoding="utf-8")
    assert run.stdout.strip() == "False"
