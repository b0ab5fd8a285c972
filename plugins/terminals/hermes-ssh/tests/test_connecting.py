# ruff: noqa: ASYNC240 - small files of the test itself
from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hermes_ssh.backend import SshBackend
from hermes_ssh.connecting import Hop
from hermes_ssh.failures import Unreachable

from hermes_host.errors import ConfigError, HermesError
from hermes_host.testing.terminals import run

if TYPE_CHECKING:
    from collections.abc import Callable


async def says_hello(backend: SshBackend) -> None:
    async with backend.open("test", "") as terminal:
        assert (await run(terminal, "echo hello")).out == b"hello\n"


async def refusal(backend: SshBackend) -> HermesError:
    with pytest.raises(HermesError) as raised:
        await says_hello(backend)
    assert raised.value.remedy
    return raised.value


async def test_a_new_machine_is_remembered_and_a_changed_key_is_refused(make_server: Callable[..., Any]) -> None:
    server = make_server()
    await says_hello(SshBackend(server.settings()))
    known = Path(server.settings().known_hosts)
    assert known.read_text(encoding="utf-8").startswith(f"[127.0.0.1]:{server.port} ssh-ed25519 ")
    assert known.stat().st_mode & 0o777 == 0o600
    remembered = known.read_bytes()
    await says_hello(SshBackend(server.settings()))
    assert known.read_bytes() == remembered

    server.stop()
    impostor = make_server(host_key="other_machine", port=server.port)
    error = await refusal(SshBackend(impostor.settings(known_hosts=str(known))))
    assert "HAS CHANGED" in error.message
    assert f"ssh-keygen -R '[127.0.0.1]:{server.port}'" in error.remedy
    assert known.read_bytes() == remembered


async def test_a_strict_policy_refuses_an_unknown_machine_and_remembers_nothing(server: Any, tmp_path: Path) -> None:
    settings = server.settings(host_keys="strict", known_hosts=str(tmp_path / "known"))
    error = await refusal(SshBackend(settings))
    assert "not known" in error.message
    assert "SHA256:" in error.message
    assert "ssh-keyscan" in error.remedy
    assert not (tmp_path / "known").exists()
    (tmp_path / "known").write_text("# no end of line", encoding="utf-8")
    await says_hello(SshBackend(server.settings(known_hosts=str(tmp_path / "known"))))
    await says_hello(SshBackend(settings))


async def test_a_key_that_is_not_accepted_is_said_with_what_to_do(server: Any, keys: dict[str, Path]) -> None:
    error = await refusal(SshBackend(server.settings(key=str(keys["stranger"]))))
    assert "refused the login" in error.message
    assert "authorized_keys" in error.remedy


async def test_a_protected_key_needs_its_passphrase(make_server: Callable[..., Any]) -> None:
    server = make_server(client_key="protected")
    error = await refusal(SshBackend(server.settings()))
    assert isinstance(error, ConfigError)
    assert "SSH_KEY_PASSPHRASE" in error.remedy
    error = await refusal(SshBackend(server.settings(), passphrase=lambda: "wrong"))
    assert "wrong" in error.message
    await says_hello(SshBackend(server.settings(), passphrase=lambda: "a passphrase"))


async def test_a_machine_that_refuses_or_is_silent_is_said(server: Any) -> None:
    error = await refusal(SshBackend(server.settings(port=1)))
    assert isinstance(error, Unreachable)
    assert "refused the connection" in error.message
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        error = await refusal(SshBackend(server.settings(port=silent.getsockname()[1], connect_timeout=0.3)))
    assert "did not answer within 0.3 s" in error.message


async def test_a_missing_key_file_is_said(server: Any) -> None:
    assert "ssh.key" in (await refusal(SshBackend(server.settings(key="/no/such/key")))).remedy


async def test_the_way_goes_through_a_jump_host(make_server: Callable[..., Any]) -> None:
    target, jump = make_server(host_key="other_machine"), make_server()
    async with asyncio.timeout(10):
        while jump.connections():  # noqa: ASYNC110, the one that saw that it listens; it sets no event
            await asyncio.sleep(0.02)
    user = target.settings().user
    settings = target.settings(jump=(f"{user}@127.0.0.1:{jump.port}",))
    async with SshBackend(settings).open("test", "") as terminal:
        assert len(jump.connections()) == 1
        assert (await run(terminal, "echo $SSH_CONNECTION")).out.split()[3] == str(target.port).encode()
        assert await terminal.resolve(".") == terminal.directory
    known = Path(settings.known_hosts).read_text(encoding="utf-8")
    assert f":{target.port} " in known
    assert f":{jump.port} " in known


async def test_openssh_configuration_is_honoured(server: Any, tmp_path: Path) -> None:
    settings = server.settings()
    text = (
        f"Host box\n  HostName 127.0.0.1\n  Port {server.port}\n  User {settings.user}\n  IdentityFile {settings.key}\n"
    )
    (tmp_path / "config").write_text(text, encoding="utf-8")
    named = server.settings(host="box", port=0, user="", key="", config=str(tmp_path / "config"))
    await says_hello(SshBackend(named))


async def test_the_agent_gives_the_key(server: Any, keys: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    asyncssh = pytest.importorskip("asyncssh")
    import tempfile

    with tempfile.TemporaryDirectory() as folder:  # a short path: that of a socket has little room
        agent = await asyncio.create_subprocess_exec("ssh-agent", "-D", "-a", f"{folder}/agent", stdout=-3)
        try:
            async with asyncio.timeout(10):
                while not Path(f"{folder}/agent").exists():  # noqa: ASYNC110, other processes set no event
                    await asyncio.sleep(0.02)
            async with asyncssh.connect_agent(f"{folder}/agent") as client:
                await client.add_keys([asyncssh.read_private_key(str(keys["client"]))])
            monkeypatch.setenv("SSH_AUTH_SOCK", f"{folder}/agent")
            await says_hello(SshBackend(server.settings(key="", agent=True)))
        finally:
            agent.terminate()
            await agent.wait()


@pytest.mark.parametrize(
    ("text", "host", "user", "port"),
    [("a", "a", "", 0), ("me@a.b:22", "a.b", "me", 22), ("[::1]:99", "::1", "", 99)],
)
def test_a_jump_host_is_read(text: str, host: str, user: str, port: int) -> None:
    hop = Hop.parse(text)
    assert (hop.host, hop.user, hop.port) == (host, user, port)


@pytest.mark.parametrize("text", ["", "a b", "m@e@a", "a:b", "::1", "-oProxyCommand=x y"])
def test_what_is_no_machine_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="jump"):
        Hop.parse(text)
