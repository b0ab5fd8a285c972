"""Which real models are within reach: keys in the environment, and model servers on this machine.

Of the environment only the names of variables are looked at, never a value.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import msgspec

__all__ = ["KEYS", "SERVERS", "Key", "Server", "advice", "find_keys", "find_servers", "switch_command"]

CONNECT_TIMEOUT = 0.15
ANSWER_TIMEOUT = 0.5
_LARGEST_ANSWER = 256 * 1024


class Key(msgspec.Struct, frozen=True):
    """A variable that holds a key, the provider it is for, and whether that provider has a model of its own choice."""

    variable: str
    provider: str
    model_needed: bool = True


KEYS: tuple[Key, ...] = (
    Key("OPENROUTER_API_KEY", "openrouter", model_needed=False),
    Key("OPENAI_API_KEY", "openai"),
    Key("GEMINI_API_KEY", "gemini"),
    Key("GOOGLE_API_KEY", "gemini"),
    Key("MISTRAL_API_KEY", "mistral", model_needed=False),
    Key("DEEPSEEK_API_KEY", "deepseek"),
    Key("GROQ_API_KEY", "groq"),
    Key("XAI_API_KEY", "xai"),
    Key("NOUS_API_KEY", "nous"),
    Key("GLM_API_KEY", "zai"),
    Key("ZAI_API_KEY", "zai"),
    Key("KIMI_API_KEY", "kimi-coding"),
    Key("MOONSHOT_API_KEY", "kimi-coding"),
    Key("MINIMAX_API_KEY", "minimax"),
    Key("DASHSCOPE_API_KEY", "alibaba"),
    Key("HF_TOKEN", "huggingface"),
    Key("AI_GATEWAY_API_KEY", "ai-gateway"),
    Key("KILOCODE_API_KEY", "kilocode"),
    Key("OPENCODE_ZEN_API_KEY", "opencode-zen"),
)
"""Names as the vendors' own documentation has them, in the order in which they are suggested."""


class Server(msgspec.Struct, frozen=True):
    """A model server on this machine; `model` is the first one it offers, empty where it does not say."""

    provider: str
    title: str
    port: int
    model: str = ""


SERVERS: tuple[Server, ...] = (
    Server("ollama", "Ollama", 11434),
    Server("lmstudio", "LM Studio", 1234),
    Server("llamacpp", "llama.cpp", 8080),
    Server("vllm", "vLLM", 8000),
)
"""The ports these servers use when nobody says otherwise."""


def find_keys(environ: Iterable[str]) -> list[Key]:
    """The keys whose variables are there, one for each provider."""
    names = set(environ)
    found: dict[str, Key] = {}
    for key in KEYS:
        if key.variable in names:
            found.setdefault(key.provider, key)
    return list(found.values())


async def find_servers(servers: Sequence[Server] = SERVERS) -> list[Server]:
    """The servers that answer like a model server on loopback, all asked at once.

    A port on which nobody listens costs nothing, one that does not answer at most `CONNECT_TIMEOUT` and
    `ANSWER_TIMEOUT`.
    """
    answers = await asyncio.gather(*(_models(server.port) for server in servers))
    return [
        Server(server.provider, server.title, server.port, models[0] if models else "")
        for server, models in zip(servers, answers, strict=True)
        if models is not None
    ]


async def _models(port: int) -> list[str] | None:
    """The models that are offered on a port, or None where no model server answers."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except (OSError, TimeoutError):
        return None
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            writer.write(
                f"GET /v1/models HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\n\r\n".encode()
            )
            await writer.drain()
            answer = await _read(reader)
    except (OSError, TimeoutError):
        return None
    finally:
        writer.close()
    return _model_names(answer)


async def _read(reader: asyncio.StreamReader) -> bytes:
    answer = bytearray()
    while len(answer) < _LARGEST_ANSWER and (piece := await reader.read(65536)):
        answer += piece
    return bytes(answer)


def _model_names(answer: bytes) -> list[str] | None:
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0] + b" ":
        return None
    try:
        data = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
    models = data.get("data") if isinstance(data, Mapping) else None
    if not isinstance(models, list):
        return None
    return [str(model["id"]) for model in models if isinstance(model, Mapping) and "id" in model]


def switch_command(found: Key | Server) -> str:
    """The command that makes it the model of new conversations."""
    if isinstance(found, Server):
        return f"hermes model set {found.provider}:{found.model or 'MODEL'}"
    return f"hermes model set {found.provider}{':MODEL' if found.model_needed else ''}"


def advice(keys: Sequence[Key], servers: Sequence[Server]) -> str:
    """How to get a real model, in one or two sentences."""
    if keys:
        return f"{keys[0].variable} is set: `{switch_command(keys[0])}` switches to a real model."
    if servers:
        server = servers[0]
        return f"{server.title} runs on this machine: `{switch_command(server)}` switches to a real model."
    return "For a real model: `hermes model set PROVIDER:MODEL`; `hermes model list` shows the providers."
