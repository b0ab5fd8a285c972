"""What the tests share: a home, a store in it, and the command line in a real process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hermes_sessions.store import SqliteSessionStore


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def make_store(home):
    """Another store over the same data, each time; all are closed at the end."""
    made = []

    def make(**options):
        made.append(SqliteSessionStore(home, **options))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(make_store):
    return make_store()


@pytest.fixture
def hermes(home, tmp_path):
    """Run the real command in this home; gives code, output and errors."""

    def run(*arguments, code=0):
        environ = {"HERMES_HOME": str(home), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        done = subprocess.run(
            [str(Path(sys.executable).with_name("hermes")), *map(str, arguments)],
            cwd=tmp_path,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    return run
