"""Scripts that mean no good."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from hermes_host.testing import ScriptedApprover, events_of

CALL = "import hermes_tools\ncall = hermes_tools.call_tool\n"


async def test_no_secret_of_the_host_is_in_its_environment(bench: Any) -> None:
    result = await bench.run("import os\nfor name, value in sorted(os.environ.items()): print(name, value)")
    assert "canary" not in result["output"]
    assert "KEY" not in result["output"]
    assert "TOKEN" not in result["output"]


async def test_a_tool_outside_the_list_is_refused(bench: Any) -> None:
    result = await bench.run(
        CALL + "for name in ('unlisted', 'process', 'nonsense', '../act', ''):\n"
        "    try:\n        print(call(name))\n    except hermes_tools.ToolError as error:\n        print(error)\n"
        "print(hasattr(hermes_tools, 'unlisted'), hasattr(hermes_tools, 'process'))"
    )
    assert result["output"].count("Scripts here have no tool") == 5
    assert "There are: act, both, fail, look, terminal." in result["output"]
    assert result["output"].endswith("False False\n")
    assert result["tool_calls_made"] == 0


async def test_tools_the_session_does_not_have_stay_away(bench: Any) -> None:
    result = await bench.run(
        CALL + "try:\n    call('act', what='x')\nexcept hermes_tools.ToolError as error:\n    print(error)",
        toolsets=["looking", "code_execution"],
    )
    assert "no tool 'act'. There are: both, fail, look." in result["output"]


class TestWithoutTools:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"tools": ["browser_navigate", "execute_code"]}

    async def test_an_empty_intersection_means_none(self, bench: Any) -> None:
        result = await bench.run(
            CALL + "try:\n    call('look')\nexcept hermes_tools.ToolError as error:\n    print(error)\nprint(2 + 2)"
        )
        assert result["output"] == "Scripts here have no tool 'look'. There are: none.\n4\n"

    async def test_a_script_cannot_run_scripts_even_if_the_settings_say_so(self, bench: Any) -> None:
        result = await bench.run(
            CALL + "try:\n    call('execute_code', code='print(1)')\n"
            "except hermes_tools.ToolError as error:\n    print(error)"
        )
        assert result["output"] == "A script cannot call 'execute_code'.\n"


async def test_a_script_cannot_leave_something_running_through_the_terminal_tool(bench: Any) -> None:
    result = await bench.run(
        CALL + "for more in ({'background': True}, {'pty': True}):\n"
        "    try:\n        call('terminal', command='touch made', **more)\n"
        "    except hermes_tools.ToolError as error:\n        print(error)"
    )
    assert "'background'" in result["output"]
    assert "'pty'" in result["output"]
    assert not (bench.work / "made").exists()


class TestWithFewCalls:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"max_tool_calls": 3}

    async def test_one_call_more_than_allowed_is_not_made(self, bench: Any) -> None:
        result = await bench.run(
            "from hermes_tools import act, ToolError\n"
            "for n in range(5):\n    try:\n        print(act(str(n)))\n"
            "    except ToolError as error:\n        print(error)"
        )
        assert result["output"].startswith("did 0\ndid 1\ndid 2\nThe limit of 3 tool calls")
        assert "did 3" not in result["output"]
        assert result["tool_calls_made"] == 3


async def test_fifty_calls_are_made_and_the_next_is_not(bench: Any) -> None:
    result = await bench.run(
        "from hermes_tools import look, ToolError\nmade = 0\n"
        "try:\n    while True:\n        look(str(made)); made += 1\nexcept ToolError as error:\n    print(made, error)"
    )
    assert result["output"].startswith("50 The limit of 50 tool calls")


LEAVERS = """
import os, subprocess, sys, time
child = "import os, signal, time; signal.signal(15, signal.SIG_IGN); signal.signal(1, signal.SIG_IGN);" \\
        "open('pids', 'a').write(f'{os.getpid()}\\\\n'); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", child])
subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("pids", "a").write(f"{os.getpid()}\\n")
        time.sleep(600)
    os._exit(0)
