"""Which addresses are public, and which URLs can be asked at all."""

from __future__ import annotations

import pytest
from hermes_network.addresses import is_public, kind_of
from hermes_network.errors import AddressRefused
from hermes_network.guard import Guard
from hermes_network.settings import Settings
from hermes_network.targets import parse
from yarl import URL

PRIVATE = {
    "127.0.0.1": "loopback", "127.1.2.3": "loopback", "0.0.0.0": "unspecified", "10.0.0.1": "private",
    "172.16.3.4": "private", "192.168.1.1": "private", "169.254.169.254": "metadata", "169.254.170.2": "metadata",
    "168.63.129.16": "metadata", "100.100.100.200": "metadata", "169.254.1.1": "link-local", "100.64.0.1": "shared",
    "198.18.0.1": "benchmark", "192.0.2.1": "private", "224.0.0.1": "multicast", "255.255.255.255": "reserved",
    "240.0.0.1": "reserved", "0.1.2.3": "private", "192.88.99.1": "reserved",
    "::1": "loopback", "::": "unspecified", "fe80::1": "link-local", "fe80::1%eth0": "link-local",
    "fc00::1": "private", "fd00::1": "private", "fd00:ec2::254": "metadata", "fec0::1": "private",
    "ff02::1": "multicast", "::ffff:127.0.0.1": "loopback", "::ffff:169.254.169.254": "metadata",
    "::127.0.0.1": "loopback", "::ffff:0:127.0.0.1": "loopback", "64:ff9b::7f00:1": "loopback",
    "64:ff9b::a9fe:a9fe": "metadata", "64:ff9b:1::1": "reserved", "2002:7f00:1::": "reserved",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2": "reserved", "2001:db8::1": "reserved", "3fff::1": "reserved",
    "2001:2::1": "benchmark", "100::1": "reserved", "5f00::1": "reserved", "2606:4700::5efe:7f00:1": "reserved",
    "2606:4700::200:5efe:a00:1": "reserved", "nonsense": "reserved",
}  # fmt: skip


