"""The environment the host runs in, and the program that made it: uv or pip. Commands are argument lists, shown before
they run; no shell, no secret and no build script is part of them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from hermes_host.errors import HermesError
from hermes_host.visible import exact
from hermes_installer.fetch import check_address

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Origin", "Tool", "durable_hint", "environment_fault", "find_tool", "scrubbed_environment", "site_packages"]

_SECONDS = 900.0
_SHOWN_LINES = 15

_PASSED = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TERM", "SYSTEMROOT"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NETRC", "KEYRING_PROPERTY_NAME"),
        *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),
    }
)
_INDEX_SETTINGS = (
    "INDEX",
    "FIND_LINKS",
    "NO_INDEX",
    "EXTRA",
    "CONFIG",
    "REQUIREMENT",
    "TARGET",
    "PREFIX",
    "CONSTRAINT",
)


class Origin(msgspec.Struct, frozen=True):
    """Where distributions may come from."""

    index: str = ""
    """The address of the one index; empty for what pip or uv is set up with."""
    folder: str = ""
    """A folder of wheels, which then stands for every index."""

    def __post_init__(self) -> None:
        if self.index:
            check_address(self.index)

    @property
    def text(self) -> str:
        """As the lock file has it."""
        return self.folder or self.index


class Tool(msgspec.Struct, frozen=True):
    """The installing program."""

    kind: Literal["uv", "pip"]
    program: str
    """The path of uv; of pip, the interpreter whose module it is."""

    def install(
        self,
        requirements: Sequence[str],
        *,
        origin: Origin,
        python: str = sys.executable,
        target: Path | None = None,
        dependencies: bool = True,
        constraints: Path | None = None,
    ) -> list[str]:
        """The command that installs wheels, and nothing but wheels: no code of theirs runs."""
        if self.kind == "uv":
            # Copies: a link into uv's cache would carry a change of an installed file into every later installation.
            command = [self.program, "pip", "install", "--python", python, "--link-mode", "copy"]
        else:
            command = [self.program, "-I", "-m", "pip", *([] if python == self.program else ["--python", python])]
            command += ["install", "--no-input", "--disable-pip-version-check"]
        command += ["--only-binary", ":all:"]
        if target is not None:
            command += ["--target", str(target)]
            # What is looked at is what is there now, not what uv remembers.
            command += ["--refresh"] if self.kind == "uv" else []
        if not dependencies:
            command += ["--no-deps"]
        if constraints is not None:
            command += ["--constraint" if self.kind == "pip" else "--constraints", str(constraints)]
        if origin.folder:
            command += ["--no-index", "--find-links", origin.folder]
        elif origin.index:
            command += ["--no-config", "--default-index"] if self.kind == "uv" else ["--index-url"]
            command += [origin.index]
        return [*command, *requirements]

    def uninstall(self, distributions: Sequence[str]) -> list[str]:
        """The command that takes distributions out of this environment."""
        if self.kind == "uv":
            return [self.program, "pip", "uninstall", "--python", sys.executable, *distributions]
        return [sys.executable, "-I", "-m", "pip", "uninstall", "--yes", "--disable-pip-version-check", *distributions]

    def make_environment(self, folder: Path) -> list[str]:
        """The command that makes a virtual environment which may be moved."""
        if self.kind == "uv":
            return [self.program, "venv", "--no-project", "--relocatable", "--python", sys.executable, str(folder)]
        return [sys.executable, "-I", "-m", "venv", "--without-pip", str(folder)]

    def build(self, project: Path, output: Path) -> list[str]:
        """The command that builds a wheel of a project folder: this runs what the project says."""
        if self.kind == "uv":
            return [self.program, "build", "--wheel", "--out-dir", str(output), str(project)]
        wheel = ["wheel", "--no-deps", "--no-input", "--disable-pip-version-check", "--wheel-dir", str(output)]
        return [sys.executable, "-I", "-m", "pip", *wheel, str(project)]

    def run(self, command: Sequence[str], *, say: Callable[[str], None], folder: Path, pinned: bool = False) -> None:
        """Show a command and run it in `folder`, where no project's settings apply. `pinned` takes away what the
        environment says about other indexes. Raises `HermesError` with the end of its output."""
        say(f"$ {exact(shlex.join(command))}")
        try:
            outcome = subprocess.run(
                command,
                cwd=folder,
                env=_environment_for_installers(pinned=pinned),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise HermesError(f"`{self.kind}` was not done within {_SECONDS:g} s.") from error
        except OSError as error:
            raise HermesError(f"`{command[0]}` could not be run: {error.strerror}.") from error
        if outcome.returncode:
            lines = outcome.stdout.decode("utf-8", "replace").strip().splitlines()
            for line in lines[-_SHOWN_LINES:]:
                say(f"  {exact(line)}")
            raise HermesError(f"`{self.kind}` gave {outcome.returncode}.", remedy="See its output above.")


def find_tool() -> Tool:
    """uv where it made the running environment, else pip; the other one where that is not there. Raises
    `HermesError` when there is neither."""
    uv = _uv_program()
    has_pip = find_spec("pip") is not None
    if uv and (_made_by_uv() or not has_pip):
        return Tool("uv", uv)
    if has_pip:
        return Tool("pip", sys.executable)
    raise HermesError(
        f"There is neither pip nor uv to install with in {sys.prefix}.",
        remedy=f"Run `{sys.executable} -m ensurepip`, or install uv.",
    )


def environment_fault() -> str:
    """Why nothing may be installed into the running environment; empty where it may."""
    marker = Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED"
    if sys.prefix == sys.base_prefix and marker.exists():
        return f"{sys.prefix} belongs to the operating system"
    if not os.access(site_packages(), os.W_OK):
        return f"{site_packages()} cannot be written"
    return ""


def durable_hint(distribution_name: str) -> str:
    """Where another program looks after the running environment: how it learns of a plugin. Empty elsewhere."""
    prefix = Path(sys.prefix)
    if (prefix / "uv-receipt.toml").exists():
        return (
            f"This environment is uv's: `uv tool install hermes-host --with {distribution_name}` outlasts its upgrades."
        )
    if (prefix / "pipx_metadata.json").exists():
        return f"This environment is pipx's: `pipx inject hermes-host {distribution_name}` outlasts its reinstalls."
    return ""


def site_packages(environment: Path | None = None) -> Path:
    """Where distributions lie in the running environment, or in another of the same Python."""
    if environment is None:
        return Path(sysconfig.get_path("purelib"))
    base = {"base": str(environment), "platbase": str(environment)}
    return Path(sysconfig.get_path("purelib", "venv", base))


def scrubbed_environment() -> dict[str, str]:
    """The variables that any program needs; no key of anybody."""
    return {name: value for name, value in os.environ.items() if name in _PASSED}


def _environment_for_installers(*, pinned: bool) -> dict[str, str]:
    found = scrubbed_environment()
    for name, value in os.environ.items():
        family, _, setting = name.partition("_")
        if family in ("PIP", "UV") and not (pinned and any(word in setting for word in _INDEX_SETTINGS)):
            found[name] = value
    if pinned:
        found["PIP_CONFIG_FILE"] = os.devnull
    return found


def _made_by_uv() -> bool:
    try:
        text = (Path(sys.prefix) / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    if any(line.partition("=")[0].strip() == "uv" for line in text.splitlines()):
        return True
    try:
        return (distribution("hermes-host").read_text("INSTALLER") or "").strip() == "uv"
    except PackageNotFoundError:
        return False


def _uv_program() -> str:
    beside = Path(sys.executable).with_name("uv")
    if os.access(beside, os.X_OK):
        return str(beside)
    return shutil.which("uv") or ""
