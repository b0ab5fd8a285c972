"""Recordings: their bytes, their kinds, and other forms of them by ffmpeg."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from hermes_host.errors import BadRequest, NotFound

if TYPE_CHECKING:
    from hermes_host.messages import Media

__all__ = ["LARGEST", "as_wave", "bytes_of", "converted", "suffix_of"]

LARGEST = 25_000_000

_SUFFIXES = {
    "audio/ogg": ".ogg",
    "audio/opus": ".ogg",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/x-m4a": ".m4a",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "audio/webm": ".webm",
    "audio/flac": ".flac",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
}
_SECONDS = 120.0


async def bytes_of(audio: Media) -> bytes:
    """The bytes of a recording. Raises `BadRequest` for none, or too many."""
    data = audio.data
    parts = urlsplit(audio.url)
    if not data and parts.scheme == "file":
        data = await asyncio.to_thread(Path(unquote(parts.path)).read_bytes)
    if not data:
        raise BadRequest("The recording is empty.")
    if len(data) > LARGEST:
        raise BadRequest(f"The recording has {len(data) // 1_000_000} MB; {LARGEST // 1_000_000} MB is the most.")
    return data


def suffix_of(audio: Media) -> str:
    """A name's suffix for its kind: servers tell kinds by that."""
    named = Path(audio.name).suffix.lower()
    return _SUFFIXES.get(audio.mime.partition(";")[0], named or ".ogg")


async def as_wave(data: bytes, rate: int = 16000) -> bytes:
    """The sound alone, one channel, 16 bits: raw samples. Raises `NotFound` without ffmpeg, `BadRequest`."""
    return await _ffmpeg(data, "-f", "s16le", "-ac", "1", "-ar", str(rate))


async def converted(data: bytes, mime: str) -> bytes:
    """A recording in another form. Raises as `as_wave`."""
    form = {"audio/ogg": ("-c:a", "libopus", "-b:a", "48k", "-f", "ogg"), "audio/mpeg": ("-f", "mp3")}.get(mime)
    if form is None:
        raise BadRequest(f"Recordings are not made as {mime} here.")
    return await _ffmpeg(data, "-ac", "1", *form)


async def _ffmpeg(data: bytes, *form: str) -> bytes:
    program = shutil.which("ffmpeg")
    if program is None:
        raise NotFound("ffmpeg is not installed.", remedy="Install it, such as `apt install ffmpeg`.")
    process = await asyncio.create_subprocess_exec(
        program, "-hide_banner", "-loglevel", "error", "-nostdin", "-protocol_whitelist", "pipe", "-i", "pipe:0",
        "-vn", *form, "pipe:1",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    try:
        async with asyncio.timeout(_SECONDS):
            out, said = await process.communicate(data)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode or not out:
        lines = said.decode("utf-8", "replace").strip().splitlines()
        raise BadRequest(f"The recording cannot be read: {lines[-1] if lines else 'ffmpeg gave nothing'}")
    return out
