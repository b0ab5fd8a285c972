"""A real dockerd and a real Podman, started here on sockets of their own, and an image made of this machine's programs.

Nothing is fetched from anywhere. Both run as root, without a bridge and without touching the firewall. Where a program
is missing, its tests are skipped.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSYBOX = "localhost/hermes-test-busybox:latest"
BASH = "localhost/hermes-test-bash:latest"

CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
netns = "none"
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "file"
"""


@dataclass(frozen=True)
class Service:
    """A container service for tests."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    folder: Path

    def client(self) -> Any:
        import docker

        return docker.DockerClient(base_url=self.url, timeout=60)


@pytest.fixture(scope="session")
def dockerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    need("dockerd", "runc")
    with folder_for(tmp_path_factory, "dockerd") as folder:
        command = [
            "dockerd", "--host", f"unix://{folder}/docker.sock", "--data-root", f"{folder}/data",
            "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/docker.pid", "--storage-driver", storage_driver(),
            "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false", "--bridge=none",
            "--exec-opt", "native.cgroupdriver=cgroupfs",
        ]  # fmt: skip
        with running("docker", command, folder, f"unix://{folder}/docker.sock", {}) as service:
            yield service


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    need("podman", "runc")
    with folder_for(tmp_path_factory, "podman") as folder:
        (folder / "containers.conf").write_text(CONTAINERS_CONF, encoding="utf-8")
        command = [
            "podman", "--root", f"{folder}/data", "--runroot", f"{folder}/run", "--tmpdir", f"{folder}/tmp",
            "--storage-driver", storage_driver(),
            "system", "service", "--time=0", f"unix://{folder}/podman.sock",
        ]  # fmt: skip
        environment = {"CONTAINERS_CONF": f"{folder}/containers.conf"}
        with running("podman", command, folder, f"unix://{folder}/podman.sock", environment) as service:
            yield service


def need(*programs: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("a container service for tests needs root")
    for program in (*programs, "busybox"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (Debian: docker.io, podman, runc, busybox-static)")


def storage_driver() -> str:
    return "overlay" if "overlay" in Path("/proc/filesystems").read_text(encoding="utf-8") else "vfs"


@contextlib.contextmanager
def folder_for(factory: pytest.TempPathFactory, name: str) -> Iterator[Path]:
    folder = factory.mktemp(name)
    try:
        yield folder
    finally:
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
        for mount in sorted((mount for mount in mounts if mount.startswith(f"{folder}/")), reverse=True):
            subprocess.run(["umount", "-l", mount], check=False)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running(name: str, command: list[str], folder: Path, url: str, environment: dict[str, str]) -> Iterator[Service]:
    if name == "docker":
        command = [word if word != "overlay" else "overlay2" for word in command]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, **environment}, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 20
        while not answers(url.removeprefix("unix://")):
            if process.poll() is not None or time.monotonic() > deadline:
                end = (folder / "log").read_text(encoding="utf-8", errors="replace")[-600:]
                pytest.skip(f"{name} does not run here: {end}")
            time.sleep(0.05)
        service = Service(name, url, process, folder)
        import_images(service)
        yield service
        client = service.client()
        for container in client.containers.list(all=True, ignore_removed=True):
            container.remove(force=True)
        client.close()
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        end_processes_naming(f"{folder}/")


def end_processes_naming(text: str) -> None:
    """Podman keeps a process for each command it has run, five minutes long, so that its end can be asked for."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if entry.name != str(os.getpid()) and text.encode() in (entry / "cmdline").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)


def answers(path: str) -> bool:
    """Whether a container service listens there: with neither program can one wait for that."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
        try:
            connection.connect(path)
        except OSError:
            return False
        connection.settimeout(5)
        connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: d\r\n\r\n")
        return b"200 OK" in connection.recv(1000)


# ------------------------------------------------------------------------------------------------------- images


def import_images(service: Service) -> None:
    client = service.client()
    for reference, data in ((BUSYBOX, busybox_image()), (BASH, bash_image())):
        repository, _, tag = reference.rpartition(":")
        client.api.import_image_from_data(data, repository=repository, tag=tag)
        client.images.get(reference)
    client.close()


def busybox_image() -> bytes:
    program = shutil.which("busybox")
    assert program is not None
    applets = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    with image() as archive:
        archive.add(os.path.realpath(program), "bin/busybox")
        for applet in applets:
            if applet != "busybox":
                link(archive, f"bin/{applet}", "busybox")
        if "nohup" not in applets:
            text(archive, "bin/nohup", b"#!/bin/sh\ntrap '' HUP\nexec \"$@\"\n", 0o755)
    return archive.data


def bash_image() -> bytes:
    """bash, dash and the usual programs of this machine, with their libraries."""
    names = (
        "bash dash env cat stat readlink find head tail mv rm rmdir mkdir chmod chown ln mkfifo printf sleep seq tr wc "
        "grep ps setsid nohup stty tty yes dd pwd test ls id sort sync tee touch uname"
    )
    programs = [path for name in names.split() if (path := shutil.which(name)) is not None]
    libraries: set[str] = set()
    for program in programs:
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        libraries |= {word for line in listed.splitlines() for word in line.split() if word.startswith("/")}
    with image() as archive:
        for program in programs:
            archive.add(os.path.realpath(program), f"bin/{Path(program).name}")
        link(archive, "bin/sh", "dash")
        for library in sorted(libraries):
            archive.add(os.path.realpath(library), library.lstrip("/"))
    return archive.data


class _Image(tarfile.TarFile):
    data = b""


@contextlib.contextmanager
def image() -> Iterator[_Image]:
    buffer = io.BytesIO()
    with _Image.open(fileobj=buffer, mode="w") as archive:
        for name in ("tmp", "root", "etc", "proc", "bin"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            archive.addfile(entry)
        text(archive, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nagent:x:1000:1000::/tmp:/bin/sh\n", 0o644)
        yield archive
    archive.data = buffer.getvalue()


def text(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def link(archive: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    archive.addfile(entry)
