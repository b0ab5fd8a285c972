"""Reading aloud by a program on this machine: flite, espeak-ng or say."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError, NotFound, ProviderError
from hermes_host.messages import Media
from hermes_voice.availability import program_path
from hermes_voice.recordings import converted

if TYPE_CHECKING:
    from hermes_host.context import PluginContext
    from hermes_voice.specs import SynthesizerSpec

__all__ = ["Program", "connect"]

_SECONDS = 120.0


def connect(context: PluginContext, spec: SynthesizerSpec) -> Program:
    """The synthesizer."""
    return Program()


class Program:
    """The first of the programs that is installed."""

    async def speak(self, text: str, *, voice: str = "", model: str = "", mime: str = "audio/ogg") -> Media:
        """A recording: of the kind asked for where ffmpeg is installed, else WAV."""
        program = program_path()
        if not program:
            raise NotFound("No program that speaks is installed.", remedy="Install flite or espeak-ng.")
        wave = await _wave(program, text, voice)
        if mime != "audio/wav":
            try:
                data = await converted(wave, mime)
                return Media(kind="audio", mime=mime, data=data, name="speech.ogg", meta={"voice": True})
            except HermesError:
                pass  # without ffmpeg the recording is sent as it is
        return Media(kind="audio", mime="audio/wav", data=wave, name="speech.wav")


async def _wave(program: str, text: str, voice: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="hermes-voice-") as folder:
        said, sound = Path(folder) / "text.txt", Path(folder) / "speech.wav"
        said.write_text(text, encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *_command(program, said, sound, voice),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin"},
        )
        try:
            async with asyncio.timeout(_SECONDS):
                code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code or not sound.exists():
            raise ProviderError(f"{Path(program).name} failed to speak.")
        return sound.read_bytes()


def _command(program: str, said: Path, sound: Path, voice: str) -> list[str]:
    name = Path(program).name
    if name == "flite":
        return [program, "-voice", voice or "rms", "-f", str(said), "-o", str(sound)]
    if name == "say":
        return [
            program,
            *(["-v", voice] if voice else []),
            "-f",
            str(said),
            "-o",
            str(sound),
            "--file-format=WAVE",
            "--data-format=LEI16@22050",
        ]
    return [program, *(["-v", voice] if voice else []), "-f", str(said), "-w", str(sound)]
