"""Units for service managers: systemd (of a user or of the system) and launchd."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import msgspec

from hermes_host.errors import HermesError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Unit", "find", "unit"]


class Unit(msgspec.Struct, frozen=True):
    """A unit file and the commands that go with it."""

    manager: str
    """`systemd` or `launchd`."""
    name: str
    path: Path
    text: str
    install: tuple[tuple[str, ...], ...]
    """Commands after the file is written, in order."""
    uninstall: tuple[tuple[str, ...], ...]
    """Commands before the file is removed."""
    start: tuple[str, ...]
    stop: tuple[str, ...]
    restart: tuple[str, ...]
    workspace: Path
    """Where its conversations work."""

    @property
    def is_installed(self) -> bool:
        """Whether the file is there."""
        return self.path.exists()

    @property
    def is_current(self) -> bool:
        """Whether the file is what this installation would write."""
        return self.is_installed and self.path.read_text(encoding="utf-8") == self.text

    def write(self) -> None:
        """Write the file. Raises `HermesError`."""
        try:
            self.workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(self.text, encoding="utf-8")
        except OSError as error:
            raise HermesError(f"{self.path} cannot be written: {error.strerror}.") from error


def unit(home: Path, *, system: bool = False, user: str = "", platform: str = sys.platform) -> Unit:
    """The unit for the gateway of `home`. `system`: one of the machine's, run as `user`.

    Raises `Unsupported` where there is no service manager we know, `HermesError` for a system unit without a user.
    """
    if platform == "darwin":
        return _launchd(home)
    if not platform.startswith("linux"):
        raise Unsupported("Only systemd and launchd are known here.", remedy="Run `hermes gateway run` yourself.")
    if system and user in ("", "root"):
        raise HermesError(
            "A system service needs the name of a user who is not root.",
            remedy="hermes gateway install --system -u NAME",
        )
    return _systemd(home, system, user)


def find(home: Path) -> Unit | None:
    """The unit that is installed for the gateway of `home`."""
    for system in (False, True):
        try:
            found = unit(home, system=system, user="-" if system else "")
        except HermesError:
            return None
        if found.is_installed:
            return found
    return None


def run(commands: Sequence[Sequence[str]]) -> None:
    """Run commands of a service manager. Raises `HermesError` with what the first one that fails said."""
    for command in commands:
        if shutil.which(command[0]) is None:
            raise HermesError(f"{command[0]} is not installed.", remedy="Run `hermes gateway run` yourself.")
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            said = (result.stderr or result.stdout).strip().splitlines()
            raise HermesError(f"`{' '.join(command)}` failed: {said[-1] if said else result.returncode}")


def _name(home: Path) -> str:
    """`hermes-gateway`, with a short word for a home that is not the usual one."""
    usual = Path("~/.hermes").expanduser()
    return "hermes-gateway" + ("" if home == usual else f"-{hashlib.sha256(str(home).encode()).hexdigest()[:8]}")


def _systemd(home: Path, system: bool, user: str) -> Unit:
    name = f"{_name(home)}.service"
    folder = Path("/etc/systemd/system") if system else Path("~/.config/systemd/user").expanduser()
    control = ("systemctl",) if system else ("systemctl", "--user")
    text = f"""[Unit]
Description=Hermes gateway
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
{f"User={user}" if system else ""}
WorkingDirectory={_quoted(str(home / "workspace"))}
ExecStart={_quoted(sys.executable)} -c "from hermes_host.cli import main; main()" gateway run
Environment={_quoted(f"HERMES_HOME={home}")}
Environment={_quoted(f"PATH={_path()}")}
Restart=on-failure
RestartSec=10
RestartSteps=6
RestartMaxDelaySec=300
WatchdogSec=60
KillMode=mixed
TimeoutStopSec=90

[Install]
WantedBy={"multi-user.target" if system else "default.target"}
"""
    return Unit(
        manager="systemd",
        name=name,
        path=folder / name,
        text=text.replace("\n\nExecStart", "\nExecStart"),
        install=((*control, "daemon-reload"), (*control, "enable", "--now", name)),
        uninstall=((*control, "disable", "--now", name),),
        start=(*control, "start", name),
        stop=(*control, "stop", name),
        restart=(*control, "restart", name),
        workspace=home / "workspace",
    )


def _launchd(home: Path) -> Unit:
    label = f"org.{_name(home)}"
    path = Path("~/Library/LaunchAgents").expanduser() / f"{label}.plist"
    log = home / "logs" / "gateway.log"
    arguments = (sys.executable, "-c", "from hermes_host.cli import main; main()", "gateway", "run")
    listed = "\n".join(f"      <string>{escape(item)}</string>" for item in arguments)
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
  <dict>
    <key>Label</key>
    <string>{label}</string>
    <key>ProgramArguments</key>
    <array>
{listed}
    </array>
    <key>EnvironmentVariables</key>
    <dict>
      <key>HERMES_HOME</key>
      <string>{escape(str(home))}</string>
      <key>PATH</key>
      <string>{escape(_path())}</string>
    </dict>
    <key>WorkingDirectory</key>
    <string>{escape(str(home / "workspace"))}</string>
    <key>RunAtLoad</key>
    <true/>
    <key>KeepAlive</key>
    <dict>
      <key>SuccessfulExit</key>
      <false/>
    </dict>
    <key>StandardOutPath</key>
    <string>{escape(str(log))}</string>
    <key>StandardErrorPath</key>
    <string>{escape(str(log))}</string>
  </dict>
</plist>
"""
    domain = f"gui/{os.getuid()}"
    return Unit(
        manager="launchd",
        name=label,
        path=path,
        text=text,
        install=(("launchctl", "bootstrap", domain, str(path)),),
        uninstall=(("launchctl", "bootout", f"{domain}/{label}"),),
        start=("launchctl", "kickstart", f"{domain}/{label}"),
        stop=("launchctl", "kill", "SIGTERM", f"{domain}/{label}"),
        restart=("launchctl", "kickstart", "-k", f"{domain}/{label}"),
        workspace=home / "workspace",
    )


def _path() -> str:
    """Where programs are looked for: this environment first, then what the person has now."""
    return os.pathsep.join(
        dict.fromkeys([str(Path(sys.executable).parent), *os.environ.get("PATH", "").split(os.pathsep)])
    )


def _quoted(text: str) -> str:
    """A word of a unit file. Source: systemd.syntax(7): `%` and `$` are expanded."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$") + '"'
