"""The list of models, in the shapes that servers give it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from hermes_compatible.failures import not_json
from hermes_host.protocols import ModelInfo

if TYPE_CHECKING:
    from hermes_compatible.endpoint import Endpoint

__all__ = ["by_name", "listed", "next_page", "parse"]

_CONTEXT_KEYS = ("context_length", "context_window", "max_model_len", "max_context_length", "max_input_tokens")
_NOT_CHAT = re.compile(
    r"embed|whisper|tts|dall-e|moderation|transcribe|realtime|rerank|-image|sora|davinci|babbage|audio", re.IGNORECASE
)


def listed(models: Iterable[tuple[str, int]]) -> Sequence[ModelInfo]:
    """The models the user listed, in their order."""
    return [ModelInfo(id=name, context=context) for name, context in models]


def parse(endpoint: Endpoint, body: bytes) -> Sequence[ModelInfo]:
    """The models of an answer to `/models` (or Ollama's and LM Studio's own lists), sorted by name, chat models first.

    Raises `InvalidResponse` for anything that is not such a list.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise not_json(endpoint, body) from error
    entries = value if isinstance(value, list) else _entries(value)
    if entries is None:
        raise not_json(endpoint, body)
    models = [_model(entry) for entry in entries]
    return by_name(model for model in models if model is not None)


def by_name(models: Iterable[ModelInfo]) -> Sequence[ModelInfo]:
    """The models, each once, sorted by name, chat models first."""
    return sorted({model.id: model for model in models}.values(), key=_order)


def next_page(body: bytes) -> str:
    """The query for the rest of a list that came in pages, empty where this was all of it."""
    value = msgspec.json.decode(body)
    if not isinstance(value, dict) or value.get("has_more") is not True:
        return ""
    last = value.get("last_id")
    return f"?after_id={quote(last, safe='')}" if isinstance(last, str) and last else ""


def _entries(value: Any) -> Sequence[Any] | None:
    """OpenAI and most others say `data`, Ollama says `models`."""
    if not isinstance(value, dict):
        return None
    entries = value.get("data", value.get("models"))
    return entries if isinstance(entries, list) else None


def _model(entry: Any) -> ModelInfo | None:
    if isinstance(entry, str):
        return ModelInfo(id=entry)
    if not isinstance(entry, dict) or entry.get("type") == "embeddings":
        return None
    id = entry.get("id") or entry.get("model") or entry.get("name")
    if not isinstance(id, str):
        return None
    id = id.removeprefix("models/")
    name = entry.get("name") or entry.get("display_name") or ""
    return ModelInfo(
        id=id,
        name=name if isinstance(name, str) and name != id else "",
        context=_context(entry),
        max_output=_number(entry.get("top_provider"), "max_completion_tokens")
        or _number(entry, "max_completion_tokens")
        or _number(entry, "max_tokens"),
    )


def _context(entry: Mapping[str, Any]) -> int:
    loaded = _number(entry, "loaded_context_length")
    found = (_number(entry, key) for key in _CONTEXT_KEYS)
    return loaded or next((number for number in found if number), 0) or _number(entry.get("meta"), "n_ctx")


def _number(entry: Any, key: str) -> int:
    value = entry.get(key) if isinstance(entry, Mapping) else None
    return value if isinstance(value, int) and value > 0 else 0


def _order(model: ModelInfo) -> tuple[bool, list[tuple[int, str]]]:
    """Numbers in names count as numbers: model-9 stands before model-10."""
    pieces = re.split(r"(\d+)", model.id.casefold())
    return bool(_NOT_CHAT.search(model.id)), [(int(p), "") if p.isdecimal() else (-1, p) for p in pieces]
