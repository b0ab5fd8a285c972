"""Speech to text and back: real recordings, real programs, a server over real HTTP."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hermes_voice.speech import spoken

from hermes_host.errors import AuthFailed, BadRequest, ConnectionLost, HermesError, NotFound, RateLimited
from hermes_host.messages import Media
from hermes_host.services import SpeechToText, TextToSpeech
from hermes_host.testing import PluginContract, StandInHost

needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


class TestPlugin(PluginContract):
    plugin = "voice"


class SpeechServer:
    """Speaks the two endpoints, as the vendor documents them."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.status = 200
        self.url = ""

    async def transcriptions(self, request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        self.requests.append(
            {
                "key": request.headers.get("Authorization", ""),
                "name": file.filename,
                "bytes": file.file.read(),
                **{name: form[name] for name in form if name != "file"},
            }
        )
        if self.status != 200:
            error = {"error": {"message": "no"}}
            return web.json_response(error, status=self.status, headers={"Retry-After": "7"})
        return web.json_response({"text": " Hello from the server. "})

    async def speech(self, request: web.Request) -> web.Response:
        self.requests.append(await request.json())
        return web.Response(body=b"OggS...", content_type="audio/ogg")


@pytest.fixture
async def server():
    found = SpeechServer()
    application = web.Application()
    application.router.add_post("/v1/audio/transcriptions", found.transcriptions)
    application.router.add_post("/v1/audio/speech", found.speech)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield found
    await runner.cleanup()


@pytest.fixture
def host(tmp_path: Path):
    def make(settings: dict[str, Any] | None = None, **environ: str) -> StandInHost:
        (tmp_path / "home").mkdir(exist_ok=True)
        return StandInHost(
            tmp_path / "home", plugins=["voice"], environ={"PATH": "/usr/bin:/bin", **environ}, overrides=settings or {}
        )

    return make


async def service(host: StandInHost, kind: Any) -> Any:
    return await host.context("voice").services.get(kind)


MEMO = Media(kind="audio", mime="audio/ogg", data=b"OggS-bytes", name="memo.oga")


async def test_a_server_gets_the_recording_and_gives_its_words(host, server: SpeechServer):
    stt = await service(
        host(
            {"stt.provider": "openai", "stt.language": "en", "stt.openai.model": "m1"},
            STT_OPENAI_BASE_URL=server.url,
            VOICE_TOOLS_OPENAI_KEY="speech-key",
            OPENAI_API_KEY="another-key",
        ),
        SpeechToText,
    )
    found = await stt.transcribe(MEMO)
    assert (found.text, found.source) == ("Hello from the server.", "openai")
    assert server.requests == [
        {
            "key": "Bearer speech-key",
            "name": "audio.ogg",
            "bytes": b"OggS-bytes",
            "model": "m1",
            "response_format": "json",
            "language": "en",
        }
    ]


async def test_another_server_never_gets_the_vendors_key(host, server: SpeechServer):
    made = host({"stt.provider": "openai"}, STT_OPENAI_BASE_URL=server.url, OPENAI_API_KEY="vendor-key-0123456789")
    await (await service(made, SpeechToText)).transcribe(MEMO)
    assert server.requests[0]["key"] == ""


@pytest.mark.parametrize(("status", "kind"), [(401, AuthFailed), (429, RateLimited), (400, BadRequest)])
async def test_errors_of_the_server_say_what_they_are(host, server: SpeechServer, status: int, kind: type):
    server.status = status
    stt = await service(host({"stt.provider": "openai"}, STT_OPENAI_BASE_URL=server.url), SpeechToText)
    with pytest.raises(kind):
        await stt.transcribe(MEMO)


async def test_a_server_that_is_not_there_is_a_lost_connection(host):
    stt = await service(host({"stt.provider": "openai"}, STT_OPENAI_BASE_URL="http://127.0.0.1:1/v1"), SpeechToText)
    with pytest.raises(ConnectionLost):
        await stt.transcribe(MEMO)


async def test_a_server_speaks(host, server: SpeechServer):
    tts = await service(host({"tts.provider": "openai"}, STT_OPENAI_BASE_URL=server.url), TextToSpeech)
    media = await tts.speak("**Hello** [there](http://x.test)", formats=("audio/ogg",))
    assert (media.kind, media.mime, media.data) == ("audio", "audio/ogg", b"OggS...")
    assert server.requests[0] == {
        "model": "gpt-4o-mini-tts",
        "voice": "alloy",
        "input": "Hello there",
        "response_format": "opus",
    }


async def test_a_program_of_the_users_is_given_the_file_and_its_text_is_taken(host, tmp_path: Path):
    script = tmp_path / "my transcriber.py"
    script.write_text(
        "import pathlib, sys\n"
        "data = pathlib.Path(sys.argv[1]).read_bytes()\n"
        "pathlib.Path(sys.argv[2], 'out.txt').write_text(f'{len(data)} bytes in {sys.argv[3]}')\n",
        encoding="utf-8",
    )
    command = f"{sys.executable} '{script}' {{input_path}} {{output_dir}} {{language}}"
    stt = await service(
        host({"stt.provider": "command", "stt.language": "de"}, HERMES_LOCAL_STT_COMMAND=command), SpeechToText
    )
    found = await stt.transcribe(MEMO)
    assert (found.text, found.source) == ("10 bytes in de", "command")


@pytest.mark.parametrize("command", ["false", "/no/such/program {input_path}"])
async def test_a_program_that_fails_says_so(host, command: str):
    stt = await service(host({"stt.provider": "command"}, HERMES_LOCAL_STT_COMMAND=command), SpeechToText)
    with pytest.raises(HermesError):
        await stt.transcribe(MEMO)


async def test_what_is_not_set_up_says_how_it_is(host):
    stt = await service(host({"stt.provider": "groq"}), SpeechToText)
    with pytest.raises(NotFound, match="GROQ_API_KEY"):
        await stt.transcribe(MEMO)
    stt = await service(host({"stt.provider": "nobody"}), SpeechToText)
    with pytest.raises(NotFound, match="nobody"):
        await stt.transcribe(MEMO)
    stt = await service(host({"stt.enabled": False}), SpeechToText)
    with pytest.raises(NotFound, match=r"not turned into text"):
        await stt.transcribe(MEMO)


async def test_a_recording_that_is_too_large_is_refused(host, server: SpeechServer):
    stt = await service(host({"stt.provider": "openai"}, STT_OPENAI_BASE_URL=server.url), SpeechToText)
    with pytest.raises(BadRequest, match="25 MB"):
        await stt.transcribe(Media(kind="audio", mime="audio/ogg", data=b"x" * 25_000_001))
    assert server.requests == []


@needs_flite
@needs_ffmpeg
@pytest.mark.parametrize("mime", ["audio/ogg", "audio/wav"])
async def test_what_is_spoken_here_is_understood_here(host, mime: str):
    pytest.importorskip("pocketsphinx")
    made = host({"tts.provider": "program", "stt.provider": "pocketsphinx"})
    media = await (await service(made, TextToSpeech)).speak("Please open the second window.", formats=(mime,))
    assert media.mime == mime
    found = await (await service(made, SpeechToText)).transcribe(media)
    assert found.text == "please open the second window"


@needs_ffmpeg
async def test_what_is_no_recording_is_refused(host):
    pytest.importorskip("pocketsphinx")
    stt = await service(host({"stt.provider": "pocketsphinx"}), SpeechToText)
    with pytest.raises(BadRequest):
        await stt.transcribe(MEMO)


def test_only_what_a_person_would_read_is_read_aloud():
    text = "# Title\n\n- **one** `x`\n\n```py\ncode()\n```\n\nSee [this](http://a.test/b) or https://c.test/d."
    assert spoken(text) == "Title\n\none x\n\n (code) \n\nSee this or (link)"
    assert len(spoken("A sentence. " * 1000)) <= 4000
    assert spoken("A sentence. " * 1000).endswith(".")
