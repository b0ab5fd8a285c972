"""What hermes-voice contributes: two hooks, its own transcribers and synthesizers, two services and a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_host import hookimpl
from hermes_host.specs import (
    CheckSpec,
    CommandSpec,
    HookSpec,
    PluginInfo,
    SecretSpec,
    SectionSpec,
    ServiceSpec,
    SlashCommandSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Spoken messages become text, and answers are read aloud",
        sections=(
            SectionSpec(name="stt", target="hermes_voice.settings:SpeechToTextSettings"),
            SectionSpec(name="tts", target="hermes_voice.settings:TextToSpeechSettings"),
        ),
        secrets=(
            SecretSpec(name="VOICE_TOOLS_OPENAI_KEY", summary="A key for speech alone"),
            SecretSpec(name="OPENAI_API_KEY", url="https://platform.openai.com/api-keys"),
            SecretSpec(name="GROQ_API_KEY", url="https://console.groq.com/keys"),
            SecretSpec(name="STT_OPENAI_BASE_URL", sensitive=False),
            SecretSpec(name="HERMES_LOCAL_STT_COMMAND", sensitive=False),
        ),
    )


@hookimpl
def hermes_addhooks() -> Iterable[HookSpec]:
    yield HookSpec(
        name="transcribers",
        summary="Ways to turn speech into text",
        word="transcriber",
        spec="hermes_voice.specs:TranscriberSpec",
    )
    yield HookSpec(
        name="synthesizers",
        summary="Ways to read text aloud",
        word="synthesizer",
        spec="hermes_voice.specs:SynthesizerSpec",
    )


@hookimpl(optionalhook=True)
def hermes_transcribers() -> Iterable[Any]:
    from hermes_voice.specs import TranscriberSpec

    for name, summary, remote, priority in (
        ("whisper", "faster-whisper on this machine", False, 50),
        ("command", "A program of yours, or `whisper`, on this machine", False, 40),
        ("groq", "Groq's Whisper", True, 30),
        ("openai", "OpenAI, or a server that speaks its API", True, 20),
        ("pocketsphinx", "PocketSphinx on this machine: English, no download, rough", False, 10),
    ):
        module = {"groq": "remote", "openai": "remote"}.get(name, name)
        yield TranscriberSpec(
            name=name,
            summary=summary,
            target=f"hermes_voice.{module}:{name if module == 'remote' else 'connect'}",
            available=f"hermes_voice.availability:{name}",
            remote=remote,
            priority=priority,
        )


@hookimpl(optionalhook=True)
def hermes_synthesizers() -> Iterable[Any]:
    from hermes_voice.specs import SynthesizerSpec

    yield SynthesizerSpec(
        name="openai",
        summary="OpenAI, or a server that speaks its API",
        target="hermes_voice.remote:speech",
        available="hermes_voice.availability:openai_speech",
        remote=True,
        priority=20,
    )
    yield SynthesizerSpec(
        name="program",
        summary="flite, espeak-ng or say on this machine",
        target="hermes_voice.program:connect",
        available="hermes_voice.availability:program",
        priority=10,
    )


@hookimpl
def hermes_services() -> Iterable[ServiceSpec]:
    yield ServiceSpec(
        name="voice.stt",
        summary="Speech to text",
        provides="hermes_host.services:SpeechToText",
        target="hermes_voice.speech:speech_to_text",
    )
    yield ServiceSpec(
        name="voice.tts",
        summary="Text to speech",
        provides="hermes_host.services:TextToSpeech",
        target="hermes_voice.speech:text_to_speech",
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        name="voice", summary="Transcribe recordings and read aloud.", target="hermes_voice.commands:voice"
    )


@hookimpl
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    yield SlashCommandSpec(
        name="voice",
        summary="Have answers here read aloud as well.",
        target="hermes_voice.slash:voice",
        usage="[on|voice_only|off]",
        while_busy=True,
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="voice", summary="What turns speech into text and back", target="hermes_voice.checks:providers"
    )
