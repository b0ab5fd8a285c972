"""The catalogue: where it may come from, what it must be, and what it then says."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hermes_installer.catalogue import load_catalogue
from hermes_installer.settings import Settings

from hermes_host.errors import ConfigError, HermesError

HERE = Path(__file__).resolve().parents[1]
ACME = {"name": "acme", "distribution": "hermes-acme", "summary": "Rockets and anvils"}


def document(*plugins: dict, version: int = 1, revoked: tuple[dict, ...] = ()) -> str:
    return json.dumps({"version": version, "plugins": plugins, "revoked": revoked})


@pytest.fixture
def server():
    """A web server of this machine; `answers` has the bodies by path, `asked` what it was asked for."""

    class Handler(BaseHTTPRequestHandler):
        answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        asked: list[tuple[str, str]] = []

        def do_GET(self) -> None:
            etag = self.headers.get("If-None-Match", "")
            self.asked.append((self.path, etag))
            code, headers, body = self.answers.get(self.path, (404, {}, b""))
            if etag and etag == headers.get("ETag"):
                code, body = 304, b""
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    running = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    Handler.address = f"http://127.0.0.1:{running.server_port}"
    yield Handler
    running.shutdown()
    thread.join()
    running.server_close()


def test_the_catalogue_that_ships_is_up_to_date():
    spec = importlib.util.spec_from_file_location("make_catalogue", HERE / "make_catalogue.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    written = (HERE / "hermes_installer" / "catalogue.json").read_text(encoding="utf-8")
    assert written == script.render(), "run `python plugins/tools/hermes-installer/make_catalogue.py`"


def test_the_catalogue_that_ships_knows_the_plugins_of_this_project(tmp_path):
    catalogue = load_catalogue(Settings(), tmp_path)
    assert catalogue.find("files").distribution == "hermes-files"
    assert catalogue.find("Hermes_Files").name == "files"
    assert [plugin.name for plugin in catalogue.search(["files"])][0] == "files"
    assert catalogue.search(["no", "such", "thing"]) == []


def test_a_pinned_catalogue_is_that_one_or_none(tmp_path):
    path = tmp_path / "catalogue.json"
    path.write_text(document(ACME), encoding="utf-8")
    pin = hashlib.sha256(path.read_bytes()).hexdigest()
    settings = Settings(catalogue=str(path), catalogue_sha256=pin.upper())
    assert load_catalogue(settings, tmp_path).find("acme") is not None
    path.write_text(document({**ACME, "publisher": "Emca"}), encoding="utf-8")
    with pytest.raises(ConfigError, match="not the one"):
        load_catalogue(settings, tmp_path)


def test_a_catalogue_from_the_network_is_asked_for_only_when_it_changed_and_kept(tmp_path, server):
    body = document(ACME).encode()
    server.answers["/c.json"] = (200, {"ETag": '"one"'}, body)
    settings = Settings(catalogue=f"{server.address}/c.json")
    assert load_catalogue(settings, tmp_path).find("acme") is not None
    assert load_catalogue(settings, tmp_path).find("acme") is not None
    assert [etag for _, etag in server.asked[-2:]] == ["", '"one"']
    server.answers["/c.json"] = (503, {}, b"")
    old = load_catalogue(settings, tmp_path)
    assert old.find("acme") is not None
    assert "last time" in old.note
    server.answers["/c.json"] = (200, {"ETag": '"two"'}, b"{")
    with pytest.raises(ConfigError):
        load_catalogue(settings, tmp_path)


def test_a_catalogue_that_is_too_large_or_led_to_an_open_address_is_refused(tmp_path, server):
    server.answers["/large"] = (200, {}, b" " * 8_000_001)
    with pytest.raises(HermesError, match="larger than"):
        load_catalogue(Settings(catalogue=f"{server.address}/large"), tmp_path)
    server.answers["/moved"] = (302, {"Location": "http://catalogue.acme.test/"}, b"")
    with pytest.raises(HermesError, match="not an https address"):
        load_catalogue(Settings(catalogue=f"{server.address}/moved"), tmp_path)


@pytest.mark.parametrize("address", ["http://acme.test/c.json", "ftp://acme.test/c.json", "https://me:pw@acme.test/c"])
def test_a_catalogue_is_not_asked_for_over_an_open_line_or_with_a_password(tmp_path, address):
    with pytest.raises(HermesError) as caught:
        load_catalogue(Settings(catalogue=address), tmp_path)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be used"),
        ("[" * 100_000, "cannot be used"),
        (document(version=2), "format 2"),
        (document({"name": "acme"}), "distribution"),
        (document({**ACME, "name": "../acme"}), "no plugin's name"),
        (document({**ACME, "distribution": "-rfile"}), "no distribution's name"),
        (document({**ACME, "index": "--extra-index-url"}), "no address"),
        (document(ACME, {**ACME, "name": "other", "distribution": "Hermes.Acme"}), "another of that name"),
        (document({**ACME, "versions": [{"version": "1", "url": "a.whl", "sha256": "12"}]}), "no SHA-256"),
        (document({**ACME, "versions": [{"version": "x", "url": "a.whl", "sha256": "0" * 64}]}), "is no version"),
    ],
)
def test_a_catalogue_that_is_not_sound_is_refused_whole(tmp_path, text, said):
    path = tmp_path / "catalogue.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        load_catalogue(Settings(), tmp_path, str(path))


def test_revocations_name_versions_or_all(tmp_path):
    path = tmp_path / "catalogue.json"
    revoked = (
        {"distribution": "Hermes_Bad", "reason": "It sent keys away."},
        {"distribution": "hermes-acme", "versions": ["1.0"], "reason": "It is broken."},
    )
    path.write_text(document(ACME, revoked=revoked), encoding="utf-8")
    catalogue = load_catalogue(Settings(), tmp_path, str(path))
    assert catalogue.revoked("hermes-bad", "7") == "It sent keys away."
    assert catalogue.revoked("hermes-acme", "1.0.0") == "It is broken."
    assert catalogue.revoked("hermes-acme", "1.1") == ""