while not os.path.exists("pids") or len(open("pids").read().split()) < 3: time.sleep(0.01)
print("left", flush=True)
"""


def _alive(folder: Path) -> list[int]:
    found = []
    for pid in map(int, (folder / "pids").read_text(encoding="utf-8").split()):
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except FileNotFoundError:
            continue
        if state != "Z":
            found.append(pid)
    return found


@pytest.mark.parametrize(("end", "status"), [("", "success"), ("time.sleep(600)", "timeout"), ("1 / 0", "error")])
async def test_nothing_it_started_outlives_it(bench: Any, tmp_path: Path, end: str, status: str) -> None:
    result = await bench.run(LEAVERS + end, timeout=2)
    assert result["status"] == status, result
    assert "left\n" in result["output"]
    assert len((bench.work / "pids").read_text(encoding="utf-8").split()) == 3
    assert _alive(bench.work) == []
    assert list((tmp_path / "tmp").iterdir()) == []


async def test_an_interrupt_leaves_nothing_within_a_second(bench: Any, tmp_path: Path, until: Any) -> None:
    session = await bench.begin(LEAVERS + "time.sleep(600)")
    turn = asyncio.create_task(events_of(session.run("go")))
    await until(lambda: (bench.work / "pids").exists() and len((bench.work / "pids").read_text().split()) == 3)
    began = time.monotonic()
    session.interrupt()
    events = await turn
    assert time.monotonic() - began < 1.2
    assert events[-1].outcome == "interrupted"
    await until(lambda: _alive(bench.work) == [])
    await until(lambda: list((tmp_path / "tmp").iterdir()) == [])


async def test_an_interrupt_while_an_inner_call_waits_for_a_person(bench: Any, tmp_path: Path, until: Any) -> None:
    waits = asyncio.Event()

    async def never(request: Any) -> str:
        waits.set()
        await asyncio.Event().wait()
        return "once"

    bench.approver = ScriptedApprover("once", never)
    session = await bench.begin("from hermes_tools import act\nact('x')\nopen('after', 'w')")
    turn = asyncio.create_task(events_of(session.run("go")))
    await waits.wait()
    began = time.monotonic()
    session.interrupt()
    await turn
    assert time.monotonic() - began < 1.0
    await until(lambda: list((tmp_path / "tmp").iterdir()) == [])
    assert not (bench.work / "after").exists()


async def test_a_flood_of_output_is_bounded(bench: Any) -> None:
    result = await bench.run("import os\nfor _ in range(200): os.write(1, b'x' * 65536 + b'\\n')\nprint('end')")
    assert result["status"] == "success"
    assert len(result["output"]) < 50_400
    assert result["output"].endswith("\nend\n")


@pytest.mark.parametrize("terminal", ["plain"], indirect=True)
async def test_output_without_end_meets_the_time_out(bench: Any) -> None:
    result = await bench.run("import os\nwhile True: os.write(2, b'x' * 4096); os.write(1, b'y' * 4096)", timeout=1)
    assert result["status"] == "timeout"
    assert len(result["output"]) < 61_000


@pytest.mark.parametrize("terminal", ["plain"], indirect=True)
async def test_calls_without_end_meet_the_limit_and_the_time_out(bench: Any) -> None:
    result = await bench.run(
        "from hermes_tools import look\nwhile True:\n    try: look('x')\n    except Exception: pass", timeout=1
    )
    assert (result["status"], result["tool_calls_made"]) == ("timeout", 50)


CHANNEL = "import os, hermes_tools\nfd = hermes_tools._channel._requests\n"
BODY = "def send(data): os.write(fd, len(data).to_bytes(4, 'big') + data)\n"


@pytest.mark.parametrize("terminal", ["plain"], indirect=True)
@pytest.mark.parametrize(
    "attack",
    [
        "os.write(fd, b'\\xff' * 64)",
        "os.write(fd, os.urandom(4096))",
        "send(b'')",
        "send(b'not json')",
        "send(b'{\"id\": 1}')",
        'send(b\'{"id": "1", "tool": "look", "arguments": {}}\')',
        'send(b\'{"id": 1, "tool": "look", "arguments": []}\')',
        "send(b'[' * 100_000)",
        'send(b\'{"id": 1, "tool": "look", "arguments": {"at": "\\xff\\xfe"}}\')',
        '[send(b\'{"id": 1, "tool": "nothing", "arguments": {}}\') for _ in range(20_000)]',
        "os.write(os.open(f'/proc/{os.getppid()}/fd/1', os.O_WRONLY), b'?????????')",
        "os.write(os.open(f'/proc/{os.getppid()}/fd/1', os.O_WRONLY), b'x\\0\\0\\0\\2{}')",
        "os.write(os.open(f'/proc/{os.getppid()}/fd/1', os.O_WRONLY), b'o\\xff\\xff\\xff\\xff')",
    ],
)
async def test_garbage_in_a_channel_ends_the_script_and_nothing_else(bench: Any, tmp_path: Path, attack: str) -> None:
    result = await bench.run(CHANNEL + BODY + attack + "\n__import__('time').sleep(20)", timeout=15)
    assert result["status"] == "error"
    assert result["error"].startswith("The script broke the channel to its tools (")
    assert result["duration_seconds"] < 10
    assert list((tmp_path / "tmp").iterdir()) == []
    assert [event for event in bench.events if getattr(event, "text", "") == "done"], "the turn went on"


async def test_a_forged_request_is_judged_like_any_other(bench: Any) -> None:
    bench.approver = ScriptedApprover("once", "deny")
    result = await bench.run(
        CHANNEL + BODY + "import time, threading\n"
        'send(b\'{"id": 99, "tool": "act", "arguments": {"what": "forged"}}\')\n'
        'send(b\'{"id": 98, "tool": "unlisted", "arguments": {}}\')\n'
        "print(hermes_tools._channel._wait(99)['error'])\nprint(hermes_tools._channel._wait(98)['error'])"
    )
    assert "The user denied this call." in result["output"]
    assert "no tool 'unlisted'" in result["output"]


async def test_a_request_in_parts_and_several_at_once_are_understood(bench: Any) -> None:
    result = await bench.run(
        CHANNEL + "import json, time\n"
        "def frame(n):\n"
        "    data = json.dumps({'id': n, 'tool': 'look', 'arguments': {'at': str(n)}}).encode()\n"
        "    return len(data).to_bytes(4, 'big') + data\n"
        "for byte in frame(1): os.write(fd, bytes([byte]))\n"
        "os.write(fd, b''.join(frame(n) for n in range(2, 8)))\n"
        "print([json.loads(hermes_tools._channel._wait(n)['text'])['seen'] for n in range(1, 8)])"
    )
    assert result["output"] == "['1', '2', '3', '4', '5', '6', '7']\n"


async def test_closing_the_channel_is_an_error_for_the_script_alone(bench: Any) -> None:
    result = await bench.run(
        CHANNEL + "os.close(fd)\n"
        "try:\n    hermes_tools.call_tool('look')\nexcept hermes_tools.ToolError as error:\n    print(error)"
    )
    assert (result["status"], result["output"]) == ("success", "The channel to the tools is closed.\n")


async def test_a_known_secret_is_taken_out_of_output_and_file(bench: Any, tmp_path: Path) -> None:
    bench.host.secrets.set("ACME_API_KEY", "canary-value-0123456789")
    result = await bench.run(
        "import os\nprint('x' * 60_000)\nos.write(1, b'canary-val'); __import__('time').sleep(0.2)\n"
        "os.write(1, b'ue-0123456789\\n')\n__import__('sys').stderr.write('canary-value-0123456789')\n"
        "raise SystemExit(1)"
    )
    assert "canary-value" not in str(result)
    assert "[secret" in result["output"]
    kept = [path for path in (tmp_path / "home" / "cache").rglob("*") if path.is_file()]
    assert kept
    assert all(b"canary-value-0123456789" not in path.read_bytes() for path in kept)
    assert os.stat(kept[0]).st_mode & 0o077 == 0
