"""A provider that plays a script, and the conformance kit for providers.

``ScriptedProvider`` stands in for a model wherever the model is not what is being tested::

    provider = ScriptedProvider([
        assistant_message(ToolCall(id="1", name="read_file", arguments={"path": "a.txt"})),
        "The file says hello.",
    ])

``ProviderContract`` holds every provider to the same behaviour. A plugin's test says how to make its provider answer::

    class TestAcme(ProviderContract):
        features = ProviderContract.features - {"reasoning"}

        @pytest.fixture
        async def provider(self):
            async def make(*steps):
                return AcmeProvider(...)  # whose backend answers with the steps
            return make
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

import msgspec
import pytest

from hermes_host.errors import (
    AuthFailed,
    BadRequest,
    ConnectionLost,
    ContentRefused,
    ContextTooLong,
    InvalidResponse,
    Overloaded,
    ProviderError,
    RateLimited,
)
from hermes_host.messages import (
    Media,
    Message,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Unknown,
    assistant_message,
    tool_message,
    user_message,
)
from hermes_host.protocols import ModelInfo, ModelRequest, Provider, ToolDefinition
from hermes_host.stream import (
    MessageEnded,
    PartDelta,
    PartEnded,
    PartKind,
    PartStarted,
    ProviderEvent,
    StopReason,
    Usage,
    UsageReported,
)
from hermes_host.testing.contract import Contract

__all__ = ["STALL", "ProviderContract", "ScriptedProvider", "Step", "check_stream", "play"]

Answer = str | Message | MessageEnded | BaseException
Step = Answer | Callable[[ModelRequest], Any]
"""A scripted answer: text, a message, a message with its stop reason and usage, an exception to raise; or a callable
that gets the request and gives one of these, a coroutine of one, or an async generator of provider events."""


class ScriptedProvider:
    """Answers each request with the next step of a list, streamed in several deltas, and keeps the requests.

    `requests` holds what was asked, in order; `closed` counts the calls of `aclose`. A request after the last step
    raises `BadRequest`, so that a test that asks too often fails with the reason.
    """

    def __init__(self, steps: Iterable[Step] = (), *, models: Sequence[str] = ("scripted",)) -> None:
        self.steps: list[Step] = list(steps)
        self.requests: list[ModelRequest] = []
        self.closed = 0
        self._models = tuple(models)

    async def stream(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        """Play the next step."""
        self.requests.append(request)
        if not self.steps:
            raise BadRequest(f"The script of this provider is over: request {len(self.requests)} has no step.")
        step: Any = self.steps.pop(0)
        if callable(step) and not isinstance(step, msgspec.Struct):
            step = step(request)
        if isinstance(step, AsyncGenerator):
            async with aclosing(step):
                async for event in step:
                    yield event
            return
        if isinstance(step, Awaitable):
            step = await step
        for event in play(step):
            yield event

    async def models(self) -> Sequence[ModelInfo]:
        """The models it was given."""
        return [ModelInfo(id=name, context=200_000) for name in self._models]

    async def aclose(self) -> None:
        """Count the call."""
        self.closed += 1


def play(answer: Answer) -> Iterable[ProviderEvent]:
    """The events of one answer, in the grammar of `hermes_host.stream`; an exception is raised."""
    if isinstance(answer, BaseException):
        raise answer
    ended = _as_ended(answer)
    for index, part in enumerate(ended.message.parts):
        yield from _play_part(index, part)
    yield UsageReported(ended.usage)
    yield ended


def _as_ended(answer: str | Message | MessageEnded) -> MessageEnded:
    if isinstance(answer, str):
        answer = assistant_message(answer)
    if isinstance(answer, Message):
        reason: StopReason = "tool_calls" if answer.tool_calls else "end"
        answer = MessageEnded(answer, reason, Usage(input=100, output=max(1, len(answer.text) // 4)))
    parts = tuple(_with_raw(part) for part in answer.message.parts)
    message = msgspec.structs.replace(answer.message, parts=parts)
    return msgspec.structs.replace(answer, message=message)


def _with_raw(part: Part) -> Part:
    if isinstance(part, ToolCall) and not part.raw and part.arguments is not None:
        return msgspec.structs.replace(part, raw=msgspec.json.encode(part.arguments).decode())
    return part


def _play_part(index: int, part: Part) -> Iterable[ProviderEvent]:
    kind, name, text = _shape(part)
    yield PartStarted(index, kind, name)
    for piece in _pieces(text):
        yield PartDelta(index, piece)
    yield PartEnded(index, part)


def _shape(part: Part) -> tuple[PartKind, str, str]:
    match part:
        case Text():
            return "text", "", part.text
        case Reasoning():
            return "reasoning", "", part.text
        case ToolCall():
            return "tool_call", part.name, part.raw
        case Media():
            return "media", "", ""
        case _:
            raise TypeError(f"An answer cannot hold a {type(part).__name__}.")


def _pieces(text: str) -> Iterable[str]:
    """The text in about four pieces, so that a consumer has something to join."""
    size = max(1, -(-len(text) // 4))
    return (text[start : start + size] for start in range(0, len(text), size))


# -------------------------------------------------------------------------------------------------------- contract

STALL = object()
"""The contract's step for an answer that begins with some text and then stands still until the client goes away."""

