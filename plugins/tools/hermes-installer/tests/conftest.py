"""Real wheels, made by hand; real environments, made by uv from them; real `hermes` processes. No network."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path

import hermes_installer
import pytest
from packaging.requirements import Requirement

import hermes_host

PLUGIN = """
from hermes_host import hookimpl
from hermes_host.specs import Capabilities, CommandSpec, PluginInfo, SecretSpec, ToolSpec

@hookimpl
def hermes_plugin_info():
    return PluginInfo(
        summary="{summary}",
        secrets=tuple(SecretSpec(name=name) for name in {secrets!r}),
        capabilities=Capabilities(network={network!r}),
    )

@hookimpl
def hermes_tools():
    yield ToolSpec(
        name="{package}_greet", summary="Greets", target="{package}.work:greet", effects=frozenset({{"net"}}),
        parameters={{"type": "object", "properties": {{"name": {{"type": "string"}}}}}},
    )
{more}
"""


def write_wheel(
    folder: Path,
    name: str,
    version: str,
    contents: dict[str, bytes],
    *,
    requires: tuple[str, ...] = (),
    points: str = "",
    tag: str = "py3-none-any",
) -> Path:
    """A wheel as any tool would make it."""
    package = name.replace("-", "_")
    info = f"{package}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {text}\n" for text in requires)
    everything = {
        **contents,
        f"{info}/METADATA": metadata.encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    if points:
        everything[f"{info}/entry_points.txt"] = points.encode()
    rows = [f"{path},sha256={_digest(data)},{len(data)}" for path, data in everything.items()]
    everything[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{package}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for entry, data in everything.items():
            archive.writestr(entry, data)
    return path


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def repacked(name: str, folder: Path) -> None:
    """A wheel of a distribution of the developer's environment, and of those it needs."""
    found = distribution(name)
    tag = re.search(r"^Tag: (.+)$", found.read_text("WHEEL") or "", re.MULTILINE)
    assert tag is not None
    package = re.sub(r"[-_.]+", "_", found.metadata["Name"])
    path = folder / f"{package}-{found.version}-{tag[1]}.whl"
    if path.exists():
        return
    with zipfile.ZipFile(path, "w") as archive:
        for item in found.files or ():
            if ".." not in item.parts and "__pycache__" not in item.parts and item.name != "INSTALLER":
                archive.write(str(item.locate()), str(item))
    for text in found.requires or ():
        needed = Requirement(text)
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            repacked(needed.name, folder)


def source_wheel(name: str, package: Path, folder: Path) -> None:
    """A wheel of the code as it is in the source folder."""
    found = distribution(name)
    paths = [path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    contents = {f"{package.name}/{path.relative_to(package).as_posix()}": path.read_bytes() for path in paths}
    requires = tuple(text for text in found.requires or () if "extra ==" not in text)
    points = found.read_text("entry_points.txt") or ""
    write_wheel(folder, name, found.version, contents, requires=requires, points=points)


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@dataclass(frozen=True)
class Place:
    """An environment with the host and this plugin in it, a home, and a folder of wheels."""

    folder: Path
    wheels: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def site(self) -> Path:
        (found,) = (self.folder / "venv" / "lib").glob("python*/site-packages")
        return found

    @property
    def lock(self) -> dict:
        path = self.home / "plugins.lock"
        return json.loads(path.read_text(encoding="utf-8"))["plugins"] if path.exists() else {}

    def surroundings(self, environ: dict[str, str]) -> dict[str, str]:
        """The variables of a `hermes` process."""
        programs = [str(self.folder / "venv" / "bin"), str(Path(uv()).parent), os.environ["PATH"]]
        return {
            "PATH": os.pathsep.join(programs),
            "HOME": str(self.folder),
            "HERMES_HOME": str(self.home),
            "LANG": "C.UTF-8",
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(self.folder / "uv-cache")),
            "UV_PYTHON_DOWNLOADS": "never",
            **self.environ,
            **environ,
        }

    def hermes(self, *words: str, code: int | None = 0, **environ: str) -> Ran:
        outcome = subprocess.run(
            [str(self.folder / "venv" / "bin" / "hermes"), *words],
            env=self.surroundings(environ),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=50,
        )
        if code is not None:
            assert outcome.returncode == code, f"{words} gave {outcome.returncode}:\n{outcome.stdout}{outcome.stderr}"
        return Ran(outcome.returncode, outcome.stdout, outcome.stderr)

    def typed(self, *words: str, keys: str) -> str:
        """What a person sees who types `keys` at the one question."""
        ours, theirs = pty.openpty()
        program = [str(self.folder / "venv" / "bin" / "hermes"), *words]
        with subprocess.Popen(
            program,
            env=self.surroundings({"TERM": "dumb"}),
            cwd=self.folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        ):
            os.close(theirs)
            seen = b""
            while True:
                try:
                    piece = os.read(ours, 4096)
                except OSError:  # the other end is closed
                    break
                if not piece:
                    break
                seen += piece
                if seen.rstrip().endswith(b"[y/N]:"):
                    os.write(ours, f"{keys}\n".encode())
                    seen += b"\n"
        os.close(ours)
        return seen.decode()

    def install(self, *words: str, code: int | None = 0, **environ: str) -> Ran:
        return self.hermes("plugins", "install", *words, "--wheels", str(self.wheels), code=code, **environ)

    def plugin(self, version: str = "1.0", name: str = "hermes-acme", **more) -> Path:
        return plugin_wheel(self.wheels, version, name, **more)

    def library(self, version: str) -> None:
        """A wheel of `acmelib`, which says its version."""
        code = f"VERSION = {version!r}\n".encode()
        write_wheel(self.wheels, "acmelib", version, {"acmelib.py": code})

    def uv(self, *words: str) -> None:
        """What somebody does without this plugin."""
        python = str(self.folder / "venv" / "bin" / "python")
        offline = ["--link-mode", "copy", "--no-index", "--find-links", str(self.wheels)]
        run_uv("pip", words[0], "--quiet", "--python", python, *(offline if words[0] == "install" else []), *words[1:])

    def catalogue(self, *plugins: dict, revoked: tuple[dict, ...] = ()) -> str:
        """Writes a catalogue and makes it the configured one."""
        path = self.folder / "catalogue.json"
        path.write_text(json.dumps({"version": 1, "plugins": plugins, "revoked": revoked}), encoding="utf-8")
        self.home.mkdir(exist_ok=True)
        (self.home / "config.yaml").write_text(f"installer:\n  catalogue: {path}\n", encoding="utf-8")
        return str(path)

    def state(self, name: str) -> dict:
        listed = self.hermes("plugins", "list", "--json").json
        return next((item for item in listed if item["name"] == name), {"state": "absent"})


