"""The module a script imports, and the Python that reads it."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hermes_code.stub import module, source

from hermes_host.protocols import ToolDefinition
from hermes_host.testing import events_of


def definition(name: str = "paint", summary: str = "Paint.", **properties: Any) -> ToolDefinition:
    required = [key for key, value in properties.items() if value.pop("required", False)]
    return ToolDefinition(
        name=name, summary=summary, parameters={"type": "object", "properties": properties, "required": required}
    )


def load(*tools: ToolDefinition) -> dict[str, Any]:
    """The module, with a channel that gives back what it is asked."""
    made: dict[str, Any] = {"__name__": "hermes_tools"}
    exec(compile(module(tools), "hermes_tools.py", "exec"), made)
    made["call_tool"] = lambda name, /, **arguments: (name, arguments)
    return made


def test_a_function_has_the_tools_parameters_with_the_required_ones_first() -> None:
    paint = load(
        definition(
            shade={"type": "string", "default": "dark", "description": "How."},
            colour={"type": "string", "required": True},
            coats={"type": ["integer", "null"]},
            more={"type": "object"},
        )
    )["paint"]
    assert str(inspect.signature(paint)) == (
        "(colour: 'str', shade: 'str' = <default>, coats: 'int | Any' = <default>, **more: 'Any') -> 'Result'"
    )
    assert paint("red")[1]["colour"] == "red"
    assert "shade: How. Default: 'dark'." in paint.__doc__


def test_only_what_was_given_is_sent(bench_free_script: Any) -> None:
    sent = bench_free_script("paint(colour='red', coats=None)", definition(colour={}, shade={}, coats={}))
    assert sent == [{"id": 1, "tool": "paint", "arguments": {"colour": "red", "coats": None}}]


@pytest.fixture
def bench_free_script() -> Any:
    """Run a line against the module with a channel of pipes that answers everything."""
    import json
    import os
    import threading

    def run(line: str, *tools: ToolDefinition) -> list[Any]:
        made: dict[str, Any] = {"__name__": "hermes_tools"}
        exec(compile(module(tools), "hermes_tools.py", "exec"), made)
        answers, answering = os.pipe()
        asking, requests = os.pipe()
        made["_connect"](answers, requests)
        asked = []

        def answer() -> None:
            with os.fdopen(asking, "rb") as file:
                while head := file.read(4):
                    asked.append(json.loads(file.read(int.from_bytes(head, "big"))))
                    data = json.dumps({"id": asked[-1]["id"], "text": "ok"}).encode()
                    os.write(answering, len(data).to_bytes(4, "big") + data)

        thread = threading.Thread(target=answer)
        thread.start()
        exec(line, made)
        os.close(requests)
        thread.join()
        os.close(answers)
        os.close(answering)
        return asked

    return run


def test_names_that_python_cannot_have_still_reach_the_tool(bench_free_script: Any) -> None:
    odd = definition("import", **{"from": {"required": True}, "a-b": {}, "naïve": {}})
    assert "def import_(**more: Any)" in module([odd])
    sent = bench_free_script("import_(**{'from': 1, 'a-b': 2, 'naïve': 3})", odd)
    assert sent[0]["arguments"] == {"from": 1, "a-b": 2, "naïve": 3}


def test_words_of_a_schema_are_never_code() -> None:
    evil = '"""\nraise SystemExit("taken over")\n"""\\'
    made = load(
        ToolDefinition(
            name="paint",
            summary=evil,
            parameters={
                "type": "object",
                "properties": {
                    "colour": {"type": evil, "description": evil, "default": evil},
                    "x=print('taken over')": {"type": ["string", evil]},
                    evil: {},
                    "self": {},
                    "shape": True,
                },
                "required": ["not there"],
            },
        )
    )
    assert set(inspect.signature(made["paint"]).parameters) == {"colour", "shape", "more"}


def test_parameters_that_would_outlive_the_script_are_left_out() -> None:
    tool = definition("terminal", command={"required": True}, background={}, pty={}, timeout={})
    assert list(inspect.signature(load(tool)["terminal"]).parameters) == ["command", "timeout", "more"]


def test_what_is_sent_is_read_by_python_3_8_and_the_loader_by_3_6() -> None:
    tools = [definition(colour={"required": True}, coats={"type": ["integer", "null"]}), definition("import")]
    ast.parse(module(tools), feature_version=(3, 8))
    ast.parse(source("loader"), feature_version=(3, 6))
    assert "from __future__" not in source("loader"), "3.6 has no annotations to import"


def test_a_python_that_is_too_old_says_so(tmp_path: Path) -> None:
    """The loader in an interpreter that claims to be 3.7."""
    from hermes_code.launch import BOOTSTRAP, pack

    old = "import sys; sys.version_info = (3, 7, 9, 'final', 0)\n" + BOOTSTRAP
    parcel = pack("open('ran', 'w')", [])
    done = subprocess.run(
        [sys.executable, "-c", old], input=parcel.data, capture_output=True, cwd=tmp_path, env={"TMPDIR": str(tmp_path)}
    )
    assert done.stdout.startswith(parcel.word + b"p")
    assert b"Python 3.7 is too old; 3.8 is the oldest that works." in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("terminal", ["plain"], indirect=True)
@pytest.mark.parametrize(
    ("python", "said"),
    [
        (None, "There is no `python3` on the session's terminal. Nothing was executed. Install Python 3.8 or newer"),
        ("#!/bin/sh\necho 'broken: no module named encodings' >&2; exit 1\n", "no module named encodings"),
        ("#!/bin/sh\nkill -9 $$\n", "Python did not start on the session's terminal (exit code 137)"),
        ("#!/no/such/interpreter\n", "The script could not be started"),
        ('#!/bin/sh\necho warning; echo warning >&2; exec /usr/bin/python3 "$@"\n', '"output": "it runs\\n"'),
    ],
)
async def test_a_python_that_is_missing_or_broken_is_a_clear_error(bench: Any, python: str | None, said: str) -> None:
    folder = bench.work / "bin"
    folder.mkdir()
    if python is not None:
        (folder / "python3").write_text(python, encoding="utf-8")
        (folder / "python3").chmod(0o755)
    session = await bench.begin("print('it runs')")
    shell = await bench.host.terminals.shell(session.context)
    await shell.run(f"PATH={folder}")
    bench.events = await events_of(session.run("go"))
    assert said in bench.result("execute_code")


async def test_without_a_place_for_its_folder_nothing_runs(bench: Any, tmp_path: Path) -> None:
    (tmp_path / "tmp").rmdir()
    result = await bench.run("open('ran', 'w')")
    assert result["status"] == "error"
    assert result["error"].startswith("The script could not be started: [Errno 2]")
    assert not (bench.work / "ran").exists()
