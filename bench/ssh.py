"""What a command over SSH costs, against OpenSSH with a shared connection (ControlMaster) in the same run.

`python -m bench.ssh [--runs N]`; needs an OpenSSH server and client on this machine, started here on loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import getpass
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path

from bench.measure import Row

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
CONFIGURATION = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/machine
PidFile none
AuthorizedKeysFile {folder}/client.pub
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
SetEnv HOME={folder}/home
"""


def measure(runs: int) -> list[Row]:
    """A trivial command and reading a small file, on a connection that is there."""
    if SSHD is None or shutil.which("ssh") is None:
        return []
    with tempfile.TemporaryDirectory(prefix="hermes-bench-") as name:
        folder = Path(name)
        with _server(folder) as port, _master(folder, port) as ssh:
            floor = _median(runs, lambda: subprocess.run([*ssh, "true"], check=True, stdin=subprocess.DEVNULL))
            command, reading = asyncio.run(_ours(folder, port, runs))
    over = Row("a command over SSH, more than OpenSSH", command - floor, "ms", 10.0, floor, "ssh true", "ms")
    over.notes.append(f"ours: {command:.1f} ms")
    return [over, Row("a small file over SFTP", reading, "ms")]


def _median(runs: int, work: Callable[[], object]) -> float:
    taken = []
    for _ in range(runs + 2):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken[2:])


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[int]:
    (folder / "home").mkdir()
    for name in ("machine", "client"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    (folder / "sshd_config").write_text(CONFIGURATION.format(port=port, folder=folder), encoding="utf-8")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    process = subprocess.Popen([str(SSHD), "-D", "-f", str(folder / "sshd_config"), "-E", str(folder / "log")])
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def _master(folder: Path, port: int) -> Iterator[list[str]]:
    options = ["StrictHostKeyChecking=no", f"UserKnownHostsFile={folder}/known", "LogLevel=ERROR", "BatchMode=yes"]
    given = [word for option in options for word in ("-o", option)]
    ssh = ["ssh", "-F", "/dev/null", "-p", str(port), "-i", str(folder / "client"), "-S", str(folder / "c"), *given]
    target = f"{getpass.getuser()}@127.0.0.1"
    subprocess.run([*ssh, "-fNM", "-o", "ControlPersist=600", target], check=True, stdin=subprocess.DEVNULL)
    try:
        yield [*ssh, target]
    finally:
        subprocess.run([*ssh, "-O", "exit", target], check=False, capture_output=True)


async def _ours(folder: Path, port: int, runs: int) -> tuple[float, float]:
    from hermes_ssh.backend import SshBackend
    from hermes_ssh.settings import Settings

    from hermes_host.protocols import Command, Exited

    settings = Settings(
        host="127.0.0.1",
        port=port,
        user=getpass.getuser(),
        key=str(folder / "client"),
        agent=False,
        known_hosts=str(folder / "known_to_us"),
        config="",
    )
    commands, readings = [], []
    async with SshBackend(settings).open("bench", "") as terminal:
        await terminal.write("file", b"x" * 1000)
        for _ in range(runs + 2):
            started = time.perf_counter()
            async with aclosing(terminal.run(Command(script="true"))) as events:  # type: ignore[type-var]
                assert [event async for event in events] == [Exited(code=0)]
            commands.append((time.perf_counter() - started) * 1000)
            started = time.perf_counter()
            await terminal.read("file")
            readings.append((time.perf_counter() - started) * 1000)
    return statistics.median(commands[2:]), statistics.median(readings[2:])


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.ssh", description=__doc__)
    parser.add_argument("--runs", type=int, default=21)
    rows = measure(parser.parse_args().runs)
    for row in rows:
        floor = "" if row.floor is None else f"{row.floor_name}: {row.floor:.1f} {row.floor_unit}"
        print(f"{row.name:<46} {row.value:>9.2f} {row.unit} {floor} {' '.join(row.notes)}".rstrip())
    if not rows:
        print("There is no OpenSSH server here.", file=sys.stderr)
    return int(any(row.met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
