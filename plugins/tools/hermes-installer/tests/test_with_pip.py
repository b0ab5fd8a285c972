"""An environment that pip made, where there is no uv."""

from __future__ import annotations

import dataclasses
import ensurepip
import os
import shutil
import subprocess
import venv
from pathlib import Path

import pytest


@pytest.fixture
def place(place, tmp_path, basis, run_uv):
    shutil.rmtree(tmp_path / "venv")
    venv.create(tmp_path / "venv", symlinks=True)
    bundled = Path(ensurepip.__file__).parent / "_bundled"
    words = ["--no-index", "--find-links", str(basis), "--find-links", str(bundled), "hermes-installer", "pip"]
    run_uv("pip", "install", "--quiet", "--python", str(tmp_path / "venv" / "bin" / "python"), *words)
    return dataclasses.replace(place, environ={"PATH": os.defpath})


@pytest.mark.timeout(120)
def test_pip_installs_isolates_and_removes(place):
    place.library("1.0")
    place.plugin(requires=("hermes-host", "acmelib"))
    done = place.install("hermes-acme", "--yes")
    assert " -m pip install " in done.err
    assert place.lock["acme"]["brought"] == ["acmelib"]
    assert place.state("acme")["state"] == "loaded"
    place.hermes("plugins", "remove", "acme", "--yes")
    assert not [path for path in place.site.iterdir() if "acme" in path.name]
    place.install("hermes-acme", "--yes", "--isolated")
    environment = place.lock["acme"]["environment"]
    python = os.path.join(environment, "bin", "python")
    code = "import acmelib, hermes_acme.plugin; print(acmelib.VERSION)"
    assert subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout == "1.0\n"
