"""What a script can do, on a terminal of this machine and on one behind a wall."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from hermes_host.events import ToolProgress, ToolStarted
from hermes_host.testing import ScriptedApprover, events_of


async def test_a_script_calls_tools_and_only_what_it_prints_is_seen(bench: Any) -> None:
    result = await bench.run(
        "from hermes_tools import look, act\n"
        "seen = [look(at=str(n), times=n).json()['times'] for n in range(3)]\n"
        "look('hidden')\n"
        "print(sum(seen), act('it'))"
    )
    assert result == {
        "status": "success",
        "output": "3 did it\n",
        "tool_calls_made": 5,
        "duration_seconds": result["duration_seconds"],
    }
    assert 0 < result["duration_seconds"] < 10


async def test_its_calls_are_shown_while_it_runs(bench: Any) -> None:
    await bench.run("from hermes_tools import look\nprint('begun')\nlook('there')")
    progress = [event.text for event in bench.events if isinstance(event, ToolProgress) and event.call_id == "c"]
    assert "[1] look there\n" in progress
    assert "begun\n" in progress
    started = [event for event in bench.events if isinstance(event, ToolStarted)]
    assert [(event.call_id, event.name) for event in started] == [("c", "execute_code"), ("c.1", "look")]


async def test_a_failing_tool_raises_and_the_script_goes_on(bench: Any) -> None:
    result = await bench.run(
        "from hermes_tools import fail, look, ToolError\n"
        "try:\n    fail('rain')\nexcept ToolError as error:\n    print('caught', error)\n"
        "try:\n    look(nonsense=1)\nexcept ToolError as error:\n    print('caught', error)\n"
        "print(look('on'))"
    )
    assert result["status"] == "success"
    assert "caught Error: The tool 'fail' (plugin 'program') failed: ValueError: rain." in result["output"]
    assert "nonsense" in result["output"]
    assert result["output"].endswith('{"seen": "on", "times": 1}\n')


async def test_threads_call_tools_at_once(bench: Any) -> None:
    # Each call of `both` waits for another one: one after the other they would never end.
    result = await bench.run(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from hermes_tools import both, look\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    print(list(pool.map(lambda n: both(number=n), range(8))))\n"
        "    print(list(pool.map(lambda n: look(str(n)).json()['seen'], range(8))))",
    )
    assert result["output"] == f"{[str(n) for n in range(8)]}\n{[str(n) for n in range(8)]}\n"


async def test_it_shares_the_sessions_shell_and_directory(bench: Any) -> None:
    (bench.work / "below").mkdir()
    result = await bench.run(
        "import os\nfrom hermes_tools import terminal\n"
        "print(os.getcwd())\nprint(terminal('cd below; export COLOUR=red; pwd').strip())\n"
        "print(terminal('echo $COLOUR; pwd').strip())"
    )
    below = f"{bench.work}/below"
    assert result["output"] == f"{bench.work}\n{below}\n\n[directory is now {below}]\nred\n{below}\n" or (
        result["output"].splitlines()[0] == str(bench.work) and "red\n" + below in result["output"]
    )
    shell = await bench.host.terminals.shell(bench.session.context)
    assert shell.directory == below


async def test_it_uses_the_python_of_an_activated_environment(bench: Any) -> None:
    environment = bench.work / "venv" / "bin"
    environment.mkdir(parents=True)
    (environment / "python3").write_text('#!/bin/sh\nMARK=activated exec /usr/bin/python3 "$@"\n', encoding="utf-8")
    (environment / "python3").chmod(0o755)
    session = await bench.begin("import os; print(os.environ['MARK'])")
    shell = await bench.host.terminals.shell(session.context)
    await shell.run(f"set -x; PATH={environment}:$PATH")
    bench.events = await events_of(session.run("go"))
    assert "activated" in bench.result("execute_code")


@pytest.mark.parametrize("terminal", ["plain"], indirect=True)
async def test_variables_that_a_session_passes_on_reach_the_script(bench: Any, monkeypatch: Any) -> None:
    session = await bench.begin("import os; print(repr(os.environ.get('WEATHER_CODE')))")
    session.context.pass_environment("WEATHER_CODE")
    monkeypatch.setattr(bench.host.terminals, "_value_of", {"WEATHER_CODE": "it's\nraining"}.get)
    bench.events = await events_of(session.run("go"))
    assert "it's\\\\nraining" in bench.result("execute_code")


async def test_results_of_any_size_and_text_pass(bench: Any) -> None:
    result = await bench.run(
        "from hermes_tools import look, act\n"
        "text = 'ä\\u2028\\U0001f40d\\x00\"\\\\' * 2000\n"
        "assert look(text).json()['seen'] == text\n"
        "assert len(act('x' * 90_000)) == 90_004\n"
        "print('ä\\U0001f40d')"
    )
    assert (result["status"], result["output"]) == ("success", "ä\U0001f40d\n")


async def test_an_exception_ends_it_with_a_traceback_that_begins_in_the_script(bench: Any) -> None:
    result = await bench.run("def f():\n    return 1 / 0\nprint('before')\nf()\n")
    assert (result["status"], result["error"]) == ("error", "The script ended with exit code 1.")
    output, _, errors = result["output"].partition("[stderr]\n")
    assert output == "before\n"
    lines = errors.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].endswith('script.py", line 4, in <module>')
    assert "return 1 / 0" in errors
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert "hermes>" not in errors


@pytest.mark.parametrize("terminal", ["plain"], indirect=True)
@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("def (", "error", "SyntaxError"),
        ("import sys; sys.exit(3)", "error", "exit code 3"),
        ("import sys; sys.exit('so it is')", "error", "so it is"),
        ("import os; os._exit(0)", "success", ""),
        ("import os, signal; print('x', flush=True); os.kill(os.getpid(), signal.SIGSEGV)", "error", "SIGSEGV"),
        ("import os, signal; os.kill(os.getppid(), signal.SIGKILL)", "error", "killed from outside"),
        ("import sys; sys.stderr.write('only a warning'); print('fine')", "success", "fine"),
        ("print(input())", "error", "EOFError"),
        ("print(__name__, __file__)", "success", "__main__ "),
        ("import threading; threading.Timer(0.1, print, ['late']).start()", "success", "late"),
        ("import atexit; atexit.register(print, 'at the end')", "success", "at the end"),
        ('import hermes_tools; print(hermes_tools.json_parse(\'{"a": "x\\ny"}\'))', "success", "{'a': 'x\\ny'}"),
        ('from hermes_tools import shell_quote; print(shell_quote("it\'s"))', "success", "'it'\"'\"'s'"),
        (
            "from hermes_tools import retry; t = iter([0, 1])\nprint(retry(lambda: 1 / next(t), delay=0))",
            "success",
            "1.0",
        ),
        ("from hermes_tools import retry; retry(lambda: 1 / 0, delay=0)", "error", "ZeroDivisionError"),
    ],
)
async def test_every_end_is_told(bench: Any, code: str, status: str, said: str) -> None:
    result = await bench.run(code)
    assert result["status"] == status
    assert said in result["output"] + result.get("error", "")
    assert "only a warning" not in result["output"]


async def test_processes_of_its_own_work_and_have_no_tools(bench: Any) -> None:
    result = await bench.run(
        "import multiprocessing, subprocess, sys\n"
        "from hermes_tools import look, ToolError\n"
        "def work(number):\n"
        "    try:\n        look('from a child')\n"
        "    except ToolError as error:\n        return str(error)\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('fork').Pool(2) as pool:\n        print(pool.map(work, [1])[0])\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n        print(pool.map(work, [1])[0])\n"
        "    print(subprocess.run([sys.executable, '-c', 'print(6 * 7)'], capture_output=True, text=True).stdout)\n"
        "    print(look('at last').json()['seen'])\n"
    )
    refusal = "Tools can be called by the script's own process only"
    assert result["output"].count(refusal) == 2
    assert result["output"].endswith("42\n\nat last\n")
    assert result["tool_calls_made"] == 1


async def test_its_files_are_private_and_gone_afterwards(bench: Any, tmp_path: Path) -> None:
    result = await bench.run(
        "import os, sys\nold = os.umask(0); folder = sys.path[0]\n"
        "print(oct(os.stat(folder).st_mode), *sorted((n, oct(os.stat(f'{folder}/{n}').st_mode)) for n in"
        " os.listdir(folder)))\n"
        "os.mkdir(folder + '/more'); open(folder + '/more/file', 'w'); os.symlink('/', folder + '/link')\n"
    )
    assert oct(stat.S_IFDIR | 0o700) in result["output"]
    assert result["output"].count(oct(stat.S_IFREG | 0o600)) == 2
    assert list((tmp_path / "tmp").iterdir()) == []
    assert list(bench.work.iterdir()) == []


async def test_the_code_is_in_no_argument_and_no_variable(bench: Any) -> None:
    result = await bench.run(
        "# marzipan\n"
        "for pid in ('self', __import__('os').getppid()):\n"
        "    for name in ('cmdline', 'environ'):\n"
        "        print(b'marz' + b'ipan' in open(f'/proc/{pid}/{name}', 'rb').read())"
    )
    assert result["output"] == "False\n" * 4


async def test_modules_of_the_directory_are_not_in_its_way(bench: Any) -> None:
    for name in ("json", "os", "hermes_tools", "threading", "sitecustomize"):
        (bench.work / f"{name}.py").write_text("raise SystemExit('taken over')", encoding="utf-8")
    result = await bench.run(
        "import json, threading\nfrom hermes_tools import look\nprint(look('fine').json()['seen'])"
    )
    assert (result["status"], result["output"]) == ("success", "fine\n")


async def test_long_output_is_cut_in_the_middle_and_kept_whole(bench: Any) -> None:
    result = await bench.run("print('A' * 30_000 + 'B' * 40_000 + 'C' * 40_000)")
    assert result["output"].startswith("A" * 20_000 + "\n\n[…")
    assert result["output"].endswith("\n" + "C" * 29_999 + "\n")
    path = result["output"].partition(" in ")[2].partition(" …]")[0]
    assert (
        await asyncio.to_thread(Path(path).read_text, encoding="utf-8")
        == "A" * 30_000 + "B" * 40_000 + "C" * 40_000 + "\n"
    )
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


async def test_long_errors_are_cut_too(bench: Any) -> None:
    result = await bench.run("import sys; sys.stderr.write('E' * 100_000 + 'F'); sys.exit(1)")
    assert 10_000 < len(result["output"]) < 10_400
    assert result["output"].endswith("F")


async def test_control_sequences_are_taken_out(bench: Any) -> None:
    result = await bench.run(r"print('\x1b[31mred\x1b[0m \x1b]0;title\x07plain')")
    assert result["output"] == "red plain\n"


@pytest.mark.parametrize("terminal", ["plain"], indirect=True)
async def test_a_first_call_after_a_long_while_works(bench: Any) -> None:
    result = await bench.run(
        "import time; time.sleep(2)\nfrom hermes_tools import look\nprint(look('late').json()['seen'])"
    )
    assert (result["status"], result["output"]) == ("success", "late\n")


async def test_a_time_out_keeps_what_was_printed(bench: Any) -> None:
    result = await bench.run("print('so far')\nwhile True: __import__('time').sleep(1)", timeout=1)
    assert (result["status"], result["output"]) == ("timeout", "so far\n")
    assert result["error"] == "The script took longer than 1 s and was killed."
    assert 1 <= result["duration_seconds"] < 3


class TestWithAShortTime:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"timeout": 1}

    async def test_the_setting_is_a_limit_that_no_argument_exceeds(self, bench: Any) -> None:
        began = time.monotonic()
        result = await bench.run("__import__('time').sleep(60)", timeout=60)
        assert result["status"] == "timeout"
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("terminal", ["plain"], indirect=True)
async def test_the_turns_deadline_counts(bench: Any) -> None:
    session = await bench.begin("print('so far')\n__import__('time').sleep(60)")
    bench.events = await events_of(session.run("go", deadline=4))
    assert '"status": "timeout", "output": "so far\\n"' in bench.result("execute_code")


async def test_the_person_sees_the_whole_script_and_may_refuse(bench: Any, tmp_path: Path) -> None:
    bench.approver = ScriptedApprover("deny")
    code = "open('made', 'w')\n" + "# a comment\n" * 500
    result = await bench.run(code)
    assert "denied" in result["refused"]
    (request,) = bench.approver.requests
    assert request.shown == code
    assert request.choices == ("once", "deny")  # too long for anybody to read twice
    assert request.terminal in ("local", "plain")
    assert not (bench.work / "made").exists()
    assert list((tmp_path / "tmp").iterdir()) == []


async def test_what_it_calls_is_approved_call_by_call(bench: Any) -> None:
    bench.approver = ScriptedApprover("once", "deny", "once")
    result = await bench.run(
        "from hermes_tools import look, act, ToolError\nlook('free')\n"
        "try:\n    act('first')\nexcept ToolError as error:\n    print(error)\nprint(act('second'))"
    )
    assert [request.call.name for request in bench.approver.requests] == ["execute_code", "act", "act"]
    assert "The user denied this call." in result["output"]
    assert result["output"].endswith("did second\n")


async def test_where_nobody_can_be_asked_no_script_runs(bench: Any) -> None:
    bench.approver = ScriptedApprover()
    session = await bench.begin("print(1)")
    session.gate._approver = None
    bench.events = await events_of(session.run("go"))
    assert "nobody can be asked" in bench.result("execute_code")


async def test_the_prompt_names_the_tools_of_the_session(bench: Any) -> None:
    session = await bench.begin("print(1)", toolsets=["looking", "code_execution"])
    await session.prepare()
    assert "`from hermes_tools import both, fail, look`" in session.system
    assert "At most 50 calls and 300 s" in session.system


async def test_without_the_tool_the_prompt_is_silent(bench: Any) -> None:
    session = await bench.begin("print(1)", toolsets=["looking"])
    await session.prepare()
    assert "hermes_tools" not in session.system


async def test_two_conversations_run_scripts_at_once(bench: Any) -> None:
    from hermes_host.messages import ToolCall, assistant_message

    def script(number: int) -> Any:
        code = f"from hermes_tools import both; print('answer', both(number={number}))"
        return assistant_message(ToolCall(id=f"c{number}", name="execute_code", arguments={"code": code}))

    bench.host.script(script(1), script(2), "done", "done")
    sessions = [await bench.host.start(directory=str(bench.work), yolo=True) for _ in range(2)]
    found = await asyncio.gather(*(events_of(session.run("go")) for session in sessions))
    text = str(found)
    assert "answer 1" in text
    assert "answer 2" in text
