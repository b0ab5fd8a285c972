"""Lists of sites: allowed, blocked, shared in files, and exceptions for one's own network."""

from __future__ import annotations

import os

import pytest
from hermes_network.errors import AddressRefused
from hermes_network.guard import Guard
from hermes_network.settings import SecuritySettings, Settings, WebsiteBlocklist

from hermes_host.errors import ConfigError


def refused(guard: Guard, url: str) -> str:
    with pytest.raises(AddressRefused) as caught:
        guard.check(url)
    return caught.value.rule


def test_an_allow_list_lets_through_what_it_names_and_nothing_that_looks_like_it():
    guard = Guard(Settings(allow=["allowed.com", "*.pages.dev", "api.io:8443"]))
    for url in ("https://allowed.com/", "https://x.pages.dev/", "https://a.b.pages.dev/", "https://api.io:8443/"):
        guard.check(url)
    for url in (
        "https://allowed.com.evil.com/",
        "https://evil-allowed.com/",
        "https://evilallowed.com/",
        "https://www.allowed.com/",
        "https://pages.dev/",
        "https://xpages.dev/",
        "https://api.io/",
        "https://1.1.1.1/",
    ):
        assert refused(guard, url) == "allow", url


def test_an_empty_allow_list_allows_nothing():
    assert refused(Guard(Settings(allow=[])), "https://example.com/") == "allow"
    assert refused(Guard(Settings(allow=[])), "https://1.1.1.1/") == "allow"


def test_a_block_list_blocks_a_site_and_what_lies_below_it():
    guard = Guard(Settings(block=["evil.com", "*.pages.dev", "203.0.113.0/24", "1.2.3.4", "BÜCHER.de"]))
    for url in (
        "https://evil.com/",
        "https://a.b.evil.com/",
        "https://EVIL.com/",
        "https://x.pages.dev/",
        "https://1.2.3.4/",
        "https://[::ffff:1.2.3.4]/",
        "https://xn--bcher-kva.de/",
        "https://bücher.de/",
    ):
        assert refused(guard, url) == "blocked", url
    for url in ("https://notevil.com/", "https://pages.dev/", "https://evil.com.example.com/"):
        guard.check(url)


def test_a_name_that_leads_to_a_blocked_address_is_blocked():
    guard = Guard(Settings(block=["1.2.3.0/24"]))
    guard.judge("example.com", 443, ["1.1.1.1"])
    with pytest.raises(AddressRefused, match="blocked"):
        guard.judge("example.com", 443, ["1.1.1.1", "1.2.3.4"])


def test_a_blocked_site_stays_blocked_when_it_is_allowed_or_excepted():
    guard = Guard(Settings(allow=["evil.com"], block=["evil.com", "localhost"], allow_private=["localhost:80"]))
    assert refused(guard, "https://evil.com/") == "blocked"
    assert refused(guard, "http://localhost/") == "blocked"


@pytest.mark.parametrize("entry", ["", "a b", "*", "*.", "http://x.com", "x.com:0", "x.com:99999", "10.0.0.0/99", 5])
@pytest.mark.parametrize("name", ["allow", "block", "allow_private"])
def test_half_a_list_is_no_list(name, entry):
    with pytest.raises(ConfigError, match=f"network.{name}"):
        Guard(Settings(**{name: ["example.com", entry]}))


def test_a_single_text_is_a_list_too():
    guard = Guard(Settings(block="evil.com, bad.com"))
    assert refused(guard, "https://bad.com/") == "blocked"


# ------------------------------------------------------------------------------------------------- exceptions


def test_only_the_host_and_port_that_was_named_is_excepted():
    guard = Guard(Settings(allow_private=["127.0.0.1:8080", "[::1]:9090", "wiki.corp", "192.168.0.0/16"]))
    for url in (
        "http://127.0.0.1:8080/x",
        "http://[::1]:9090/",
        "https://wiki.corp/",
        "http://wiki.corp:22/",
        "http://192.168.3.4:99/",
        "http://[::ffff:127.0.0.1]:8080/",
    ):
        guard.check(url)
    for url in (
        "http://127.0.0.1:8081/x",
        "http://127.0.0.2:8080/x",
        "http://[::1]:9091/",
        "https://x.wiki.corp/",
        "https://wiki.corp.evil.localhost/",
        "http://192.169.0.1:99/",
        "http://localhost:8080/",
    ):
        refused(guard, url)


