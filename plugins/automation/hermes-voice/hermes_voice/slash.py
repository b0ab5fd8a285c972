"""`/voice`: whether answers of a conversation are read aloud as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hermes_host.frontends import SlashCall

__all__ = ["STATE", "voice"]

STATE = "voice.mode"
"""The session's record: `mode` is `on`, `voice_only` (spoken messages get a spoken answer) or `off`."""

_SAID = {
    "on": "Answers here are read aloud as well.",
    "voice_only": "Spoken messages get a spoken answer as well.",
    "off": "Answers here are text alone.",
}


async def voice(call: SlashCall) -> str:
    """`/voice [on|voice_only|off]`; without a word: how it is."""
    wanted = {"tts": "on", "all": "on"}.get(call.arguments.lower(), call.arguments.lower())
    context = call.session.context
    if not wanted:
        return _SAID[str(context.recorded(STATE).get("mode", "off"))]
    if wanted not in _SAID:
        return "`/voice on`, `/voice voice_only` or `/voice off`."
    context.record(STATE, {"mode": wanted})
    return _SAID[wanted]
