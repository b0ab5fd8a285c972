"""`hermes catalog` as a real process, and its check."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hermes_host.testing import StandInHost

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def hermes(tmp_path: Path) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name("hermes"), "catalog", *arguments],
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "HERMES_HOME": str(tmp_path / "home"),
                "HERMES_PLUGINS": "catalog,compatible",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=30,
            check=False,
        )

    return run


def test_show_says_what_is_known_and_where_it_is_from(hermes: Run) -> None:
    run = hermes("show", "openai:gpt-6-luna")
    assert run.returncode == 0, run.stderr
    for words in ("GPT-6 Luna", "1,050,000 tokens", "$0.1/$0.5", "above 272,000 prompt tokens", "source: snapshot"):
        assert words in run.stdout


def test_show_knows_models_of_providers_that_are_not_installed(hermes: Run) -> None:
    run = hermes("show", "anthropic:claude-opus-5-5")
    assert run.stdout.startswith("anthropic:claude-opus-5-5 (Claude Opus 5.5)"), run.stderr


def test_show_prints_one_json_document(hermes: Run) -> None:
    facts = json.loads(hermes("show", "openrouter:openai/gpt-5", "--json").stdout)
    assert (facts["provider"], facts["model"], facts["context"]) == ("openrouter", "openai/gpt-5", 400_000)
    assert facts["tools"] is True and "image" in facts["inputs"]


def test_list_can_be_searched(hermes: Run) -> None:
    lines = hermes("list", "--search", "opus 4.8").stdout.splitlines()
    assert lines[1].split()[:3] == ["anthropic:claude-opus-4-8", "1M", "$5/$25"]
    found = json.loads(hermes("list", "gemini", "--search", "lite", "--json").stdout)
    assert [facts["model"] for facts in found] == ["gemini-3.5-flash-lite", "gemini-2.5-flash-lite"]


def test_nothing_found_is_an_error_with_a_remedy(hermes: Run) -> None:
    run = hermes("list", "ollama")
    assert run.returncode == 1
    assert "hermes catalog update ollama" in run.stderr and run.stdout == ""


def test_update_says_what_each_provider_answered(hermes: Run) -> None:
    run = hermes("update", "ollama")  # nothing listens there in a test, and it is this machine either way
    assert run.returncode in (0, 1)
    assert (run.stdout + run.stderr).startswith("ollama: ")
    unknown = hermes("update", "nobody")
    assert unknown.returncode == 1 and "nobody" in unknown.stderr


async def test_the_check_names_entries_that_name_no_model(tmp_path: Path) -> None:
    config = 'catalog: {models: {"gpt-5": {context: 5}, "openai:gpt-5": {context: 5}}}'
    (tmp_path / "config.yaml").write_text(config, encoding="utf-8")
    host = StandInHost(tmp_path, plugins=["catalog"])
    check = host.checks.get("catalog.models")
    results: Any = await host.target(check, check.spec.target)(host.context("catalog"))
    assert [(result.name, result.status) for result in results] == [
        ("model facts", "ok"),
        ("catalog.models", "warning"),
    ]
    assert "'gpt-5'" in results[1].detail