@pytest.mark.parametrize(("address", "kind"), PRIVATE.items())
def test_a_private_address_is_known_in_all_its_clothes(address, kind):
    assert kind_of(address) == kind
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["140.82.121.3", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_a_public_address_is_allowed(address):
    assert is_public(address)


REFUSED = [
    ("ftp://example.com/", "scheme"), ("file:///etc/passwd", "scheme"), ("gopher://example.com/", "scheme"),
    ("ws://example.com/", "scheme"), ("data:text/html,x", "address"), ("javascript:alert(1)", "address"),
    ("//example.com/", "address"), ("example.com", "address"), ("", "address"), ("http:example.com", "address"),
    ("http:/example.com", "address"), ("https:///path", "host"), ("https://", "host"),
    ("https://user@example.com/", "credentials"), ("https://user:secret@example.com/", "credentials"),
    ("https://example.com@127.0.0.1/", "credentials"), ("https://@example.com/", "credentials"),
    ("https://localhost/", "private"), ("https://LOCALHOST/", "private"), ("https://x.localhost/", "private"),
    ("https://printer.local/", "private"), ("https://wiki.corp/", "private"), ("https://x.internal/", "private"),
    ("https://kubernetes.default.svc/", "private"), ("https://router/", "host"),
    ("https://metadata.google.internal/", "metadata"), ("https://METADATA.google.internal/", "metadata"),
    ("https://metadata/", "metadata"), ("http://169.254.169.254/latest/meta-data/", "metadata"),
    ("http://[fd00:ec2::254]/", "metadata"), ("https://[::ffff:169.254.169.254]/", "metadata"),
    ("https://[::ffff:a9fe:a9fe]/", "metadata"), ("https://127.0.0.1/", "private"), ("https://[::1]/", "private"),
    ("https://[0:0:0:0:0:0:0:1]/", "private"), ("https://[::]/", "private"), ("https://0.0.0.0/", "private"),
    ("http://100.64.0.1/", "private"), ("http://[fd00::1]/", "private"), ("http://198.18.0.1/", "private"),
    ("https://2130706433/", "number"), ("https://0x7f000001/", "number"), ("https://0x7f.1/", "number"),
    ("https://0177.0.0.1/", "number"), ("https://127.1/", "number"), ("https://127.0.1/", "number"),
    ("https://127.0.0.1./", "number"), ("https://1.2.3.4.5/", "number"), ("https://0/", "number"),
    ("https://00.0.0.0/", "number"), ("https://example.0x10/", "number"), ("https://example.com./", "host"),
    ("https://[fe80::1%25eth0]/", "zone"), ("https://[fe80::1%eth0]/", "zone"), ("https://%31%32%37.0.0.1/", "host"),
    ("https://127。0。0。1/", "private"), ("https://①②⑦.⓪.⓪.①/", "private"), ("https://１２７.0.0.1/", "private"),
    ("https://ｌｏｃａｌｈｏｓｔ/", "private"), ("https://example.com:22/", "port"),
    ("https://example.com:25/", "port"),
    ("https://example.com:6379/", "port"), ("https://example.com:0/", "port"), ("https://example.com:99999/", "host"),
    ("https://example.com:/", "host"), ("https://example.com:+80/", "host"), ("https://example.com:8_0/", "host"),
    ("https://example.com:８０/", "host"), ("https://example.com:80:90/", "host"), ("https://-a.example.com/", "host"),
    ("https://a..example.com/", "host"), ("https://.example.com/", "host"), ("https://exa,mple.com/", "host"),
    ("https://[v1.a]/", "host"), ("https://[::1/", "host"), ("https://::1/", "host"),
    ("https://exa\x00mple.com/", "characters"), ("https://example.com\\@127.0.0.1/", "characters"),
    ("https://example.com\t/", "characters"), ("https://example.com\n.evil.com/", "characters"),
    ("https://a b/", "characters"), (" https://example.com/", "characters"),
    ("https://exa\u200bmple.com/", "characters"),
    ("https://exa\u202emple.com/", "characters"), ("https://exa\xadmple.com/", "host"),
    ("https://" + "a" * 64 + ".com/", "host"), ("https://example.com/" + "a" * 9000, "address"),
]  # fmt: skip


@pytest.mark.parametrize(("url", "rule"), REFUSED)
def test_an_address_that_must_not_be_asked_is_refused_by_its_looks(url, rule):
    with pytest.raises(AddressRefused) as caught:
        Guard().check(url)
    assert caught.value.rule == rule
    assert str(caught.value)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://example.com/a?b=c#d", "example.com", 443),
        ("HTTP://EXAMPLE.com", "example.com", 80),
        ("https://example.com:8443/", "example.com", 8443),
        ("https://a_b.example.com/", "a_b.example.com", 443),
        ("https://münchen.example.com/", "xn--mnchen-3ya.example.com", 443),
        ("https://1.1.1.1/", "1.1.1.1", 443),
        ("https://[2606:4700:4700::1111]/", "2606:4700:4700::1111", 443),
        ("https://example.com/@user:pass/https://127.0.0.1/", "example.com", 443),
        ("https://example.com?@127.0.0.1/", "example.com", 443),
        ("https://example.com#@127.0.0.1/", "example.com", 443),
    ],
)
def test_a_public_address_is_read_as_it_is_asked(url, host, port):
    target = Guard().check(url)
    assert (target.host, target.port) == (host, port)
    assert target.url.raw_host == host
    assert "#" not in str(target.url)


def test_a_parsed_url_is_judged_like_a_text():
    with pytest.raises(AddressRefused):
        Guard().check(URL("http://127.0.0.1/"))


def test_a_refusal_does_not_repeat_a_password():
    for url in ("https://user:hunter2@example.com/", "https://user:hunter2@[bad/", "https://:hunter2@/"):
        with pytest.raises(AddressRefused) as caught:
            parse(url)
        assert "hunter2" not in str(caught.value)
        assert "hunter2" not in caught.value.host


def test_a_name_in_letters_of_another_script_is_not_the_site_it_looks_like():
    guard = Guard(Settings(allow=["apple.com"]))
    guard.check("https://apple.com/")
    with pytest.raises(AddressRefused, match="xn--") as caught:
        guard.check("https://аpple.com/")
    assert caught.value.rule == "allow"


def test_ports_below_1024_can_be_added():
    assert Guard(Settings(ports=[591])).check("http://example.com:591/").port == 591
    with pytest.raises(AddressRefused):
        Guard().check("http://example.com:591/")


def test_only_https_can_be_asked_where_a_plugin_wants_that():
    guard = Guard(https_only=True, allow_private=["127.0.0.1:8080"])
    guard.check("http://127.0.0.1:8080/")
    with pytest.raises(AddressRefused) as caught:
        guard.check("http://example.com/")
    assert caught.value.rule == "encryption"
