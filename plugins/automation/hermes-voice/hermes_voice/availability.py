"""What can be used here: nothing is imported and nobody is asked to learn it."""

from __future__ import annotations

import importlib.util
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hermes_host.context import PluginContext

__all__ = ["command", "groq", "openai", "openai_speech", "pocketsphinx", "program", "program_path", "whisper"]

PROGRAMS = ("flite", "espeak-ng", "espeak", "say")


def whisper(context: PluginContext) -> str:
    """What faster-whisper lacks."""
    return "" if importlib.util.find_spec("faster_whisper") else "pip install 'hermes-voice[whisper]'"


def pocketsphinx(context: PluginContext) -> str:
    """What PocketSphinx lacks."""
    return "" if importlib.util.find_spec("pocketsphinx") else "pip install 'hermes-voice[pocketsphinx]'"


def command(context: PluginContext) -> str:
    """What a program of the user's lacks."""
    if context.secret("HERMES_LOCAL_STT_COMMAND") or shutil.which("whisper"):
        return ""
    return "Set HERMES_LOCAL_STT_COMMAND, or install `whisper`."


def groq(context: PluginContext) -> str:
    """What Groq lacks."""
    return "" if context.secret("GROQ_API_KEY") else "Set GROQ_API_KEY."


def openai(context: PluginContext) -> str:
    """What OpenAI lacks."""
    if any(context.secret(name) for name in ("VOICE_TOOLS_OPENAI_KEY", "OPENAI_API_KEY", "STT_OPENAI_BASE_URL")):
        return ""
    return "Set VOICE_TOOLS_OPENAI_KEY or OPENAI_API_KEY."


def openai_speech(context: PluginContext) -> str:
    """What OpenAI lacks for speaking."""
    return openai(context)


def program(context: PluginContext) -> str:
    """What speaking on this machine lacks."""
    return "" if program_path() else f"Install one of {', '.join(PROGRAMS[:2])}."


def program_path() -> str:
    """The program that speaks; empty where there is none."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), "")