def test_a_name_is_not_excepted_by_the_addresses_it_leads_to():
    """Otherwise any page could reach what `10.0.0.0/8` was meant to reach, by a name of its own."""
    guard = Guard(Settings(allow_private=["10.0.0.0/8"]))
    guard.check("http://10.1.2.3/")
    with pytest.raises(AddressRefused):
        guard.judge("evil.com", 80, ["10.1.2.3"])


def test_a_name_that_is_excepted_may_lead_home_but_not_to_a_metadata_service():
    guard = Guard(Settings(allow_private=["wiki.corp"]))
    guard.judge("wiki.corp", 443, ["10.1.2.3", "127.0.0.1", "fd00::5"])
    for address in ("169.254.169.254", "169.254.9.9", "0.0.0.0", "224.0.0.1", "100.100.100.200"):
        with pytest.raises(AddressRefused):
            guard.judge("wiki.corp", 443, [address])


def test_a_metadata_service_is_excepted_only_by_its_own_address():
    assert refused(Guard(Settings(allow_private=["169.254.0.0/16"])), "http://169.254.169.254/") == "metadata"
    Guard(Settings(allow_private=["169.254.169.254"])).check("http://169.254.169.254/")


def test_exceptions_of_a_plugin_do_not_loosen_the_guard_they_came_from():
    guard = Guard(Settings(block=["evil.com"]))
    wider = guard.with_exceptions(["127.0.0.1:8080"])
    wider.check("http://127.0.0.1:8080/")
    assert refused(guard, "http://127.0.0.1:8080/") == "private"
    assert refused(wider, "https://evil.com/") == "blocked"


# ------------------------------------------------------------------------------------------------ shared lists


def blocking(home, **settings) -> Guard:
    return Guard(security=SecuritySettings(website_blocklist=WebsiteBlocklist(**settings)), home=home)


def test_the_list_of_the_original_is_used_when_it_is_enabled(tmp_path):
    listed = {"domains": ["evil.com", "https://www.bad.com/path", "*.pages.dev"]}
    guard = blocking(tmp_path, enabled=True, **listed)
    for url in ("https://a.evil.com/", "https://www.bad.com/", "https://x.pages.dev/"):
        assert refused(guard, url) == "blocked", url
    guard.check("https://bad.com/")
    blocking(tmp_path, enabled=False, **listed).check("https://evil.com/")


def test_a_shared_file_is_read_with_comments_and_in_the_form_of_a_hosts_file(tmp_path):
    (tmp_path / "list.txt").write_text(
        "\ufeff# a list\nevil.com  # bad\n\n0.0.0.0 ads.com tracker.io\n127.0.0.1 localhost\n! note\n*.pages.dev\n",
        encoding="utf-8",
    )
    guard = blocking(tmp_path, enabled=True, shared_files=["list.txt"])
    for url in ("https://evil.com/", "https://ads.com/", "https://x.tracker.io/", "https://x.pages.dev/"):
        assert refused(guard, url) == "blocked", url
    guard.check("https://example.com/")


def test_a_shared_file_that_changes_counts_at_once(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("evil.com\n", encoding="utf-8")
    guard = blocking(tmp_path, enabled=True, shared_files=[str(path)])
    guard.check("https://bad.com/")
    path.write_text("evil.com\nbad.com\n", encoding="utf-8")
    assert refused(guard, "https://bad.com/") == "blocked"


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00bad", b"evil.com\nnot a site at all\n"])
def test_while_a_shared_file_cannot_be_read_nothing_is_asked(tmp_path, content):
    path = tmp_path / "list.txt"
    if content is not None:
        path.write_bytes(content)
    guard = blocking(tmp_path, enabled=True, shared_files=["list.txt"])
    assert refused(guard, "https://example.com/") == "blocklist"
    path.write_bytes(b"evil.com\n")
    os.utime(path, (1, 1))
    guard.check("https://example.com/")


def test_a_file_that_vanishes_closes_the_network_again(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("evil.com\n", encoding="utf-8")
    guard = blocking(tmp_path, enabled=True, shared_files=["list.txt"])
    guard.check("https://example.com/")
    path.unlink()
    assert refused(guard, "https://example.com/") == "blocklist"
