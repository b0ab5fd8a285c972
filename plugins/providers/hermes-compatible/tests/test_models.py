"""The list of models, in the shapes servers give it."""

from __future__ import annotations

from typing import Any

import pytest
from hermes_compatible.endpoint import Endpoint
from hermes_compatible.preset import Quirks
from hermes_compatible.provider import CompatibleProvider

from hermes_host.errors import AuthFailed, InvalidResponse
from hermes_host.protocols import ModelInfo
from hermes_host.testing.model_server import Answer, ModelServer, json_answer
from hermes_host.testing.model_server_chat import failure


async def listed(models: Any, quirks: Quirks | None = None, pages: Any = None) -> Any:
    answer = models if isinstance(models, Answer) else json_answer(models)
    async with ModelServer(models=answer, pages=pages or {}) as server:
        provider = CompatibleProvider(
            Endpoint(provider="acme", base_url=server.url, key="sk-test-0123456789", quirks=quirks or Quirks())
        )
        try:
            found = await provider.models()
        finally:
            await provider.aclose()
        assert server.lookups[-1].headers["authorization"] == "Bearer sk-test-0123456789"
        return found


@pytest.mark.parametrize(
    ("entry", "info"),
    [
        ({"id": "m", "object": "model"}, ModelInfo(id="m")),
        (
            {
                "id": "a/m",
                "name": "A: M",
                "context_length": 200000,
                "top_provider": {"max_completion_tokens": 64000},
            },
            ModelInfo(id="a/m", name="A: M", context=200000, max_output=64000),
        ),
        ({"id": "m", "max_model_len": 4096}, ModelInfo(id="m", context=4096)),
        (
            {"id": "m", "context_window": 8192, "max_completion_tokens": 1024},
            ModelInfo(id="m", context=8192, max_output=1024),
        ),
        (
            {"id": "m", "type": "llm", "max_context_length": 32768, "loaded_context_length": 4096},
            ModelInfo(id="m", context=4096),
        ),
        ({"id": "m", "meta": {"n_ctx": 2048}}, ModelInfo(id="m", context=2048)),
        ({"name": "llama3:8b", "model": "llama3:8b", "size": 1}, ModelInfo(id="llama3:8b")),
        ({"id": "models/gemini-2.5-pro", "display_name": "Gemini"}, ModelInfo(id="gemini-2.5-pro", name="Gemini")),
    ],
    ids=["openai", "openrouter", "vllm", "groq", "lm studio", "llama.cpp", "ollama", "gemini"],
)
@pytest.mark.parametrize("shape", ["data", "models", "list"])
async def test_a_model_is_read_in_every_shape(entry: Any, info: ModelInfo, shape: str) -> None:
    assert await listed([entry] if shape == "list" else {shape: [entry]}) == [info]


async def test_models_are_sorted_by_name_with_those_that_do_not_chat_last() -> None:
    names = ["gpt-10", "whisper-1", "gpt-9", "text-embedding-3", "Alpha", "gpt-9"]
    found = await listed({"data": [{"id": name} for name in names]})
    assert [model.id for model in found] == ["Alpha", "gpt-9", "gpt-10", "text-embedding-3", "whisper-1"]


async def test_entries_that_are_no_models_are_left_out() -> None:
    found = await listed({"data": [{"id": "m"}, {"id": 3}, None, {"id": "e", "type": "embeddings"}, "plain"]})
    assert [model.id for model in found] == ["m", "plain"]


async def test_a_server_s_own_list_is_asked_first_and_the_common_one_else() -> None:
    quirks = Quirks(models_path="/api/v0/models")
    own = {"/api/v0/models": json_answer({"data": [{"id": "own", "max_context_length": 9}]})}
    assert await listed({"data": [{"id": "common"}]}, quirks, own) == [ModelInfo(id="own", context=9)]
    missing = {"/api/v0/models": failure(404, "no")}
    assert await listed({"data": [{"id": "common"}]}, quirks, missing) == [ModelInfo(id="common")]


async def test_failures_are_raised_as_for_answers() -> None:
    with pytest.raises(AuthFailed):
        await listed(failure(401, "no"))


@pytest.mark.parametrize("body", [{"data": "none"}, {"x": 1}, 3])
async def test_what_is_no_list_is_invalid(body: Any) -> None:
    with pytest.raises(InvalidResponse):
        await listed(body)


async def test_a_page_is_invalid() -> None:
    with pytest.raises(InvalidResponse, match="HTML"):
        await listed(Answer(pieces=[b"<html>Sign in</html>"], framing="length"))
