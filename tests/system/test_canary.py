"""Secrets are nowhere but where they were put: not on the disk, not on the screen, not with the model.

Canaries lie in the environment, in `.env`, in config.yaml and in a secret store. A real `hermes`, with every installed
plugin, then does all it can to spread them: commands and scripts that print them, plain, encoded and in pieces,
tracebacks, a vendor whose errors repeat the key. Afterwards every byte of the home, of everything printed and of
everything sent is searched.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from hermes_host.messages import ToolCall
from hermes_host.testing.model_server import Answer, ModelServer, Received, json_answer
from hermes_host.testing.model_server_chat import chat

pytest.importorskip("hermes_secrets")
pytest.importorskip("hermes_code")
pytest.importorskip("hermes_terminal")

HERMES = str(Path(sys.executable).with_name("hermes"))

CANARIES = {
    "ACME_API_KEY": "canary+env/7f31c0Zq==&ye",
    "BETA_API_KEY": "canary+dot/91be44Wk==&no",
    "MODEL_KEY": "canary+cfg/3a02ffTv==&so",
    "GAMMA_API_KEY": "canary+sto/c85d17Rm==&if",
}
"""In the environment, in `.env`, in config.yaml, in the store. With characters that encodings change."""

STORE = """#!{python}
import pathlib, sys
entry = pathlib.Path({folder!r}, sys.argv[1])
sys.exit("no such entry") if not entry.exists() else sys.stdout.write(entry.read_text() + "\\n")
"""


def forms(value: str) -> Iterator[bytes]:
    """The value, plain and as encodings have it: whatever stands before it in the encoded text."""
    yield value.encode()
    yield quote(value, safe="").encode()
    yield quote(value, safe="/").encode()
    yield quote_plus(value).encode()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + value.encode())
        yield encoded[4 if offset else 0 : -4]
        yield base64.urlsafe_b64encode(b"\0" * offset + value.encode())[4 if offset else 0 : -4]


FORMS = {name: set(forms(value)) for name, value in CANARIES.items()}


def found_in(data: bytes) -> list[str]:
    """The names of the canaries that are in it, also where line breaks or spaces were put in between."""
    dense = re.sub(rb"[\s\x1b]+", b"", data)
    return [name for name, texts in FORMS.items() if any(text in data or text in dense for text in texts)]


class House:
    """A home with canaries in it, a working folder, and a secret store outside of both."""

    def __init__(self, folder: Path) -> None:
        self.home, self.work, self.vault = folder / "home", folder / "work", folder / "vault"
        for directory in (self.home, self.work, self.vault):
            directory.mkdir(mode=0o700)
        self.store = self.vault / "show"
        self.store.write_text(STORE.format(python=sys.executable, folder=str(self.vault)), encoding="utf-8")
        self.store.chmod(0o755)
        (self.vault / "GAMMA_API_KEY").write_text(CANARIES["GAMMA_API_KEY"], encoding="utf-8")
        self._env_file = self.home / ".env"
        self._env_file.write_text(f"BETA_API_KEY='{CANARIES['BETA_API_KEY']}'\n", encoding="utf-8")
        self._env_file.chmod(0o600)
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "HERMES_HOME": str(self.home),
            "ACME_API_KEY": CANARIES["ACME_API_KEY"],
            "ANTHROPIC_API_KEY": "",
        }
        self.printed: list[bytes] = []
        self.sent: list[bytes] = []
        self.seen_outside: list[str] = []

    def use_server(self, url: str) -> None:
        settings = {
            "model": {"provider": "custom", "base_url": url, "default": "test-model", "api_key": "${GAMMA_API_KEY}"},
            "custom_providers": [{"name": "spare", "base_url": url, "api_key": CANARIES["MODEL_KEY"]}],
            "secrets": {"stores": ["command"]},
            "secret_command": {"get": [str(self.store), "{name}"], "missing": ["no such entry"]},
            "display": {"tool_progress": "verbose", "show_reasoning": True},
        }
        (self.home / "config.yaml").write_text(json.dumps(settings), encoding="utf-8")

    async def run(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            HERMES,
            *arguments,
            cwd=self.work,
            env=self.environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        self.printed.append(output)
        return output.decode()

    def look_outside(self) -> None:
        """Arguments of every process there is, and the environment of those that `hermes` has started."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                arguments = (folder / "cmdline").read_bytes()
                environment = (folder / "environ").read_bytes()
            except OSError:
                continue
            if found_in(arguments):
                self.seen_outside.append(f"arguments: {arguments[:100]!r}")
            of_hermes = HERMES.encode() in arguments
            if not of_hermes and os.fsencode(self.home.parent) in environment and found_in(environment):
                self.seen_outside.append(f"environment of {arguments[:100]!r}")

    def leaks(self) -> list[str]:
        """Every place that has a canary and should not."""
        allowed = {self.home / ".env": {"BETA_API_KEY"}, self.home / "config.yaml": {"MODEL_KEY"}}
        found = list(self.seen_outside)
        for path in filter(Path.is_file, sorted(self.home.rglob("*"))):
            names = set(found_in(path.read_bytes())) - allowed.get(path, set())
            found += [f"{path.relative_to(self.home)}: {sorted(names)}"] if names else []
        found += [f"printed: {names}" for data in self.printed if (names := found_in(data))]
        found += [f"sent: {names}" for data in self.sent if (names := found_in(data))]
        return found


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def spreading(house: House) -> Sequence[tuple[str, dict[str, Any]]]:
    """Calls that would show the canaries, in every way that comes to mind."""
    files = f"{house.home}/.env {house.home}/config.yaml {house.vault}/GAMMA_API_KEY"
    script = (
        "import base64, os, sys, urllib.parse\n"
        f"text = ''.join(open(name).read() for name in {files.split()!r})\n"
        "print(dict(os.environ)); print(text); print(urllib.parse.quote(text, safe=''))\n"
        "for shift in range(3): print(base64.b64encode(b'x' * shift + text.encode()).decode())\n"
        "for letter in text: sys.stdout.write(letter); sys.stdout.flush()\n"
        "raise RuntimeError(text)"
    )
    slowly = f"for f in {files}; do head -c 60 $f; sleep 0.15; tail -c +61 $f; done"
    return [
        ("terminal", {"command": f"env; cat {files}"}),
        ("terminal", {"command": f"base64 {files.split()[0]}; cat {files} | base64 -w 0"}),
        ("terminal", {"command": "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -a ^ACME_API_KEY"}),
        ("terminal", {"command": slowly}),
        ("terminal", {"command": f"cat {files} >&2; exit 3", "pty": True}),
        ("read_file", {"path": f"{house.home}/.env"}),
        ("read_file", {"path": f"{house.vault}/GAMMA_API_KEY"}),
        ("search_files", {"pattern": "canary", "path": str(house.vault)}),
        ("execute_code", {"code": script}),
        ("terminal", {"command": f"cat {files} > copied; git init -q . 2>/dev/null; cat copied"}),
        ("memory", {"action": "add", "target": "memory", "content": "The user keeps keys in a vault."}),
    ]