F = TypeVar("F", bound=Callable[..., Any])
MakeProvider = Callable[..., Awaitable[Provider]]


async def check_stream(events: AsyncIterator[ProviderEvent]) -> MessageEnded:
    """Read a stream to its end, holding it to the grammar of `hermes_host.stream`; gives its last event."""
    parts: list[Part] = []
    opened: PartStarted | None = None
    text: list[str] = []
    ended: MessageEnded | None = None
    async for event in events:
        assert ended is None, f"{event} came after the end of the message"
        match event:
            case PartStarted():
                assert opened is None, f"part {event.index} was started before {opened} was ended"
                assert event.index == len(parts), f"part {event.index} is out of order"
                opened, text = event, []
            case PartDelta():
                assert opened is not None and event.index == opened.index, f"{event} belongs to no open part"
                text.append(event.text)
            case PartEnded(part=part):
                assert opened is not None and event.index == opened.index, f"{event} belongs to no open part"
                kind, name, whole = _shape(part)
                assert (kind, name) == (opened.kind, opened.name), f"{opened} was ended as {part}"
                assert "".join(text) == whole, f"the deltas of part {event.index} are not its text"
                parts.append(part)
                opened = None
            case MessageEnded():
                ended = event
    assert opened is None, f"{opened} was never ended"
    assert ended is not None, "the stream ended without MessageEnded"
    assert ended.message.parts == tuple(parts), "the message is not made of the ended parts"
    assert ended.message.role == "assistant"
    return ended


def _request(*messages: Message, **more: Any) -> ModelRequest:
    asked = messages or (user_message("Hello"),)
    return ModelRequest(model="test-model", messages=asked, system="Be brief.", session_id="contract", **more)


def _call(id: str, **arguments: Any) -> ToolCall:
    return ToolCall(id=id, name="look", arguments=arguments, raw=msgspec.json.encode(arguments).decode())


_LOOK = ToolDefinition(name="look", summary="Look at a file.", parameters={"type": "object", "properties": {}})

_FAILURES: tuple[ProviderError, ...] = (
    *(AuthFailed("no", status=401), BadRequest("bad", status=400), Overloaded("busy", status=529)),
    *(RateLimited("slow", retry_after=2.0), ContextTooLong("long", limit=8192)),
    *(ConnectionLost("cut"), InvalidResponse("what"), ContentRefused("filtered")),
)


def _needs(*features: str) -> Callable[[F], F]:
    """Mark a test of the contract as one for providers with these features."""

    def mark(test: F) -> F:
        test.needed_features = frozenset(features)  # type: ignore[attr-defined]
        return test

    return mark


