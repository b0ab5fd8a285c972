"""The tutorial is run as a new author would: in an empty folder, in an environment made from wheels.

Every fenced block of `docs/plugins/tutorial.md` counts. `console`: commands for the shell, all blocks in one shell. A
block with a `title`: the file of that name. A block without a title right after a console block: what that printed,
where `…` stands for anything. There are no other blocks.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "plugins" / "tutorial.md"
WHEELS = (ROOT, ROOT / "plugins" / "providers" / "hermes-offline")
KEPT = (
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_"),
    *("UV_INDEX", "UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_OFFLINE", "UV_NATIVE_TLS"),
)
"""What uv needs to know of the machine: the beginnings of names of variables."""

pytestmark = pytest.mark.timeout(180)


class Block(NamedTuple):
    """A fenced block."""

    language: str
    title: str
    text: str
    line: int


def blocks_of(page: str) -> Iterator[Block]:
    fence = re.compile(r"^```(\w+)(?: title=\"(.+?)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for found in fence.finditer(page):
        yield Block(found[1], found[2] or "", found[3], page.count("\n", 0, found.start()) + 1)


def matches(expected: str, actual: str) -> bool:
    """Whether the output is what is shown; `…` stands for anything, a line of it alone for any lines."""
    pieces = (re.escape(piece) for piece in expected.strip().split("…"))
    return re.fullmatch(".*?".join(pieces), actual.strip(), re.DOTALL) is not None


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What an author's shell has, with wheels of this tree in place of those of the index."""
    uv = _uv()
    folder = tmp_path_factory.mktemp("wheels")
    for project in WHEELS:
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
        subprocess.run(command, cwd=project, check=True, capture_output=True)
    constraints = folder / "constraints.txt"
    export = ["export", "--quiet", "--frozen", "--no-hashes", "--no-emit-workspace", "--all-packages", "--group", "dev"]
    subprocess.run([uv, *export, "--output-file", str(constraints)], cwd=ROOT, check=True, capture_output=True)
    ours = [wheel.name.split("-")[:2] for wheel in folder.glob("*.whl")]
    with constraints.open("a", encoding="utf-8") as file:
        file.writelines(f"{name.replace('_', '-')}=={version}\n" for name, version in ours)
    cache = subprocess.run([uv, "cache", "dir"], check=True, capture_output=True, text=True).stdout.strip()
    home = tmp_path_factory.mktemp("home")
    # Nothing of the environment the tests run in: `uv pip` must find no other one than the author's.
    programs = tmp_path_factory.mktemp("bin")
    (programs / "uv").symlink_to(uv)
    (programs / "python3").symlink_to(Path(sys.executable).resolve())
    return {
        **{name: value for name, value in os.environ.items() if name.startswith(KEPT)},
        "PATH": os.pathsep.join([str(programs), os.defpath]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "UV_CACHE_DIR": cache,
        "UV_FIND_LINKS": str(folder),
        "UV_CONSTRAINT": str(constraints),
        "UV_BUILD_CONSTRAINT": str(constraints),
        "UV_LINK_MODE": "copy",
    }


def test_every_block_of_the_tutorial_is_a_command_a_file_or_an_output() -> None:
    page = PAGE.read_text(encoding="utf-8")
    blocks = list(blocks_of(page))
    assert len(blocks) * 2 == len(re.findall(r"^ *```", page, re.MULTILINE)), "a block is not understood"
    before = ""
    for block in blocks:
        kind = "commands" if block.language == "console" else "file" if block.title else "output"
        assert kind != "output" or before == "commands", f"line {block.line}: an output without a command"
        before = kind


def test_the_tutorial_works_as_it_is_written(environ: dict[str, str], tmp_path: Path) -> None:
    script, expected = _script(list(blocks_of(PAGE.read_text(encoding="utf-8"))))
    run = subprocess.run(
        ["bash", "--noprofile", "--norc", "-c", script],
        cwd=tmp_path,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    outputs = dict(re.findall(r"^--- line (\d+)\n(.*?)(?=^--- line |\Z)", run.stdout, re.MULTILINE | re.DOTALL))
    assert run.returncode == 0, run.stdout
    for line, text in expected.items():
        assert matches(text, outputs[str(line)]), (
            f"line {line}: the tutorial shows\n{text}\nbut it is\n{outputs[str(line)]}"
        )


def _script(blocks: list[Block]) -> tuple[str, dict[int, str]]:
    """One shell script that does everything, and what each console block must print."""
    lines = ["set -euo pipefail"]
    expected: dict[int, str] = {}
    commands = 0
    for block in blocks:
        if block.language == "console":
            commands = block.line
            lines += [f"echo '--- line {block.line}'", block.text]
        elif block.title:
            lines += [f"echo '--- line {block.line}'", f"cat > {block.title} <<'END_OF_FILE'\n{block.text}END_OF_FILE"]
        else:
            expected[commands] = block.text
    return "\n".join(lines), expected


def _uv() -> str:
    found = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert found, "this test needs uv: `python3 -m pip install uv`"
    return found