def model(house: House, calls: Sequence[tuple[str, dict[str, Any]]]) -> Callable[[Received], Answer]:
    """Makes the calls one after the other, then says that it is done."""

    def answer(received: Received) -> Answer:
        house.sent.append(received.body)
        house.look_outside()
        done = sum(message["role"] == "tool" for message in received.json["messages"])
        if done >= len(calls) or not received.json.get("tools"):
            return chat("Done.")(received)
        name, arguments = calls[done]
        call = ToolCall(id=f"call_{done}", name=name, arguments=arguments, raw=json.dumps(arguments))
        return chat(call)(received)

    return answer


async def test_no_tool_spreads_a_secret(house: House) -> None:
    async with ModelServer(model(house, spreading(house))) as server:
        house.use_server(server.url)
        said = await house.run("--yolo", "-v", "chat", "-q", "Spread the news.")
        assert "Done." in said
        keys = {request.headers.get("authorization") for request in server.requests}
        assert keys == {f"Bearer {CANARIES['GAMMA_API_KEY']}"}, "the key goes where it belongs"
        messages = server.requests[-1].json["messages"]
    results = [message["content"] for message in messages if message["role"] == "tool"]
    assert len(results) == len(spreading(house))
    for label in ("[secret ACME_API_KEY]", "[secret BETA_API_KEY]", "[secret GAMMA_API_KEY]", "[secret]"):
        assert label in "".join(results), f"nothing showed {label}: the test tests nothing"
    (session,) = json.loads(await house.run("sessions", "list", "--json"))
    assert "Spread the news" in await house.run("sessions", "export", session["id"])
    await house.run("sessions", "search", "canary")
    await house.run("config", "show")
    await house.run("secrets", "list", "--all")
    await house.run("memory", "list")
    assert "\n".join(house.leaks()) == ""


async def test_output_that_is_kept_in_files_holds_no_secret(house: House) -> None:
    files = f"{house.home}/.env {house.vault}/GAMMA_API_KEY"
    calls = [
        ("terminal", {"command": f"cat {files}; seq 20000"}),
        ("terminal", {"command": f"cat {files}", "background": True}),
    ]
    async with ModelServer(model(house, calls)) as server:
        house.use_server(server.url)
        await house.run("--yolo", "chat", "-q", "Spread the news.")
    assert "\n".join(house.leaks()) == ""


def refusing(text: Callable[[str], str]) -> Callable[[Received], Answer]:
    """A vendor that accepts no key and says something about it."""

    def answer(received: Received) -> Answer:
        said = text(received.headers["authorization"].removeprefix("Bearer "))
        return json_answer({"error": {"message": said, "type": "invalid_request_error"}}, status=401)

    return answer


async def test_a_vendor_whose_error_repeats_the_key_gives_nothing_away(house: House) -> None:
    async with ModelServer(refusing(lambda key: f"Incorrect API key provided: {key}.")) as server:
        house.use_server(server.url)
        said = await house.run("-v", "chat", "-q", "hi")
    assert "Incorrect API key provided: [secret" in said
    assert "\n".join(house.leaks()) == ""


@pytest.mark.parametrize(
    "text",
    [
        lambda key: f"Bad key: {quote(key, safe='')}.",
        lambda key: f"Bad key: {base64.b64encode(key.encode()).decode()}.",
        lambda key: f"Bad key, such as {CANARIES['BETA_API_KEY']}.",
    ],
)
async def test_nor_does_one_that_repeats_it_in_another_form(house: House, text: Callable[[str], str]) -> None:
    async with ModelServer(refusing(text)) as server:
        house.use_server(server.url)
        assert "Bad key" in await house.run("-v", "chat", "-q", "hi")
    assert "\n".join(house.leaks()) == ""
