"""Nothing is lost and nothing is sent twice: time-outs, cut connections, killed processes, refusals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hermes_honcho.access import Entry
from hermes_honcho.names import Names
from hermes_honcho.outbox import InUse, Outbox, OutboxError
from hermes_honcho.testing import HonchoServer

TURN = [("alice", "Hello"), ("hermes", "Hi")]
NAMES = Names("hermes", "alice", "hermes")

SENDER = """
import asyncio, sys
from pathlib import Path
from hermes_honcho.access import Access
from hermes_honcho.memory import HonchoMemory
from hermes_host.context import SessionContext
from hermes_host.messages import assistant_message, user_message
from hermes_host.protocols import Exchange
from hermes_host.testing import StandInHost

async def main():
    host = StandInHost(Path(sys.argv[1]), plugins=["honcho"])
    context = host.context("honcho")
    memory = HonchoMemory(context, await context.services.get(Access))
    exchange = Exchange(messages=(user_message("Hello"), assistant_message("Hi")), outcome="completed", turn_id="t")
    await memory.observe(exchange, SessionContext("s1", directory="/"))
    print("kept", flush=True)
    await memory.sender.finish(60)

asyncio.run(main())
"""


def sender(home: Path) -> subprocess.Popen[str]:
    """A process that has kept a turn and is about to send it."""
    process = subprocess.Popen([sys.executable, "-c", SENDER, str(home)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "kept\n"
    return process


def entry(number: int, content: str = "") -> Entry:
    return Entry(uid=f"u{number}", peer="alice", content=content or f"m{number}", created=float(number))


async def test_messages_stored_before_the_connection_was_cut_are_not_sent_again(
    memory: Any, server: HonchoServer, turn: Any, conversation: Any, until: Any
) -> None:
    live = await memory(recallMode="tools")
    server.fail("messages", after=True)
    await live.observe(turn(), conversation())
    await until(server, lambda: bool(server.asked("messages.list")))
    assert await live.sender.finish(10)
    assert server.said("hermes") == TURN
    assert len(server.asked("messages")) == 1, "they were there: nothing was to be sent again"


async def test_messages_that_never_arrived_are_sent_again(
    memory: Any, server: HonchoServer, turn: Any, conversation: Any, until: Any
) -> None:
    live = await memory(recallMode="tools")
    server.fail("messages")
    server.fail("messages", 503)
    await live.observe(turn(), conversation())
    await until(server, lambda: bool(server.said("hermes")))
    assert await live.sender.finish(10)
    assert server.said("hermes") == TURN
    assert len(server.asked("messages.list")) == 2, "after each unseen end it asks first"


async def test_a_time_out_after_which_the_messages_are_there_is_no_second_message(
    memory: Any, server: HonchoServer, turn: Any, conversation: Any, until: Any
) -> None:
    live = await memory(recallMode="tools", section="{timeout: 0.4}")
    release = threading.Event()
    server.fail("messages", after=True, hold=release)
    await live.observe(turn(), conversation())
    await until(server, lambda: bool(server.asked("messages.list")))
    release.set()
    assert await live.sender.finish(10)
    assert server.said("hermes") == TURN


async def test_being_asked_to_wait_is_obeyed_and_then_all_is_sent(
    memory: Any, server: HonchoServer, turn: Any, conversation: Any, until: Any
) -> None:
    live = await memory(recallMode="tools")
    server.fail("messages", 429, headers={"retry-after": "0.1"})
    await live.observe(turn(), conversation())
    await until(server, lambda: bool(server.said("hermes")))
    assert server.said("hermes") == TURN
    assert not server.asked("messages.list"), "a refusal leaves no doubt"


async def test_what_a_killed_process_left_is_sent_once_by_the_next(
    server: HonchoServer, home: Path, configure: Any, memory: Any, turn: Any, conversation: Any, until: Any
) -> None:
    configure(recallMode="tools")
    release = threading.Event()
    server.fail("messages", after=True, hold=release)
    process = sender(home)
    # The held request is stored, and its sender is killed before it hears of it.
    await until(server, lambda: bool(server.said("hermes")))
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    release.set()
    live = await memory(recallMode="tools")
    await live.observe(turn("Next", "Yes"), conversation("s2"))
    await until(server, lambda: len(server.said("hermes")) == 4)
    assert await live.sender.finish(10)
    assert server.said("hermes") == [*TURN, ("alice", "Next"), ("hermes", "Yes")]


async def test_without_a_network_nothing_is_lost_and_the_turn_goes_on(
    memory: Any, server: HonchoServer, turn: Any, conversation: Any, home: Path
) -> None:
    live = await memory(recallMode="tools", writeFrequency="turn", pause=0.001)
    server.fail("workspaces", 503, times=1000)
    await live.observe(turn(), conversation())
    assert not await live.sender.finish(5) and "cannot be reached" in live.sender.fault
    assert oct((home / "plugins" / "honcho" / "outbox.db").stat().st_mode)[-3:] == "600"
    server._faults.clear()
    await live.observe(turn("Two", "Zwei"), conversation())
    assert await live.sender.finish(10)
    assert server.said("hermes") == [*TURN, ("alice", "Two"), ("hermes", "Zwei")]


async def test_a_wrong_key_is_said_and_not_tried_over_and_over(
    memory: Any, server: HonchoServer, turn: Any, conversation: Any
) -> None:
    live = await memory(recallMode="tools", writeFrequency="turn")
    server.key = "other"
    await live.observe(turn(), conversation())
    assert not await live.sender.finish(10)
    assert "does not accept the key" in live.sender.fault and "hermes honcho setup" in live.sender.fault
    server.key = "right"
    await live.observe(turn("x", "y"), conversation())
    assert await live.sender.finish(10) and len(server.said("hermes")) == 4


async def test_one_message_that_honcho_refuses_holds_up_no_other(
    memory: Any, server: HonchoServer, turn: Any, conversation: Any
) -> None:
    live = await memory(recallMode="tools")
    await live.observe(turn("ring \x07", "Hi"), conversation())
    assert await live.sender.finish(10)
    assert server.said("hermes") == [("hermes", "Hi")]
    waiting = live._outbox.waiting()
    assert (waiting.unsent, waiting.refused) == (0, 1) and "content is refused" in waiting.reason


async def test_a_turn_told_twice_is_sent_once(memory: Any, server: HonchoServer, turn: Any, conversation: Any) -> None:
    live = await memory(recallMode="tools", writeFrequency="turn")
    exchange = turn(turn_id="same")
    for _ in range(2):
        await live.observe(exchange, conversation())
    assert server.said("hermes") == TURN


async def test_long_messages_are_sent_whole_in_pieces(
    memory: Any, server: HonchoServer, turn: Any, conversation: Any
) -> None:
    live = await memory(recallMode="tools", writeFrequency="turn")
    long = "".join(chr(97 + number % 26) for number in range(45_001))
    await live.observe(turn(long, "ok"), conversation())
    assert "".join(content for peer, content in server.said("hermes") if peer == "alice") == long


async def test_what_is_for_another_workspace_stays_there(
    memory: Any, server: HonchoServer, turn: Any, conversation: Any
) -> None:
    live = await memory(recallMode="tools", writeFrequency="session", workspace="one")
    await live.observe(turn(), conversation())
    other = await memory(recallMode="tools", writeFrequency="turn", workspace="two")
    await other.observe(turn("x", "y"), conversation("s2"))
    assert server.said("two", "two") == [("alice", "x"), ("hermes", "y")]
    assert other._outbox.waiting().elsewhere == 2


def test_a_batch_stays_as_it_was_put_together(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, "t")
    outbox.add(NAMES, [entry(number) for number in range(3)], ready=True)
    first = outbox.next_batch()
    outbox.add(NAMES, [entry(3)], ready=True)
    again = outbox.next_batch()
    assert first is not None and first == again
    outbox.sent(["u0", "u1", "u2"])
    second = outbox.next_batch()
    assert second is not None and [each.uid for each in second.entries] == ["u3"]


def test_large_queues_are_sent_in_batches_in_order(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, "t")
    outbox.add(NAMES, [entry(number) for number in range(120)], ready=True)
    seen: list[str] = []
    while (batch := outbox.next_batch()) is not None:
        assert len(batch.entries) <= 50
        seen += [each.uid for each in batch.entries]
        outbox.sent([each.uid for each in batch.entries])
    assert seen == [f"u{number}" for number in range(120)]


def test_of_two_senders_one_sends(tmp_path: Path) -> None:
    with Outbox(tmp_path, "t").sending(), pytest.raises(InUse), Outbox(tmp_path, "t").sending():
        pass
    with Outbox(tmp_path, "t").sending():
        pass


def test_looking_into_an_empty_queue_makes_no_file(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "none", "t")
    assert outbox.waiting().unsent == 0
    outbox.release()
    assert not (tmp_path / "none").exists()


async def test_a_damaged_queue_is_said_with_a_remedy(
    memory: Any, server: HonchoServer, turn: Any, conversation: Any, home: Path
) -> None:
    live = await memory(recallMode="tools")
    (home / "plugins" / "honcho").mkdir(parents=True)
    (home / "plugins" / "honcho" / "outbox.db").write_bytes(b"no database " * 100)
    with pytest.raises(OutboxError, match="move it away"):
        await live.observe(turn(), conversation())
    assert not await live.sender.finish(5)
