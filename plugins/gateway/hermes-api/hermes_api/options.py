"""What clients may set about an answer, and what is refused because it would have no effect they could notice."""

from __future__ import annotations

from typing import Any

from hermes_api.errors import refused

__all__ = ["no_client_tools", "settings_of"]

_REASONING = ("none", "minimal", "low", "medium", "high", "xhigh")
"""The words of `ModelSettings.reasoning`."""


def settings_of(body: dict[str, Any], limit_names: tuple[str, ...]) -> dict[str, Any]:
    """The fields of `ModelSettings` a request sets. Raises `ApiError`."""
    found: dict[str, Any] = {}
    temperature = body.get("temperature")
    if temperature is not None:
        if not isinstance(temperature, int | float) or isinstance(temperature, bool) or not 0 <= temperature <= 2:
            raise refused("`temperature` is a number from 0 to 2.", "temperature")
        found["temperature"] = float(temperature)
    for name in limit_names:
        limit = body.get(name)
        if limit is not None:
            if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
                raise refused(f"`{name}` is a number of tokens, at least 1.", name)
            found["max_output_tokens"] = limit
            break
    reasoning = body.get("reasoning")
    effort = body.get("reasoning_effort") or (reasoning.get("effort") if isinstance(reasoning, dict) else None)
    if effort is not None:
        if effort not in _REASONING:
            raise refused(f"The effort of reasoning is one of {', '.join(_REASONING)}.", "reasoning_effort")
        found["reasoning"] = effort
    if body.get("n") not in (None, 1):
        raise refused("`n`: there is one answer.", "n")
    if body.get("logprobs") or body.get("top_logprobs"):
        raise refused("`logprobs` are not served.", "logprobs")
    return found


def no_client_tools(body: dict[str, Any]) -> None:
    """Refuse tools that the client would have to run: the agent runs its own. Raises `ApiError`."""
    if body.get("tools") or body.get("functions"):
        raise refused(
            "Tools of the client are not served: the agent has tools of its own and runs them itself. "
            "Leave `tools` out.",
            "tools",
            "unsupported_tools",
        )
    choice = body.get("tool_choice")
    if choice not in (None, "auto", "none"):
        raise refused("`tool_choice` can be `auto` or `none`.", "tool_choice")