def plugin_wheel(
    folder: Path,
    version: str = "1.0",
    name: str = "hermes-acme",
    *,
    plugin: str = "",
    summary: str = "Acme",
    secrets: tuple[str, ...] = (),
    network: tuple[str, ...] = ("api.acme.test",),
    more: str = "",
    files: dict[str, bytes] | None = None,
    requires: tuple[str, ...] = ("hermes-host",),
    points: str | None = None,
    work: str = "async def greet(arguments, call):\n    return 'hi'\n",
) -> Path:
    """A plugin's wheel."""
    package = name.replace("-", "_")
    text = PLUGIN.format(summary=summary, secrets=secrets, network=network, package=package, more=more)
    contents = {
        f"{package}/__init__.py": b"",
        f"{package}/plugin.py": text.encode(),
        f"{package}/work.py": work.encode(),
        **(files or {}),
    }
    entry = plugin or name.removeprefix("hermes-")
    own = f"[hermes.v1]\n{entry} = {package}.plugin\n" if points is None else points
    return write_wheel(folder, name, version, contents, requires=requires, points=own)


@pytest.fixture(scope="session")
def basis(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheels that every environment needs."""
    folder = tmp_path_factory.mktemp("basis")
    for name, package in (("hermes-host", hermes_host), ("hermes-installer", hermes_installer)):
        source_wheel(name, Path(package.__file__).parent, folder)
    for name in ("click", "jsonschema", "msgspec", "packaging", "pluggy", "pyyaml", "rich"):
        repacked(name, folder)
    return folder


@functools.cache
def uv() -> str:
    found = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert found, "these tests need uv: `python3 -m pip install uv`"
    return found


def run_uv(*words: str) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    outcome = subprocess.run([uv(), *words], env=environ, cwd="/", capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr


@pytest.fixture(name="run_uv")
def run_uv_fixture() -> Callable[..., None]:
    return run_uv


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, basis: Path) -> Path:
    """An environment that can be moved."""
    folder = tmp_path_factory.mktemp("template")
    venv = str(folder / "venv")
    run_uv("venv", "--quiet", "--no-project", "--relocatable", "--python", sys.executable, venv)
    words = ["--link-mode", "copy", "--compile-bytecode", "--no-index", "--find-links", str(basis)]
    run_uv("pip", "install", "--quiet", "--python", f"{venv}/bin/python", *words, "hermes-installer")
    shutil.copytree(basis, folder / "wheels", copy_function=os.link)
    return folder


def moved(place: Path, folder: Path) -> Place:
    """A copy of an environment and its home; the files of installed code are shared, so replace them, never edit."""
    shutil.copytree(place / "venv", folder / "venv", symlinks=True, copy_function=os.link)
    shutil.copytree(place / "wheels", folder / "wheels", copy_function=os.link)
    lock = place / "home" / "plugins.lock"
    if lock.exists():
        (folder / "home").mkdir(mode=0o700)
        copy = folder / "home" / "plugins.lock"
        copy.write_text(lock.read_text(encoding="utf-8").replace(str(place), str(folder)), encoding="utf-8")
        copy.chmod(0o600)
    return Place(folder, folder / "wheels")


@pytest.fixture
def place(tmp_path: Path, template: Path) -> Place:
    return moved(template, tmp_path)


@pytest.fixture(scope="session")
def acme_template(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    found = moved(template, tmp_path_factory.mktemp("acme"))
    found.plugin()
    found.install("hermes-acme", "--yes")
    return found.folder


@pytest.fixture
def acme(tmp_path: Path, acme_template: Path) -> Place:
    """An environment with hermes-acme 1.0 in it."""
    found = moved(acme_template, tmp_path)
    (found.wheels / "hermes_acme-1.0-py3-none-any.whl").unlink()
    found.plugin()
    return found