class ProviderContract(Contract):
    """What every provider must do. Inherit, name the class `Test…`, give the fixture `provider`, overwrite no test.

    `provider` gives an async function that takes steps and makes a provider which answers one request with each. A step
    is a `Message`, a `MessageEnded`, a `ProviderError` (the backend answers so that this class is to be raised), or
    `STALL`. Two features have fixtures of their own: `sent` gives the texts of the requests so far, `left` waits until
    the backend saw the client go away.
    """

    features: frozenset[str] = frozenset(
        {"tools", "reasoning", "meta", "usage", "length", "refused", "errors", "cancel", "sent", "models"}
    )
    """What the provider and its backend can do: tool calls; reasoning; `meta` of reasoning sent back; token counts; the
    stop reasons length and refused; errors on demand; seeing the client leave; seeing requests; a list of models."""

    @pytest.fixture
    async def provider(self) -> MakeProvider:
        """Make a provider that answers with the given steps."""
        raise NotImplementedError("Give the fixture `provider`.")

    @pytest.fixture
    def sent(self) -> Callable[[], Sequence[str]]:
        """The requests the backend received, as text."""
        raise NotImplementedError("Give the fixture `sent`, or remove `sent` and `meta` from the features.")

    @pytest.fixture
    def left(self) -> Callable[[], Awaitable[None]]:
        """Wait until the backend saw the client of the stalled answer leave."""
        raise NotImplementedError("Give the fixture `left`, or remove `cancel` from the features.")

    @pytest.fixture(autouse=True)
    def _only_with_features(self, request: pytest.FixtureRequest) -> None:
        needed: frozenset[str] = getattr(request.function, "needed_features", frozenset())
        missing = needed - self.features
        if missing:
            pytest.skip(f"without {', '.join(sorted(missing))}")

    async def test_text_is_streamed_in_the_grammar(self, provider: MakeProvider) -> None:
        """Text arrives whole, in order, as one part. If this fails: check PartStarted, deltas and PartEnded."""
        part = await provider(assistant_message("Grüße, 世界! 🙂"))
        ended = await check_stream(part.stream(_request()))
        assert ended.message.text == "Grüße, 世界! 🙂"
        assert ended.stop_reason == "end"

    async def test_a_provider_answers_many_requests(self, provider: MakeProvider) -> None:
        """A second request goes as well as the first. If this fails: state of the first answer was kept."""
        part = await provider(assistant_message("one"), assistant_message("two"))
        texts = [(await check_stream(part.stream(_request()))).message.text for _ in range(2)]
        assert texts == ["one", "two"]

    @_needs("tools")
    async def test_a_tool_round_trip_ends_in_an_answer(self, provider: MakeProvider) -> None:
        """A call comes back with id, name and arguments, and its result is taken. If this fails: the call's mapping."""
        part = await provider(assistant_message("Let me see.", _call("call00001", path="a")), assistant_message("done"))
        asked = user_message("look")
        first = await check_stream(part.stream(_request(asked, tools=(_LOOK,))))
        assert first.stop_reason == "tool_calls"
        (call,) = first.message.tool_calls
        assert (call.id, call.name, call.arguments) == ("call00001", "look", {"path": "a"})
        result = tool_message(ToolResult(call_id=call.id, name=call.name, content=(Text(text="found"),)))
        second = await check_stream(part.stream(_request(asked, first.message, result, tools=(_LOOK,))))
        assert second.message.text == "done"

    @_needs("tools")
    async def test_parallel_calls_keep_their_order_and_their_arguments(self, provider: MakeProvider) -> None:
        """Calls of one answer do not mix. If this fails: pieces are assigned to the wrong call."""
        calls = [_call(f"call0000{number}", path=str(number)) for number in range(4)]
        part = await provider(assistant_message(*calls))
        ended = await check_stream(part.stream(_request(tools=(_LOOK,))))
        assert [(call.id, call.arguments) for call in ended.message.tool_calls] == [
            (call.id, call.arguments) for call in calls
        ]

    @_needs("tools")
    async def test_arguments_that_do_not_parse_are_reported_as_they_came(self, provider: MakeProvider) -> None:
        """Broken JSON gives `arguments=None` and the text in `raw`. If this fails: something was guessed."""
        broken = ToolCall(id="call00001", name="look", arguments=None, raw='{"path": "a')
        part = await provider(assistant_message(broken), assistant_message("sorry"))
        asked = user_message("look")
        ended = await check_stream(part.stream(_request(asked, tools=(_LOOK,))))
        (call,) = ended.message.tool_calls
        assert call.arguments is None and call.raw == broken.raw
        failed = ToolResult(call_id=call.id, name="look", content=(Text(text="not JSON"),), is_error=True)
        again = await check_stream(part.stream(_request(asked, ended.message, tool_message(failed), tools=(_LOOK,))))
        assert again.message.text == "sorry"

    @_needs("reasoning")
    async def test_reasoning_is_a_part_of_its_own(self, provider: MakeProvider) -> None:
        """Thoughts are not text. If this fails: reasoning leaks into the answer or is lost."""
        part = await provider(assistant_message(Reasoning(text="Hm, well."), "Yes."))
        ended = await check_stream(part.stream(_request()))
        assert [type(item) for item in ended.message.parts] == [Reasoning, Text]
        assert ended.message.text == "Yes."

    @_needs("tools", "reasoning", "meta", "sent")
    async def test_reasoning_goes_back_to_the_provider(
        self, provider: MakeProvider, sent: Callable[[], Sequence[str]]
    ) -> None:
        """What a provider gave with a call is in the next request. If this fails: `meta` or the text is lost."""
        part = await provider(
            assistant_message(Reasoning(text="thought-4711"), _call("call00001")), assistant_message("ok")
        )
        asked = user_message("look")
        first = await check_stream(part.stream(_request(asked, tools=(_LOOK,))))
        result = tool_message(ToolResult(call_id="call00001", name="look", content=(Text(text="x"),)))
        await check_stream(part.stream(_request(asked, first.message, result, tools=(_LOOK,))))
        assert "thought-4711" in sent()[1]

    @_needs("usage")
    async def test_usage_is_reported_with_its_parts(self, provider: MakeProvider) -> None:
        """Input, output, cached and reasoning tokens arrive. If this fails: a count is read from the wrong field."""
        usage = Usage(input=100, output=20, cached=60, reasoning=5)
        part = await provider(MessageEnded(assistant_message("x"), "end", usage))
        assert (await check_stream(part.stream(_request()))).usage == usage

    @_needs("length")
    async def test_an_answer_cut_at_the_limit_says_so(self, provider: MakeProvider) -> None:
        """The stop reason is length, the text so far is kept. If this fails: a cut answer passes for a whole one."""
        part = await provider(MessageEnded(assistant_message("half a"), "length", Usage()))
        ended = await check_stream(part.stream(_request()))
        assert (ended.stop_reason, ended.message.text) == ("length", "half a")

    @_needs("refused")
    async def test_an_answer_stopped_by_a_filter_says_so(self, provider: MakeProvider) -> None:
        """The stop reason is refused after some text. If this fails: a filtered answer passes for a whole one."""
        part = await provider(MessageEnded(assistant_message("I"), "refused", Usage()))
        assert (await check_stream(part.stream(_request()))).stop_reason == "refused"

    @_needs("errors")
    @pytest.mark.parametrize("failure", _FAILURES, ids=lambda failure: type(failure).__name__)
    async def test_each_failure_is_raised_as_its_class(self, provider: MakeProvider, failure: ProviderError) -> None:
        """A failed request raises, and the provider still works. If this fails: an error was swallowed or misread."""
        part = await provider(failure, assistant_message("fine"))
        with pytest.raises(type(failure)) as caught:
            await check_stream(part.stream(_request()))
        assert caught.value.message
        for name in ("retry_after", "limit"):
            assert getattr(caught.value, name, None) == getattr(failure, name, None)
        assert (await check_stream(part.stream(_request()))).message.text == "fine"

    @_needs("cancel")
    async def test_closing_the_stream_closes_the_response(
        self, provider: MakeProvider, left: Callable[[], Awaitable[None]]
    ) -> None:
        """A consumer that stops early frees the connection. If this fails: the model goes on generating, and costs."""
        part = await provider(STALL)
        async with asyncio.timeout(5):
            stream = part.stream(_request())
            async for event in stream:
                if isinstance(event, PartDelta):
                    break
            await stream.aclose()  # type: ignore[attr-defined]
            await left()

    @_needs("cancel")
    async def test_cancelling_the_task_closes_the_response(
        self, provider: MakeProvider, left: Callable[[], Awaitable[None]]
    ) -> None:
        """Cancellation reaches a stalled answer at once. If this fails: a hanging request cannot be interrupted."""
        part = await provider(STALL)
        begun = asyncio.Event()

        async def consume() -> None:
            async for _ in part.stream(_request()):
                begun.set()

        async with asyncio.timeout(5):
            task = asyncio.create_task(consume())
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await left()

    async def test_unknown_parts_are_ignored(self, provider: MakeProvider) -> None:
        """Parts of a newer host do no harm. If this fails: an old session cannot be continued."""
        part = await provider(assistant_message("fine"))
        unknown = Unknown(data={"type": "hologram", "shape": "cube-4711"})
        call = _call("call00001")
        result = ToolResult(call_id="call00001", name="look", content=(Text(text="x"), unknown))
        history = (user_message("Hello", unknown), assistant_message(unknown, call), tool_message(result))
        assert (await check_stream(part.stream(_request(*history, tools=(_LOOK,))))).message.text == "fine"

    @_needs("models")
    async def test_models_are_listed(self, provider: MakeProvider) -> None:
        """There is at least one model, and each has an id. If this fails: `hermes model list` shows nothing."""
        models = await (await provider()).models()
        assert models and all(model.id for model in models)

    async def test_closing_twice_does_no_harm(self, provider: MakeProvider) -> None:
        """`aclose` may be called twice. If this fails: shutting down raises."""
        part = await provider(assistant_message("x"))
        await check_stream(part.stream(_request()))
        await part.aclose()
        await part.aclose()

    def test_feature_words_are_known(self) -> None:
        """Features are those of the contract. If this fails: a feature word is misspelt."""
        assert self.features <= ProviderContract.features
