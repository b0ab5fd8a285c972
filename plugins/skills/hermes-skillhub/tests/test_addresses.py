"""What may be asked over the network, and what may not."""

from __future__ import annotations

import pytest
from hermes_skillhub.addresses import AddressPolicy, is_public
from hermes_skillhub.cache import Cache
from hermes_skillhub.errors import AddressRefused, HubUnavailable
from hermes_skillhub.transport import Transport
from yarl import URL

from hermes_host.errors import HermesError

PRIVATE = [
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "198.18.0.1", "192.0.2.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0",
    "fc00::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1",
    "2002:7f00:1::", "2001:db8::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_known_in_all_its_clothes(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["140.82.121.3", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_a_public_address_is_allowed(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://x.localhost/",
        "https://metadata.google.internal/",
        "https://printer.local/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.0.1./",
        "https://router/",
        "https://example.com./",
        "https://user@example.com/",
        "https://user:secret@example.com/",
        "https:///path",
    ],
)
def test_an_address_that_must_not_be_asked_is_refused_by_its_looks(url):
    try:
        parsed = URL(url)
    except ValueError:
        return
    with pytest.raises(AddressRefused):
        AddressPolicy().check(parsed)


def test_a_refusal_does_not_repeat_a_password():
    with pytest.raises(AddressRefused) as caught:
        AddressPolicy().check(URL("https://user:hunter2@example.com/"))
    assert "hunter2" not in str(caught.value)


def test_only_the_host_and_port_that_was_named_is_excepted():
    policy = AddressPolicy(["127.0.0.1:8080", "hub.internal"])
    policy.check(URL("http://127.0.0.1:8080/x"))
    policy.check(URL("https://hub.internal/x"))
    for url in ("http://127.0.0.1:8081/x", "http://127.0.0.2:8080/x", "https://hub.internal.example.localhost/"):
        with pytest.raises(AddressRefused):
            policy.check(URL(url))


@pytest.mark.parametrize(
    "url", ["https://exa\x00mple.com/", "https://example.com\\@127.0.0.1/", "https://a b/", "https://x\n/"]
)
async def test_a_malformed_address_is_refused_before_it_is_parsed(url, tmp_path):
    with pytest.raises(AddressRefused):
        await Transport(AddressPolicy(), Cache(tmp_path)).get(url)


async def test_a_name_that_leads_to_a_private_address_is_not_connected_to(world, tmp_path):
    async def resolve(host, port):
        return ["1.1.1.1", "127.0.0.1"]

    transport = Transport(AddressPolicy(), Cache(tmp_path), timeout=3, resolve=resolve)
    with pytest.raises(AddressRefused, match="private"):
        await transport.get(f"https://rebound.example.com:{world.port}/")
    await transport.aclose()
    assert world.requests == []


async def test_what_was_checked_is_what_is_connected_to(world, tmp_path):
    """A name that is public at the first look and private at the second: there is no second look."""
    answers = [["203.0.113.1"], ["127.0.0.1"]]
    looks = []

    async def resolve(host, port):
        looks.append(host)
        return answers[min(len(looks), len(answers)) - 1]

    transport = Transport(AddressPolicy(), Cache(tmp_path), timeout=2, resolve=resolve)
    with pytest.raises(HermesError):
        await transport.get(f"https://rebound.example.com:{world.port}/")
    await transport.aclose()
    assert looks == ["rebound.example.com"]
    assert world.requests == []


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


async def test_a_secret_does_not_follow_a_redirect_to_another_host(world, tmp_path):
    world.redirects["/start"] = f"http://localhost:{world.port}/end"
    world.site["/end"] = b"{}"
    policy = AddressPolicy([f"127.0.0.1:{world.port}", f"localhost:{world.port}"])
    transport = Transport(policy, Cache(tmp_path), timeout=3)
    await transport.get(f"{world.address}/start", headers={"Authorization": "Bearer canary-0123"})
    await transport.aclose()
    assert [request.headers.get("Authorization") for request in world.requests] == ["Bearer canary-0123", None]


async def test_an_answer_without_an_end_is_cut_off(world, tmp_path):
    world.site["/big"] = b"x" * 2_000_000
    transport = Transport(AddressPolicy([f"127.0.0.1:{world.port}"]), Cache(tmp_path), timeout=3)
    with pytest.raises(HubUnavailable, match="more than 1,000 bytes"):
        await transport.get(f"{world.address}/big", limit=1000)
    await transport.aclose()


async def test_a_private_site_is_refused_when_no_setting_names_it(make_host, world):
    from hermes_skillhub.hub import Hub

    async with make_host(skillhub__private_hosts=[]) as host:
        hub = await host.services.get(Hub)
        with pytest.raises(AddressRefused, match="not encrypted"):
            await hub.prepare(f"{world.address}/.well-known/agent-skills/x")
        with pytest.raises(AddressRefused, match="private"):
            await hub.prepare(f"https://127.0.0.1:{world.port}/.well-known/agent-skills/x")
    assert world.requests == []


async def test_a_secret_cannot_be_read_from_the_cache(hub, world, anthropic, home, make_host):
    from hermes_skillhub.hub import Hub

    async with make_host({"GITHUB_TOKEN": "ghp_canary0123456789"}) as host:
        found = await (await host.services.get(Hub)).hubs.search("pdf", source="github")
    assert found.listings
    written = b"".join(path.read_bytes() + path.name.encode() for path in home.rglob("*") if path.is_file())
    assert b"canary" not in written
