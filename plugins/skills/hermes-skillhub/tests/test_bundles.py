"""Nothing of a bundle can leave its folder, and no archive can hurt."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import unicodedata
import zipfile
import zlib

import pytest
from hermes_skillhub.archives import unpack
from hermes_skillhub.bundles import FILES_AT_MOST, checked_files, content_hash, file_hashes, front_matter, path_fault
from hermes_skillhub.errors import BundleRefused
from hermes_skillhub.protocol import BundleFile

HOSTILE = [
    "", "/etc/passwd", "../x", "a/../../x", "a/..", "..", ".", "./x", "a//b", "a/", "C:/x", "c:x", "\\\\host\\x",
    "a\\b",
    "a\x00b", "a\nb", "a\u202eb", "a\u200bb", "\ufeffa", "a:stream", "con", "NUL.txt", "a/COM1", "lpt9.md", "a ", "a.",
    " a", "x/" * 20 + "y", "n" * 300, "a?b", "a*b", ".git/config", "x/.git/hooks/pre-commit", ".hub/lock.json",
    "\ud800", "s\u0441ript.sh", "a|b", "..\u2215x", "~\u0000",
]  # fmt: skip


def files(*paths: str, data: bytes = b"x") -> list[BundleFile]:
    return [BundleFile("SKILL.md", b"---\nname: x\ndescription: y\n---\n"), *(BundleFile(path, data) for path in paths)]


@pytest.mark.parametrize("path", HOSTILE)
def test_a_path_that_could_leave_or_deceive_is_no_path(path):
    assert path_fault(path)


@pytest.mark.parametrize("path", [path for path in HOSTILE if ".git" not in path])
def test_a_bundle_with_a_hostile_path_is_refused_as_a_whole(path):
    with pytest.raises(BundleRefused):
        checked_files(files(path))


@pytest.mark.parametrize("path", ["a.md", "references/Übersicht 1.md", "scripts/run.sh", ".env.example", "a/b/c/d.txt"])
def test_ordinary_paths_are_allowed(path):
    assert path in [file.path for file in checked_files(files(path))]


@pytest.mark.parametrize(
    "paths",
    [
        ("a.md", "A.md"),
        ("a.md", "a.md"),
        ("a/x", "A/y"),
        ("a", "a/b"),
        ("A", "a/b"),
        ("skill.md",),
        (unicodedata.normalize("NFC", "ü.md"), unicodedata.normalize("NFD", "ü.md")),
        ("straße.md", "STRASSE.md"),
    ],
)
def test_two_names_that_are_one_somewhere_are_refused(paths):
    with pytest.raises(BundleRefused):
        checked_files(files(*paths))


def test_what_the_scanner_passes_over_is_not_installed_either():
    kept = checked_files(files("__pycache__/x.cpython-311.pyc", "a.pyc", ".DS_Store", "ok.md", "sub/.git/config"))
    assert [file.path for file in kept] == ["SKILL.md", "ok.md"]


def test_too_much_is_refused():
    with pytest.raises(BundleRefused, match="files"):
        checked_files(files(*(f"f{number}" for number in range(FILES_AT_MOST + 1))))
    with pytest.raises(BundleRefused, match="bytes"):
        checked_files(files("big", data=b"x" * (5 << 20)))
    with pytest.raises(BundleRefused, match="no SKILL.md"):
        checked_files([BundleFile("a/SKILL.md", b"x")])


@pytest.mark.parametrize(
    "head",
    [
        b"no head",
        b"---\nname: x\n---\n",
        b"---\n- a\n---\n",
        b"---\n{\n---\n",
        b"---\ndescription: \n---\n",
        b"\xff\xfe",
        b"---\na: &a [x]\nb: &b [*a, *a]\ndescription: [*b, *b]\n---\n",
        b"---\ndescription: !!python/object:os.system x\n---\n",
    ],
)
def test_a_skill_without_a_usable_head_is_refused(head):
    with pytest.raises(BundleRefused):
        front_matter([BundleFile("SKILL.md", head)])


def test_the_hash_covers_names_and_bytes():
    one = content_hash(file_hashes([BundleFile("a", b"x"), BundleFile("b", b"y")]))
    assert one == content_hash(file_hashes([BundleFile("b", b"y"), BundleFile("a", b"x")]))
    assert one != content_hash(file_hashes([BundleFile("a", b"y"), BundleFile("b", b"x")]))
    assert one != content_hash(file_hashes([BundleFile("ab", b"x"), BundleFile("", b"y")]))
    assert len(one) == 71


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def test_a_zip_keeps_the_bit_that_says_a_file_may_be_run(make_zip):
    entries = [("SKILL.md", b"x"), (_entry("run.sh", stat.S_IFREG | 0o755), b"y")]
    assert {file.path: file.executable for file in unpack(make_zip(entries))} == {"SKILL.md": False, "run.sh": True}


def test_a_single_folder_around_everything_is_taken_off(make_zip):
    found = unpack(make_zip([("thing-1.0/SKILL.md", b"x"), ("thing-1.0/a/b", b"y")]))
    assert [file.path for file in found] == ["SKILL.md", "a/b"]


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_in_a_zip_are_refused(make_zip, mode):
    with pytest.raises(BundleRefused, match="link or a device"):
        unpack(make_zip([("SKILL.md", b"x"), (_entry("l", mode | 0o777), b"/etc/passwd")]))


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "C:\\x", "..\\x"])
def test_hostile_names_in_a_zip_reach_the_check_as_they_are(make_zip, name):
    with pytest.raises(BundleRefused):
        checked_files(unpack(make_zip([("SKILL.md", b"---\ndescription: x\n---\n"), (name, b"x")])))


def test_a_name_with_a_null_byte_is_not_cut_short(make_zip):
    data = make_zip([("SKILL.md", b"x"), ("aXb.md", b"x")]).replace(b"aXb.md", b"a\0b.md")
    with pytest.raises(BundleRefused):
        checked_files(unpack(data))


def test_duplicate_names_in_a_zip_are_refused(make_zip):
    with pytest.warns(UserWarning, match="Duplicate"):
        data = make_zip([("SKILL.md", b"good"), ("SKILL.md", b"bad")])
    with pytest.raises(BundleRefused):
        checked_files(unpack(data))


def test_a_zip_bomb_is_not_unpacked(make_zip):
    bomb = make_zip([("SKILL.md", b"\0" * (64 << 20))])
    assert len(bomb) < 100_000
    with pytest.raises(BundleRefused):
        unpack(bomb)


def test_a_zip_that_lies_about_its_sizes_is_not_unpacked(make_zip):
    honest = make_zip([("SKILL.md", b"\0" * (16 << 20))])
    size = (16 << 20).to_bytes(4, "little")
    lying = honest.replace(size, (10).to_bytes(4, "little"))
    assert lying != honest
    with pytest.raises(BundleRefused):
        checked_files(unpack(lying))


def test_many_small_entries_are_refused(make_zip):
    with pytest.raises(BundleRefused, match="entries"):
        unpack(make_zip([(f"f{number}", b"") for number in range(5000)]))


def _tar(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def test_a_tar_archive_is_read(tmp_path):
    plain, script = tarfile.TarInfo("./SKILL.md"), tarfile.TarInfo("./run.sh")
    script.mode = 0o755
    found = unpack(_tar((plain, b"x"), (script, b"y")))
    assert [(file.path, file.executable) for file in found] == [("SKILL.md", False), ("run.sh", True)]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_archive_are_refused(kind):
    info = tarfile.TarInfo("l")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(BundleRefused, match="link or a device"):
        unpack(_tar((tarfile.TarInfo("SKILL.md"), b"x"), (info, b"")))


def test_a_tar_bomb_is_not_unpacked():
    with pytest.raises(BundleRefused, match="more than"):
        unpack(gzip.compress(_tar((tarfile.TarInfo("SKILL.md"), b"\0" * (32 << 20)), mode="w")))


@pytest.mark.parametrize(
    "data",
    [b"", b"PK", b"PK\x03\x04garbage", b"\x1f\x8b", b"<html>", zlib.compress(b"x"), b"\x1f\x8b\x08\0" + b"x" * 40],
)
def test_what_is_no_archive_is_refused(data):
    with pytest.raises(BundleRefused):
        unpack(data)


def test_a_cut_off_archive_is_refused():
    whole = _tar((tarfile.TarInfo("SKILL.md"), bytes(range(256)) * 40))
    with pytest.raises(BundleRefused):
        unpack(whole[: len(whole) // 2])
