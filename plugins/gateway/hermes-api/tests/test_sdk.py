"""The official SDK, unmodified, against the running API."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

from hermes_host.messages import ToolCall
from hermes_host.testing import PluginContract
from hermes_host.testing.model_server import Pause
from hermes_host.testing.model_server_chat import chat, chunk, echo, events, failure

KEY = "main-key-of-the-owner-1234"
MODEL = "hermes-agent"
PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
HI: Any = [{"role": "user", "content": "Hi"}]


class TestPlugin(PluginContract):
    plugin = "api"


def look(place: str) -> str:
    """Look somewhere."""
    return f"Nothing in {place}."


LOOK = chat("Let me look.", ToolCall(id="c1", name="look", arguments={"place": "the box"}))


def client(api: Any, **options: Any) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{api.url}/v1", api_key=options.pop("key", KEY), max_retries=0, **options)


async def test_completions_in_one_piece_and_as_a_stream(serve):
    async with serve(echo) as api, client(api) as sdk:
        whole = await sdk.chat.completions.create(model=MODEL, messages=HI)
        assert whole.choices[0].message.content == "Hi"
        assert whole.usage is not None and whole.usage.total_tokens > 0
        stream = await sdk.chat.completions.create(
            model=MODEL, messages=HI, stream=True, stream_options={"include_usage": True}
        )
        chunks = [found async for found in stream]
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hi"
        assert chunks[-1].usage is not None
        assert [model.id async for model in sdk.models.list()] == [MODEL, f"{MODEL}-fast"]


async def test_text_tool_text_survives_both_formats(serve):
    async with serve([LOOK, chat("It is empty.")] * 2, tools=[look]) as api, client(api) as sdk:
        stream = await sdk.chat.completions.create(model=MODEL, messages=HI, stream=True)
        text = "".join([c.choices[0].delta.content or "" async for c in stream])
        assert text == "Let me look.\n\nIt is empty."
        events = [event async for event in await sdk.responses.create(model=MODEL, input="Hi", stream=True)]
        assert [event.sequence_number for event in events] == list(range(len(events)))
        assert events[-1].type == "response.completed"
        assert events[-1].response.output_text == "Let me look.It is empty."


async def test_the_helpers_for_streams_understand_ours(serve):
    async with serve([LOOK, chat("It is empty.")] * 2, tools=[look]) as api, client(api) as sdk:
        async with sdk.responses.stream(model=MODEL, input="Hi") as stream:
            async for _ in stream:
                pass
            response = await stream.get_final_response()
        assert response.output_text.endswith("It is empty.")
        async with sdk.chat.completions.stream(model=MODEL, messages=HI) as helper:
            async for _ in helper:
                pass
            final = await helper.get_final_completion()
        assert final.choices[0].message.content == "Let me look.\n\nIt is empty."


async def test_responses_are_kept_chained_and_deleted(serve):
    async with serve(echo) as api, client(api) as sdk:
        first = await sdk.responses.create(model=MODEL, input="I am Ann.")
        second = await sdk.responses.create(model=MODEL, input="Who?", previous_response_id=first.id)
        assert second.previous_response_id == first.id
        assert "I am Ann." in str(api.vendor.requests[-1].json)
        assert (await sdk.responses.retrieve(first.id)).output_text == "I am Ann."
        await sdk.responses.delete(first.id)
        with pytest.raises(openai.NotFoundError):
            await sdk.responses.retrieve(first.id)


async def test_images_of_both_formats(serve):
    async with serve(lambda request: chat("A pixel.")(request)) as api, client(api) as sdk:
        part: Any = {"type": "image_url", "image_url": {"url": PIXEL}}
        await sdk.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": [part]}])
        item: Any = {"type": "input_image", "image_url": PIXEL, "detail": "auto"}
        await sdk.responses.create(model=MODEL, input=[{"role": "user", "content": [item]}])
        assert all(PIXEL in str(request.json) for request in api.vendor.requests)


async def test_errors_are_the_sdks_own_classes(serve):
    async with serve(lambda request: failure(500, "broken")) as api:
        async with client(api, key="wrong-key-of-somebody") as sdk:
            with pytest.raises(openai.AuthenticationError):
                await sdk.chat.completions.create(model=MODEL, messages=HI)
        async with client(api) as sdk:
            with pytest.raises(openai.NotFoundError, match="no model"):
                await sdk.chat.completions.create(model="gpt-4o", messages=HI)
            with pytest.raises(openai.BadRequestError, match="Tools of the client"):
                tool: Any = {"type": "function", "function": {"name": "f", "parameters": {}}}
                await sdk.chat.completions.create(model=MODEL, messages=HI, tools=[tool])
            with pytest.raises(openai.InternalServerError):
                await sdk.chat.completions.create(model=MODEL, messages=HI)
            with pytest.raises(openai.APIError):
                async for _ in await sdk.chat.completions.create(model=MODEL, messages=HI, stream=True):
                    pass


async def test_closing_a_stream_ends_the_turn(serve):
    held = events(chunk({"content": "a"}), Pause.HOLD, done=False)
    async with serve([held]) as api, client(api) as sdk:
        stream = await sdk.chat.completions.create(model=MODEL, messages=HI, stream=True)
        async for found in stream:
            if found.choices[0].delta.content:
                break
        await api.vendor.holds(1)
        await stream.close()
        async with asyncio.timeout(2):
            await api.vendor.requests[0].gone.wait()


async def test_why_events_of_our_own_are_only_for_those_who_ask(serve):
    """The SDK takes every event for a chunk, whatever its name: one without choices would break its users' loops."""
    async with serve([LOOK, chat("Done.")], tools=[look]) as api, client(api) as sdk:
        stream = await sdk.chat.completions.create(
            model=MODEL, messages=HI, stream=True, extra_headers={"X-Hermes-Events": "1"}
        )
        found = [item async for item in stream]
    assert any(getattr(item, "choices", None) is None for item in found)


async def test_structured_output_is_parsed_by_the_sdk(serve):
    from pydantic import BaseModel

    class Answer(BaseModel):
        n: int

    async with serve(lambda request: chat('{"n": 4}')(request)) as api, client(api) as sdk:
        parsed = await sdk.chat.completions.parse(model=MODEL, messages=HI, response_format=Answer)
        assert parsed.choices[0].message.parsed == Answer(n=4)
        response = await sdk.responses.parse(model=MODEL, input="Hi", text_format=Answer)
        assert response.output_parsed == Answer(n=4)
