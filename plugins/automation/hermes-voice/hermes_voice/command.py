"""Transcribing by a program of the user's: `HERMES_LOCAL_STT_COMMAND`, or `whisper` where that is installed."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_host.errors import ProviderError
from hermes_host.services import Transcript
from hermes_voice.recordings import bytes_of, suffix_of

if TYPE_CHECKING:
    from hermes_host.context import PluginContext
    from hermes_host.messages import Media
    from hermes_voice.specs import TranscriberSpec

__all__ = ["Program", "connect"]

_USUAL = "whisper {input_path} --model {model} --language {language} --output_dir {output_dir} --output_format txt"
_SECONDS = 300.0


def connect(context: PluginContext, spec: TranscriberSpec) -> Program:
    """The transcriber."""
    return Program(context.secret("HERMES_LOCAL_STT_COMMAND") or _USUAL)


class Program:
    """`{input_path}`, `{output_dir}`, `{language}` and `{model}` in the command are replaced; no shell is used.

    The text is what it writes into `output_dir`, else what it prints.
    """

    def __init__(self, command: str) -> None:
        self._command = command

    async def transcribe(self, audio: Media, *, language: str = "", model: str = "") -> Transcript:
        """The words of a recording."""
        data = await bytes_of(audio)
        with tempfile.TemporaryDirectory(prefix="hermes-voice-") as folder:
            source = Path(folder) / f"audio{suffix_of(audio)}"
            await asyncio.to_thread(source.write_bytes, data)
            values = {
                "input_path": str(source),
                "output_dir": folder,
                "language": language or "en",
                "model": model or "base",
            }
            printed = await self._run([_filled(word, values) for word in shlex.split(self._command)])
            text = _written(Path(folder)) or printed
        return Transcript(text=text.strip(), language=language, source="command")

    async def _run(self, words: list[str]) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
                env={name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            )
        except OSError as error:
            raise ProviderError(f"{words[0]} cannot be started: {error.strerror}.") from error
        try:
            async with asyncio.timeout(_SECONDS):
                out, said = await process.communicate()
        except TimeoutError as error:
            raise ProviderError(f"{words[0]} took longer than {_SECONDS:.0f} s.") from error
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode:
            lines = said.decode("utf-8", "replace").strip().splitlines()
            raise ProviderError(f"{words[0]} failed: {lines[-1] if lines else process.returncode}")
        return out.decode("utf-8", "replace")


def _written(folder: Path) -> str:
    found = sorted(folder.glob("*.txt"))
    return found[0].read_text(encoding="utf-8", errors="replace") if found else ""


def _filled(word: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(f"{{{name}}}", value)
    return word
