"""A real OpenSSH server on loopback, with keys and files of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from hermes_ssh.backend import SshBackend
from hermes_ssh.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

CONFIGURATION = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {host_key}
PidFile none
AuthorizedKeysFile {authorized}
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
MaxStartups 100
SetEnv HOME={home}
"""
# A home of its own, so that start-up files of whoever runs the tests make no difference.


def make_key(path: Path, passphrase: str = "") -> Path:
    """A new key pair."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f", str(path)],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return path


class Server:
    """An sshd process; `settings` are those of a client that may log in."""

    def __init__(self, folder: Path, host_key: Path, client_key: Path, port: int = 0, extra: str = "") -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.port = port or free_port()
        self.client_key = client_key
        home = folder / "home"
        home.mkdir()
        authorized = folder / "authorized_keys"
        shutil.copy(f"{client_key}.pub", authorized)
        text = CONFIGURATION.format(port=self.port, host_key=host_key, authorized=authorized, home=home) + extra
        (folder / "sshd_config").write_text(text, encoding="utf-8")
        assert SSHD is not None
        # As root, sshd wants the directory its packages make when they start it.
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.process = subprocess.Popen(
            [SSHD, "-D", "-f", str(folder / "sshd_config"), "-E", str(folder / "log")],
            stdin=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"]},
        )
        self._wait_until_it_listens()

    def _wait_until_it_listens(self) -> None:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.02)  # a listening socket of another process can only be tried
        raise AssertionError((self.folder / "log").read_text(encoding="utf-8"))

    def settings(self, **changes: object) -> Settings:
        settings = Settings(
            host="127.0.0.1",
            user=os.environ.get("USER") or subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip(),
            port=self.port,
            key=str(self.client_key),
            agent=False,
            known_hosts=str(self.folder / "known_hosts"),
            config="",
            reconnect_for=5.0,
        )
        return msgspec.structs.replace(settings, **changes)

    def connections(self) -> list[int]:
        """The processes that serve connections."""
        found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True)
        return [int(line) for line in found.stdout.split()]

    def cut(self) -> None:
        """End every connection, as when the network fails."""
        for pid in self.connections():
            for each in [pid, *children(pid)]:
                if "sshd" in Path(f"/proc/{each}/comm").read_text(encoding="utf-8"):
                    os.kill(each, signal.SIGKILL)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)


def children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Key pairs: of two machines, of the client, and of a stranger."""
    if SSHD is None or shutil.which("ssh-keygen") is None:
        pytest.skip("no OpenSSH server here (Debian: apt-get install openssh-server)")
    folder = tmp_path_factory.mktemp("keys")
    keys = {name: make_key(folder / name) for name in ("machine", "other_machine", "client", "stranger")}
    keys["protected"] = make_key(folder / "protected", "a passphrase")
    return keys


@pytest.fixture(scope="session")
def server(keys: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"), keys["machine"], keys["client"])
    yield server
    server.stop()


@pytest.fixture
def make_server(keys: dict[str, Path], tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts further servers, ended with the test."""
    servers: list[Server] = []

    def make(host_key: str = "machine", client_key: str = "client", **options: object) -> Server:
        folder = tmp_path / f"server-{len(servers)}"
        servers.append(Server(folder, keys[host_key], keys[client_key], **options))
        return servers[-1]

    yield make
    for each in servers:
        each.stop()


@pytest.fixture
def backend(server: Server) -> SshBackend:
    return SshBackend(server.settings())
