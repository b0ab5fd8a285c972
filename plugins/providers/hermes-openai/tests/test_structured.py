"""An answer that must follow a schema, on both wires, as the server sees the request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hermes_host.messages import user_message
from hermes_host.protocols import ModelRequest, ModelSettings
from hermes_host.stream import fold
from hermes_host.testing import ModelServer, StandInHost
from hermes_host.testing.model_server_chat import chat
from hermes_host.testing.model_server_responses import responses

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


def _of_responses(body: dict[str, Any]) -> dict[str, Any]:
    form: dict[str, Any] = body["text"]["format"]
    return form


def _of_chat(body: dict[str, Any]) -> dict[str, Any]:
    return {"type": body["response_format"]["type"], **body["response_format"]["json_schema"]}


@pytest.mark.parametrize(("api", "say", "form"), [("responses", responses, _of_responses), ("chat", chat, _of_chat)])
async def test_a_schema_for_the_answer_is_sent(api: str, say: Any, form: Any, tmp_path: Path) -> None:
    async with ModelServer([say('{"n": 3}'), say("plain")]) as server:
        settings = {"openai": {"base_url": server.url, "api_key": "sk-not-a-key", "api": api}}
        async with StandInHost(tmp_path, plugins=["openai"], overrides=settings) as host:
            provider = await host.part(host.providers.get("openai"))
            request = ModelRequest(model="test-model", messages=(user_message("how many?"),))
            held = ModelSettings(response_schema=SCHEMA)
            ended = await fold(provider.stream(ModelRequest(model="m", messages=request.messages, settings=held)))
            assert ended.message.text == '{"n": 3}'
            await fold(provider.stream(request))
        first, second = (received.json for received in server.requests)
    assert form(first) == {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}
    assert "text" not in second
    assert "response_format" not in second
