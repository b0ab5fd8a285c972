"""The section `api`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from hermes_host.config import Secret

__all__ = ["ApiSettings"]


class ApiSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The OpenAI-compatible API of the gateway."""

    key: Annotated[
        Secret, Meta(description="The key of whoever may do everything; best ${API_SERVER_KEY}, which counts anyway.")
    ] = Secret()
    model_name: Annotated[
        str,
        Meta(
            description="The agent's name as a model; NAME-fast is the same model without tools and memory.",
            pattern=r"^[A-Za-z0-9][A-Za-z0-9_./:-]{0,99}$",
            extra={"environment": ("API_SERVER_MODEL_NAME",)},
        ),
    ] = "hermes-agent"
    model: Annotated[str, Meta(description="PROVIDER:MODEL behind it; empty for the configured one.")] = ""
    fast_model: Annotated[str, Meta(description="PROVIDER:MODEL behind NAME-fast; empty for the same.")] = ""
    models: Annotated[
        dict[str, str], Meta(description="Further names, such as `gpt-4o`, and the PROVIDER:MODEL behind each.")
    ] = {}
    echo_models: Annotated[bool, Meta(description="Take any name of a model for the agent's.")] = False
    toolsets: Annotated[
        list[str] | None, Meta(description="The tools of its conversations; unset: platform_toolsets.api, else all.")
    ] = None
    keep_chats: Annotated[
        bool, Meta(description="Keep chat completions as conversations, to be found and gone on with.")
    ] = True
    show_tools: Annotated[bool, Meta(description="Show tool calls among the output items of responses.")] = True
    cors_origins: Annotated[
        list[str],
        Meta(
            description="Origins whose pages may use it, such as https://chat.example.org; `*` for all.",
            extra={"environment": ("API_SERVER_CORS_ORIGINS",)},
        ),
    ] = []
    max_body_bytes: Annotated[int, Meta(description="The largest body; raise it for images.", ge=1024)] = 1_000_000
    body_seconds: Annotated[float, Meta(description="How long a body may take to arrive.", gt=0)] = 30.0
    max_messages: Annotated[int, Meta(description="The longest history a client may send.", ge=1)] = 2000
    rate_limit: Annotated[int, Meta(description="Requests a minute for each key.", ge=1)] = 600
    max_runs: Annotated[int, Meta(description="Turns of one key at a time.", ge=1)] = 64
    keep_alive_seconds: Annotated[float, Meta(description="Between signs of life in a silent stream.", gt=0)] = 15.0
    drain_seconds: Annotated[float, Meta(description="What running turns get when the gateway ends.", ge=0)] = 5.0
    max_responses: Annotated[int, Meta(description="Responses that are kept for each key.", ge=1)] = 10_000
