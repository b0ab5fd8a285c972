"""Hubs are asked through the network guard; what the guard itself refuses is tested where it lives."""

from __future__ import annotations

import pytest
from hermes_network.errors import AddressRefused
from hermes_network.guard import Network
from hermes_skillhub.connections import Connections
from hermes_skillhub.errors import HubUnavailable, TooManyRequests
from hermes_skillhub.hub import Hub

from hermes_host.errors import NotFound
from hermes_host.host import Host


@pytest.fixture
async def transport(host):
    return (await host.services.get(Connections)).transport


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/", "https://[::1]/", "file:///etc/passwd", "//10.0.0.1/"]
)
async def test_a_redirect_to_a_private_address_is_not_followed(hub, world, target):
    world.redirects["/.well-known/agent-skills/index.json"] = target
    with pytest.raises(AddressRefused):
        await hub.prepare(f"{world.address}/.well-known/agent-skills/x")


async def test_redirects_end(hub, world):
    world.redirects["/.well-known/agent-skills/index.json"] = "/.well-known/agent-skills/index.json"
    with pytest.raises(HubUnavailable, match="redirects without an end"):
        await hub.prepare(f"{world.address}/.well-known/agent-skills/x")


async def test_a_secret_does_not_follow_a_redirect_to_another_host(make_host, world):
    world.redirects["/start"] = f"http://localhost:{world.port}/end"
    world.site["/end"] = b"{}"
    named = [f"127.0.0.1:{world.port}", f"localhost:{world.port}"]
    async with make_host(skillhub__private_hosts=named) as host:
        transport = (await host.services.get(Connections)).transport
        await transport.get(f"{world.address}/start", headers={"Authorization": "Bearer canary-0123"})
    assert [request.headers.get("Authorization") for request in world.requests] == ["Bearer canary-0123", None]


async def test_an_answer_without_an_end_is_cut_off(transport, world):
    world.site["/big"] = b"x" * 2_000_000
    with pytest.raises(HubUnavailable, match="more than 1,000"):
        await transport.get(f"{world.address}/big", limit=1000)


async def test_a_busy_server_is_asked_three_times_in_all(transport, world):
    world.busy = [(429, {"Retry-After": "0"})] * 5
    with pytest.raises(TooManyRequests):
        await transport.get(f"{world.address}/anything")
    assert len(world.requests) == 3


async def test_a_private_site_is_refused_when_no_setting_names_it(make_host, world):
    async with make_host(skillhub__private_hosts=[]) as host:
        hub = await host.services.get(Hub)
        with pytest.raises(AddressRefused, match="private"):
            await hub.prepare(f"{world.address}/.well-known/agent-skills/x")
        with pytest.raises(AddressRefused, match="not encrypted"):
            await hub.prepare("http://skills.example.com/.well-known/agent-skills/x")
        with pytest.raises(AddressRefused, match="private"):
            await hub.prepare(f"https://127.0.0.1:{world.port}/.well-known/agent-skills/x")
    assert world.requests == []


async def test_an_exception_of_the_hub_is_no_exception_for_others(host, world):
    network = await host.services.get(Network)
    with pytest.raises(AddressRefused, match="private"):
        await network.fetch(f"{world.address}/anything", purpose="test")
    assert world.requests == []


async def test_a_site_that_the_user_blocked_is_not_asked(make_host, world):
    async with make_host(network__block=["127.0.0.1"]) as host:
        hub = await host.services.get(Hub)
        with pytest.raises(AddressRefused, match="blocked"):
            await hub.prepare(f"{world.address}/.well-known/agent-skills/x")
    assert world.requests == []


async def test_without_the_guard_nothing_is_asked(home, world):
    named = {"skillhub.private_hosts": [f"127.0.0.1:{world.port}"]}
    async with Host(home=home, plugins=["skillhub", "skills"], environ={}, overrides=named) as host:
        with pytest.raises(NotFound, match="Network"):
            await (await host.services.get(Connections)).transport.get(f"{world.address}/anything")
    assert world.requests == []


async def test_a_secret_cannot_be_read_from_the_cache(hub, world, anthropic, home, make_host):
    async with make_host({"GITHUB_TOKEN": "ghp_canary0123456789"}) as host:
        found = await (await host.services.get(Hub)).hubs.search("pdf", source="github")
    assert found.listings
    written = b"".join(path.read_bytes() + path.name.encode() for path in home.rglob("*") if path.is_file())
    assert b"canary" not in written
