"""The service in a real host, the log, the check, and the command as a process."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hermes_network.checks import guard as check
from hermes_network.errors import AddressRefused
from hermes_network.guard import Network
from hermes_network.journal import Entry, Journal

from hermes_host.errors import ConfigError
from hermes_host.host import Host
from hermes_host.testing import PluginContract


class TestPlugin(PluginContract):
    plugin = "network"


@pytest.fixture
def make_host(tmp_path):
    def make(**overrides) -> Host:
        said = {name.replace("__", "."): value for name, value in overrides.items()}
        return Host(home=tmp_path / "home", plugins=["network"], environ={"PATH": "/usr/bin:/bin"}, overrides=said)

    return make


def lines(tmp_path: Path) -> list[dict]:
    text = (tmp_path / "home" / "logs" / "network.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


async def test_other_plugins_find_it_by_its_protocol(make_host, site):
    site.page("/x", text="here")
    async with make_host(network__allow_private=[f"127.0.0.1:{site.port}"]) as host:
        network = await host.services.get(Network)
        assert isinstance(network, Network)
        fetched = await network.fetch(f"{site.address}/x", purpose="test", accept=["text/plain"])
        async with network.open(f"{site.address}/x", purpose="test") as response:
            assert await response.read() == fetched.body == b"here"


WRONG = {
    "network.allow": [5, True, {"example.com": None}],
    "network.block": [5, False, {"example.com": None}],
    "network.nameservers": [{"a": 1}, 8],
    "network.ca_bundle": [["a.pem"], {"a": 1}],
    "security.website_blocklist": ["example.com", True, ["example.com"]],
    "security.website_blocklist.enabled": ["perhaps", ["yes"]],
    "security.website_blocklist.domains": [7, {"example.com": None}],
    "security.website_blocklist.shared_files": [7, {"a": None}],
}


@pytest.mark.parametrize(("setting", "value"), [(name, value) for name, values in WRONG.items() for value in values])
async def test_a_setting_of_the_wrong_type_is_refused_by_name_and_opens_nothing(tmp_path, site, setting, value):
    inner = value
    for part in reversed(setting.split(".")):
        inner = {part: inner}
    inner.setdefault("network", {})["allow_private"] = [f"127.0.0.1:{site.port}"]
    if setting.startswith("security.website_blocklist."):
        inner["security"]["website_blocklist"].setdefault("enabled", True)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(inner), encoding="utf-8")
    async with Host(home=tmp_path, plugins=["network"], environ={"PATH": "/usr/bin:/bin"}) as host:
        with pytest.raises(ConfigError, match=setting.replace(".", r"\.")):
            network = await host.services.get(Network)
            await network.fetch(f"{site.address}/x", purpose="test")
    assert site.requests == []


async def test_a_client_of_a_plugin_has_exceptions_of_its_own(make_host, site):
    async with make_host() as host:
        network = await host.services.get(Network)
        client = network.client("own", allow_private=[f"127.0.0.1:{site.port}"])
        assert (await client.fetch(f"{site.address}/x")).status == 404
        with pytest.raises(AddressRefused):
            await network.fetch(f"{site.address}/x", purpose="test")
    assert len(site.requests) == 1


async def test_the_log_says_where_and_how_much_and_nothing_more(make_host, site, tmp_path):
    site.page("/path-canary", body=b"x" * 700, headers={"X-Canary": "canary"})
    url = f"{site.address}/path-canary?query=canary#canary"
    async with make_host(network__allow_private=[f"127.0.0.1:{site.port}"]) as host:
        network = await host.services.get(Network)
        await network.fetch(url, purpose="page", method="POST", body=b"canary", headers={"Authorization": "canary"})
        for bad in (
            "https://user:canary@example.com/",
            "http://10.0.0.1/canary",
            "canary:canary",
            "http://127.0.0.1:1/",
        ):
            with pytest.raises(AddressRefused):
                await network.fetch(bad, purpose="page")
    first, *others = lines(tmp_path)
    assert (first["purpose"], first["method"], first["scheme"]) == ("page", "POST", "http")
    assert (first["host"], first["port"]) == ("127.0.0.1", site.port)
    assert (first["verdict"], first["status"], first["sent"], first["received"]) == ("ok", 200, 6, 700)
    assert [(line["verdict"], line["rule"]) for line in others] == [
        ("refused", "credentials"),
        ("refused", "private"),
        ("refused", "address"),
        ("refused", "private"),
    ]
    path = tmp_path / "home" / "logs" / "network.jsonl"
    assert b"canary" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_the_log_can_be_switched_off(make_host, site, tmp_path):
    async with make_host(network__log=False, network__allow_private=[f"127.0.0.1:{site.port}"]) as host:
        await (await host.services.get(Network)).fetch(f"{site.address}/x", purpose="test")
    assert not (tmp_path / "home" / "logs" / "network.jsonl").exists()


async def test_a_setting_that_cannot_be_understood_closes_the_network(make_host):
    async with make_host(network__block=["evil.com", "not a site"]) as host:
        with pytest.raises(ConfigError, match="network.block"):
            await host.services.get(Network)


def entry(number: int, **facts) -> Entry:
    return Entry(time=1.0, purpose="test", verdict="ok", host=f"h{number}.com", **facts)


def test_the_log_is_begun_anew_when_it_is_full_and_the_one_before_is_kept(tmp_path):
    journal = Journal(tmp_path / "network.jsonl", size=2000)
    for number in range(100):
        journal.write(entry(number))
    sizes = [path.stat().st_size for path in (journal.path, journal.previous)]
    assert all(size <= 2000 for size in sizes)
    found = journal.read(1000)
    assert found[-1].host == "h99.com"
    assert [one.host for one in found] == [f"h{number}.com" for number in range(100 - len(found), 100)]


def test_two_processes_may_write_one_log(tmp_path):
    program = (
        "import sys; from pathlib import Path; from hermes_network.journal import Entry, Journal\n"
        "journal = Journal(Path(sys.argv[1]), size=10_000_000)\n"
        "for n in range(500): journal.write(Entry(time=1.0, purpose=sys.argv[2], verdict='ok', host='h.com'))\n"
    )
    path = tmp_path / "network.jsonl"
    running = [subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in ("a", "b")]
    assert [process.wait(30) for process in running] == [0, 0]
    found = Journal(path).read(10_000)
    assert [sum(one.purpose == name for one in found) for name in ("a", "b")] == [500, 500]


def test_a_torn_line_is_passed_over(tmp_path):
    journal = Journal(tmp_path / "network.jsonl")
    journal.write(entry(1))
    with journal.path.open("ab") as file:
        file.write(b'{"time": 1.0, "purp\n')
    journal.write(entry(2))
    assert [one.host for one in journal.read(10)] == ["h1.com", "h2.com"]


async def test_a_log_that_cannot_be_written_stops_nothing(make_client, site, tmp_path, caplog):
    (tmp_path / "logs").write_text("in the way", encoding="utf-8")
    client = make_client(allow_private=[f"127.0.0.1:{site.port}"])
    for _ in range(2):
        assert (await client.fetch(f"{site.address}/x")).status == 404
    assert [record.message.startswith("The network log cannot be written") for record in caplog.records] == [True]


async def test_many_fetches_at_once_are_all_logged(make_client, site, journal):
    client = make_client(allow_private=[f"127.0.0.1:{site.port}"])
    await asyncio.gather(*(client.fetch(f"{site.address}/{number}") for number in range(40)))
    assert len(journal.read(100)) == 40


# ---------------------------------------------------------------------------------------------------------- doctor


async def finding(host: Host):
    (found,) = await check(host.context("network"))
    return found


async def test_doctor_says_what_is_in_force(make_host):
    async with make_host(network__allow=["example.com"], network__block=["evil.com"]) as host:
        found = await finding(host)
    assert found.status == "ok"
    assert "network.allow (1)" in found.detail
    assert "block list" in found.detail


async def test_doctor_warns_of_an_exception_for_everything(make_host):
    async with make_host(network__allow_private=["0.0.0.0/0"]) as host:
        assert (await finding(host)).status == "warning"


async def test_doctor_names_a_list_that_cannot_be_read(make_host):
    listed = {"enabled": True, "shared_files": ["missing.txt"]}
    async with make_host(security__website_blocklist=listed) as host:
        found = await finding(host)
    assert found.status == "error"
    assert "missing.txt" in found.detail


# -------------------------------------------------------------------------------------------------------- commands


@pytest.fixture
def hermes(tmp_path):
    def run(*arguments: str, **network) -> subprocess.CompletedProcess[str]:
        home = tmp_path / "home"
        home.mkdir(mode=0o700, exist_ok=True)
        (home / "config.yaml").write_text(yaml.safe_dump({"network": network}), encoding="utf-8")
        return subprocess.run(
            [Path(sys.executable).with_name("hermes"), "network", *arguments],
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "HERMES_HOME": str(home),
                "HERMES_PLUGINS": "network",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=30,
            check=False,
        )

    return run


def test_check_says_what_would_happen_and_why(hermes):
    run = hermes("check", "http://127.0.0.1:8080/x")
    assert (run.returncode, run.stderr) == (1, "")
    assert run.stdout.startswith("Refused (private): The host '127.0.0.1' leads to a private address.")
    assert "network.allow_private" in run.stdout
    run = hermes("check", "http://127.0.0.1:8080/x", allow_private=["127.0.0.1:8080"])
    assert run.returncode == 0
    assert "an exception in network.allow_private" in run.stdout


def test_check_prints_one_json_document(hermes):
    run = hermes("check", "https://bücher.example.com/", "--no-lookup", "--json")
    document = json.loads(run.stdout)
    assert run.returncode == 0
    assert (document["allowed"], document["host"], document["port"]) == (True, "xn--bcher-kva.example.com", 443)
    document = json.loads(hermes("check", "http://0x7f.1/", "--json").stdout)
    assert (document["allowed"], document["rule"]) == (False, "number")


def test_log_shows_what_was_asked(hermes, tmp_path):
    assert hermes("log").stdout == "Nothing was asked so far.\n"
    journal = Journal(tmp_path / "home" / "logs" / "network.jsonl")
    journal.write(entry(1, port=443, scheme="https", status=200, received=5))
    journal.write(Entry(time=2.0, purpose="page", verdict="refused", rule="private", host="10.0.0.1"))
    table = hermes("log").stdout
    assert "h1.com:443" in table
    assert "refused (private)" in table
    assert [one["host"] for one in json.loads(hermes("log", "--refused", "--json").stdout)] == ["10.0.0.1"]
    assert [one["host"] for one in json.loads(hermes("log", "--host", "h1.com", "--json").stdout)] == ["h1.com"]
