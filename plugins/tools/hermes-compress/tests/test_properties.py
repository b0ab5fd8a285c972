"""Whatever is said and however summaries turn out: what the model is shown is sound."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hermes_compress.measure import weigh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hermes_host.errors import ConnectionLost
from hermes_host.messages import ToolCall, assistant_message
from hermes_host.testing import StandInHost

sizes = st.sampled_from([1, 50, 200, 201, 900, 4_000])
turns = st.lists(
    st.tuples(st.one_of(sizes, st.none()), st.lists(st.lists(sizes, min_size=1, max_size=3), max_size=5)),
    min_size=3,
    max_size=14,
)
outcomes = st.lists(st.sampled_from(["good", "long", "empty", "failing"]), max_size=10)
ACTS = st.lists(st.sampled_from(["", "", "", "undo", "restart", "compress"]), min_size=14, max_size=14)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=turns, outcomes=outcomes, acts=ACTS, limit=st.sampled_from([10**9, 5_000, 2_500]))
def test_the_view_is_always_sound(kit, turns, outcomes, acts, limit):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_converse(kit, Path(folder), turns, outcomes, acts, limit))


async def _converse(kit, home, turns, outcomes, acts, limit):
    kinds = {"good": kit.summary(goal="x"), "long": "y" * 90_000, "empty": "", "failing": ConnectionLost("no")}
    vendor = kit.Vendor()
    vendor.limit = limit
    vendor.summaries = [kinds[outcome] for outcome in outcomes]
    async with StandInHost(home, plugins=["compress"], overrides={"compression.context": 6_000}) as host:
        host.script(*[vendor] * 1_000)
        host.tool(fetch)
        talk = kit.Talk(host, vendor)
        await talk.start()
        talk.add_turns(1)
        vendor.mark = lambda: (len(talk.session.messages), dict(talk.view))
        undone = False
        for number, (said, steps) in enumerate(turns):
            vendor.answers = [*_calls(number, steps), "Done."]
            seen = len(vendor.turns) if undone else max(0, len(vendor.turns) - 1)
            await talk.say("hello " * (said or 1))
            _check(kit, talk, vendor.turns[seen:], vendor.marks[seen:])
            undone = acts[number] == "undo"
            await _act(talk, acts[number])


def _calls(number, steps):
    for place, results in enumerate(steps):
        yield assistant_message(
            *(ToolCall(id=f"{number}-{place}-{i}", name="fetch", arguments={"size": s}) for i, s in enumerate(results))
        )


def fetch(size: int) -> str:
    """Fetch."""
    return "f" * size


async def _act(talk, act):
    if act == "undo":
        talk.session.undo()
        talk.session.undo()
    elif act == "restart":
        await talk.restart()
    elif act == "compress":
        await talk.command()
    if not talk.session.messages:
        talk.add_turns(1)


def _check(kit, talk, requests, marks):
    before, view_before = None, None
    for request, (count, view) in zip(requests, marks, strict=True):
        shown, stored = list(request.messages), talk.session.messages[:count]
        assert kit.unpaired(shown) == []
        assert shown[0] == stored[0]
        assert next(message for message in reversed(stored) if message.role == "user") in shown
        assert sum(map(weigh, shown)) <= sum(map(weigh, stored))
        if before is not None and view == view_before:
            assert shown[: len(before)] == before
        before, view_before = shown, view
