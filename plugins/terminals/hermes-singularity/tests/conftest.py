"""A root file system with busybox in it, and the stand-in for the command line that runs programs in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hermes_singularity.backend import SingularityBackend
from hermes_singularity.settings import Settings

BUSYBOX = shutil.which("busybox")


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that is an image: a static busybox and nothing else."""
    if BUSYBOX is None or shutil.which("bwrap") is None or shutil.which("nsenter") is None:
        pytest.skip("no bubblewrap, nsenter or busybox (Debian: apt-get install bubblewrap util-linux busybox-static)")
    root = tmp_path_factory.mktemp("image") / "root"
    for name in ("bin", "dev", "etc", "proc", "root", "sys", "tmp", "usr", "var/tmp"):
        (root / name).mkdir(parents=True)
    shutil.copy(BUSYBOX, root / "bin" / "busybox")
    try:
        listed = subprocess.run(["chroot", str(root), "/bin/busybox", "--list"], capture_output=True, text=True)
    except OSError:
        listed = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True)
    for name in listed.stdout.split():
        if name != "busybox":
            (root / "bin" / name).symlink_to("busybox")
    if not (root / "bin" / "sh").exists():
        pytest.skip("the busybox here is not a static one (Debian: apt-get install busybox-static)")
    # Debian's busybox has none.
    (root / "bin" / "nohup").unlink(missing_ok=True)
    (root / "bin" / "nohup").write_text("#!/bin/sh\ntrap '' HUP\nexec \"$@\"\n", encoding="utf-8")
    (root / "bin" / "nohup").chmod(0o755)
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n", encoding="utf-8")
    (root / "etc" / "motd").write_text("from the image\n", encoding="utf-8")
    tried = subprocess.run(
        ["bwrap", "--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", "--unshare-pid", "/bin/true"],
        capture_output=True,
        text=True,
    )
    if tried.returncode:
        pytest.skip(f"bubblewrap cannot be used here: {tried.stderr.strip()}")
    return root


class StandIn:
    """The program, and what it was called with."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.state.mkdir()
        self.program = folder / "apptainer"
        script = Path(__file__).with_name("stand_in.py")
        text = f'#!/bin/sh\nexec {sys.executable} -I -S {script} {self.state} "$@"\n'
        self.program.write_text(text, encoding="utf-8")
        self.program.chmod(0o755)

    def calls(self) -> list[list[str]]:
        import json

        return [json.loads(line) for line in (self.state / "calls").read_text(encoding="utf-8").splitlines()]

    def instances(self) -> list[str]:
        return sorted(path.stem for path in self.state.glob("*.json"))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(self.program), *words], capture_output=True, text=True, env=dict(os.environ))


@pytest.fixture
def stand_in(tmp_path: Path, image: Path) -> StandIn:
    return StandIn(tmp_path)


@pytest.fixture
def settings(stand_in: StandIn, image: Path) -> Settings:
    return Settings(image=str(image), program=str(stand_in.program))


@pytest.fixture
def backend(settings: Settings, tmp_path: Path) -> SingularityBackend:
    return SingularityBackend(settings, tmp_path / "kept")
