"""What a person may ask for, and what is made of it."""

from __future__ import annotations

import json

import pytest
from hermes_installer.catalogue import load_catalogue
from hermes_installer.environment import Origin, Tool
from hermes_installer.settings import Settings
from hermes_installer.wanted import looks_like, understand

from hermes_host.errors import Denied, HermesError

KNOWN = ["telegram", "hermes-telegram", "hermes-git", "hermes-host", "hermes-modal", "hermes-files"]
DIGEST = "ab" * 32


@pytest.fixture
def catalogue(tmp_path):
    path = tmp_path / "catalogue.json"
    plugins = [
        {"name": "telegram", "distribution": "hermes-telegram", "index": "https://packages.acme.test/simple"},
        {
            "name": "modal",
            "distribution": "hermes-modal",
            "versions": [
                {"version": "1.9", "url": "https://acme.test/hermes_modal-1.9-py3-none-any.whl", "sha256": DIGEST},
                {"version": "1.10", "url": "hermes_modal-1.10-py3-none-any.whl", "sha256": DIGEST},
                {"version": "2.0", "url": "https://acme.test/hermes_modal-2.0-py3-none-any.whl", "sha256": DIGEST},
            ],
        },
    ]
    revoked = [{"distribution": "hermes-modal", "versions": ["2.0"], "reason": "It is broken."}]
    path.write_text(json.dumps({"version": 1, "plugins": plugins, "revoked": revoked}), encoding="utf-8")
    return load_catalogue(Settings(), tmp_path, str(path))


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("hermes-telegran", "hermes-telegram"),
        ("hermes-telegarm", "hermes-telegram"),
        ("hermestelegram", "hermes-telegram"),
        ("telegram-hermes", "hermes-telegram"),
        ("hermes-te1egram", "hermes-telegram"),
        ("hermes-telegrarn", "hermes-telegram"),
        ("hermes-m0dal", "hermes-modal"),
        ("herrnes-modal", "hermes-modal"),
        ("hermes-hosts", "hermes-host"),
        ("hermes_telegram", ""),
        ("Hermes.Telegram", ""),
        ("hermes-weather", ""),
        ("requests", ""),
    ],
)
def test_names_that_could_be_taken_for_known_ones_are_noticed(name, like):
    assert looks_like(name, KNOWN) == like


def test_what_the_catalogue_pins_wins(catalogue):
    short = understand("telegram", catalogue, origin=Origin())
    assert (short.distribution, short.origin.index) == ("hermes-telegram", "https://packages.acme.test/simple")
    newest = understand("modal", catalogue, origin=Origin())
    assert newest.source == "catalogue"
    assert newest.requirement == "hermes-modal==1.10"
    assert newest.location.startswith("/")
    assert newest.sha256 == DIGEST
    assert understand("hermes_modal<1.10", catalogue, origin=Origin()).requirement == "hermes-modal==1.9"
    with pytest.raises(Denied, match="It is broken"):
        understand("modal==2.0", catalogue, origin=Origin())
    with pytest.raises(HermesError, match=r"has no hermes-modal that fits"):
        understand("modal>3", catalogue, origin=Origin())


def test_an_entry_of_an_index_is_a_name_and_an_index(catalogue):
    found = understand("https://packages.example/project/hermes-acme/1.0/", catalogue, origin=Origin())
    assert (found.requirement, found.origin.index) == ("hermes-acme==1.0", "https://packages.example/simple")
    found = understand("https://packages.acme.test/eu/simple/hermes-acme/", catalogue, origin=Origin())
    assert (found.requirement, found.origin.index) == ("hermes-acme", "https://packages.acme.test/eu/simple")
    with pytest.raises(HermesError, match="comes from"):
        understand("https://packages.example/project/hermes-telegram/", catalogue, origin=Origin())


def test_an_address_of_a_wheel_may_say_its_hash(catalogue):
    address = "https://acme.test/hermes_acme-1.0-py3-none-any.whl"
    assert understand(f"{address}#sha256={DIGEST.upper()}", catalogue, origin=Origin()).sha256 == DIGEST
    assert understand(address, catalogue, origin=Origin()).location == address
    with pytest.raises(HermesError, match="no sha256"):
        understand(f"{address}#md5=12", catalogue, origin=Origin())


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "--index-url",
        "-r/etc/passwd",
        "acme; rm -rf ~",
        "acme @ https://acme.test/acme.whl",
        "git+https://acme.test/acme.git",
        "http://acme.test/acme-1.0-py3-none-any.whl",
        "https://acme.test/acme.tar.gz",
        "hermes-host",
        "hermes_installer",
        "./nothing-here.whl",
        "./nothing-here",
    ],
)
def test_what_is_no_plugin_is_refused_before_anything_is_run(catalogue, asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HermesError):
        understand(asked, catalogue, origin=Origin())


def test_a_pinned_index_is_the_only_one_that_is_asked():
    origin = Origin(index="https://packages.acme.test/simple")
    for tool, flag in ((Tool("uv", "uv"), "--default-index"), (Tool("pip", "python"), "--index-url")):
        command = tool.install(["hermes-acme"], origin=origin)
        assert command[command.index(flag) + 1] == origin.index
        assert command[command.index("--only-binary") + 1] == ":all:"
        assert not any("extra" in word for word in command)
