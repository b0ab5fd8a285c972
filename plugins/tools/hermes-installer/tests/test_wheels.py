"""Archives that are not fit to be unpacked, and processes that are not fit to be waited for."""

from __future__ import annotations

import stat
import sys
import warnings
import zipfile

import pytest
from hermes_installer.confinement import run_confined
from hermes_installer.wheels import check_wheel

from hermes_host.errors import HermesError


def entry(name: str, kind: int = stat.S_IFREG) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(name)
    found.external_attr = (kind | 0o644) << 16
    return found


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([entry("../evil.py")], "leads out"),
        ([entry("a/../../evil.py")], "leads out"),
        ([entry("/etc/evil")], "no relative name"),
        ([entry("C:evil.py")], "no relative name"),
        ([entry("a//b.py")], "leads out"),
        ([entry("a/./b.py")], "leads out"),
        ([entry("link.py", stat.S_IFLNK)], "no regular file"),
        ([entry("device", stat.S_IFCHR)], "no regular file"),
        ([entry("a.py"), entry("a.py")], "there twice"),
        ([entry("a.py"), entry("A.py")], "there twice"),
    ],
)
def test_archives_with_bad_entries_are_refused(tmp_path, entries, said):
    path = tmp_path / "acme-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # zipfile's own, about the names we give twice on purpose
        for each in entries:
            archive.writestr(each, b"")
    with pytest.raises(HermesError, match=said):
        check_wheel(path)


def test_what_would_be_far_larger_unpacked_is_refused(tmp_path):
    path = tmp_path / "acme-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", b"\x00" * 20_000_000)
    with pytest.raises(HermesError, match="unpacked it would be"):
        check_wheel(path)


def test_what_is_no_archive_is_refused(tmp_path):
    path = tmp_path / "acme-1.0-py3-none-any.whl"
    path.write_bytes(b"hello")
    with pytest.raises(HermesError, match="is no wheel"):
        check_wheel(path)


def test_a_description_that_takes_for_ever_is_ended_with_its_children(tmp_path):
    script = tmp_path / "sleep.py"
    script.write_text(
        "import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        "time.sleep(300)\n",
        encoding="utf-8",
    )
    with pytest.raises(HermesError, match="did not describe itself within"):
        run_confined([sys.executable, "-I", str(script)], readable=[tmp_path], folder=tmp_path, seconds=0.5)


def test_a_description_that_is_too_long_is_refused(tmp_path):
    script = tmp_path / "talk.py"
    script.write_text("print('x' * 5_000_000)\n", encoding="utf-8")
    with pytest.raises(HermesError, match="too long"):
        run_confined([sys.executable, "-I", str(script)], readable=[tmp_path], folder=tmp_path)
