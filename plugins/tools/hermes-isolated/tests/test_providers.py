"""Providers of isolated plugins, held to what every provider must do."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, aclosing

import msgspec
import pytest

from hermes_host.errors import ConnectionLost
from hermes_host.messages import user_message
from hermes_host.protocols import ModelRequest
from hermes_host.stream import PartDelta, fold
from hermes_host.testing import ProviderContract, StandInHost
from hermes_host.testing.providers import STALL

PLAYED = """
from hermes_host import hookimpl
from hermes_host.specs import PluginInfo, ProviderSpec

@hookimpl
def hermes_plugin_info():
    return PluginInfo(summary="Plays a script")

@hookimpl
def hermes_providers():
    yield ProviderSpec(name="played", summary="Plays a script", target="played_provider:connect")
"""
PROVIDER = '''
import asyncio, json
import msgspec
from hermes_host import errors
from hermes_host.messages import Message, Text, assistant_message
from hermes_host.protocols import ModelInfo
from hermes_host.stream import MessageEnded, PartDelta, PartEnded, PartStarted
from hermes_host.testing.providers import ScriptedProvider

def connect(context, spec):
    return Played(context.state_directory)

class Played:
    """Plays the next line of the file `script` in its folder, and keeps what it was asked in `sent`."""

    def __init__(self, folder):
        self.folder = folder

    async def stream(self, request):
        with (self.folder / "sent").open("ab") as file:
            file.write(msgspec.json.encode(request) + b"\\n")
        first, *rest = (self.folder / "script").read_text().splitlines()
        (self.folder / "script").write_text("".join(f"{line}\\n" for line in rest))
        kind, value = json.loads(first)
        if kind == "stall":
            try:
                yield PartStarted(0, "text")
                yield PartDelta(0, "and then")
                await asyncio.sleep(600)
            finally:
                (self.folder / "left").write_text("left")
        if kind == "error":
            extra = {name: value[name] for name in ("retry_after", "limit") if name in value}
            raise getattr(errors, value["class"])(value["message"], **extra)
        step = msgspec.convert(value, MessageEnded if kind == "ended" else Message)
        async for event in ScriptedProvider([step]).stream(request):
            yield event

    async def models(self):
        return [ModelInfo(id="played-1", name="Played", context=1000)]

    async def aclose(self):
        pass
'''


@pytest.fixture(scope="module")
def played(tmp_path_factory, environment_maker):
    environment = environment_maker(tmp_path_factory.mktemp("played") / "environment")
    environment.add_plugin("played", "played_plugin", played_plugin=PLAYED, played_provider=PROVIDER)
    return environment


class TestIsolated(ProviderContract):
    """The whole contract, with the provider in a process of its own."""

    @pytest.fixture
    async def provider(self, home, played):
        description = {"providers": [{"name": "played", "summary": "Plays a script"}]}
        home.plugins["played"] = played.entry(description)
        home.write()
        folder = home.path / "plugins" / "played"
        folder.mkdir(parents=True, mode=0o700)
        async with AsyncExitStack() as stack:

            async def make(*steps):
                (folder / "script").write_text("".join(f"{_written(step)}\n" for step in steps), encoding="utf-8")
                host = await stack.enter_async_context(StandInHost(home.path, plugins=["isolated"]))
                return await host.part(host.providers.get("played"))

            yield make

    @pytest.fixture
    def sent(self, home):
        path = home.path / "plugins" / "played" / "sent"
        return lambda: path.read_text(encoding="utf-8").splitlines()

    @pytest.fixture
    def left(self, home):
        path = home.path / "plugins" / "played" / "left"

        async def wait():
            while not path.exists():  # noqa: ASYNC110 - another process makes it
                await asyncio.sleep(0.01)

        return wait


def _written(step) -> str:
    if step is STALL:
        return json.dumps(["stall", None])
    if isinstance(step, Exception):
        value = {"class": type(step).__name__, "message": step.message}
        value |= {name: getattr(step, name) for name in ("retry_after", "limit") if hasattr(step, name)}
        return json.dumps(["error", value])
    kind = "ended" if type(step).__name__ == "MessageEnded" else "message"
    return json.dumps([kind, msgspec.to_builtins(step)])


async def _sampled(start, use_sample, home, **capabilities):
    use_sample(**capabilities)
    user = await start()
    return await user.host.part(user.host.providers.get("sampled"))


def _request(model: str) -> ModelRequest:
    return ModelRequest(model=model, messages=(user_message("Hello"),), system="Be brief.")


async def test_an_isolated_provider_gets_its_key(home, use_sample, start):
    home.environ["SAMPLE_KEY"] = "sk-agreed-1234567"
    provider = await _sampled(start, use_sample, home, secrets=["SAMPLE_KEY"])
    assert (await fold(provider.stream(_request("key")))).message.text == "sk-agreed-1234567"


async def test_a_pooled_key_takes_the_place_of_the_providers_own(home, use_sample, start):
    home.environ |= {"SAMPLE_KEY": "sk-agreed-1234567", "SAMPLE_KEY_2": "sk-second-1234567"}
    use_sample(secrets=["SAMPLE_KEY"])
    user = await start()
    provider = await user.host.model_calls.provider("sampled", "SAMPLE_KEY_2")
    assert (await fold(provider.stream(_request("key")))).message.text == "sk-second-1234567"


async def test_a_crash_is_a_lost_connection_and_the_next_request_is_answered(home, use_sample, start):
    provider = await _sampled(start, use_sample, home)
    with pytest.raises(ConnectionLost, match="exit code 9") as caught:
        await fold(provider.stream(_request("crash")))
    assert caught.value.partial
    assert (await fold(provider.stream(_request("echo")))).message.text == "Be brief.|Hello"
    assert [model.id for model in await provider.models()] == ["sampled-1"]


async def test_a_long_stream_waits_for_its_reader(home, use_sample, start):
    provider = await _sampled(start, use_sample, home)
    count = 0
    async with aclosing(provider.stream(_request("long5000"))) as events:
        async for event in events:
            count += isinstance(event, PartDelta)
            if count == 1:
                # A reader that does other things for a while, with the same plugin.
                assert (await fold(provider.stream(_request("long2000")))).message.text == "x" * 2000
    assert count == 5000
