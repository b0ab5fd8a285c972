from __future__ import annotations

import os
import shutil
import time

import pytest

from hermes_host.errors import ToolError

_PROGRAMS = [pytest.param(True, id="ripgrep", marks=pytest.mark.skipif(not shutil.which("rg"), reason="no rg on PATH"))]


@pytest.fixture(params=[*_PROGRAMS, pytest.param(False, id="walk")])
def tree(request, session):
    """A small project, searched with ripgrep where it is installed, and without."""
    session.context.memory["files.ripgrep"] = request.param
    files = {
        "src/a.py": "import os\n\n\ndef alpha():\n    return os\n",
        "src/b.py": "def beta():\n    return alpha()\n",
        "src/deep/c.ts": "const alpha = 1;\n",
        ".github/ci.yml": "alpha: ci\n",
        ".gitignore": "*.log\nbuild/\n!keep.log\n",
        "build/out.py": "alpha in build\n",
        "x.log": "alpha in log\n",
        "keep.log": "alpha kept\n",
        "crlf.txt": "one alpha\r\ntwo\r\n",
        "image.bin": b"alpha\0\1\2",
        ".git/config": "alpha = git\n",
        "-e.txt": "alpha dash\n",
    }
    now = time.time()
    for index, (name, content) in enumerate(files.items()):
        os.utime(session.write(name, content), (now - index, now - index))
    return session


def found(text):
    return sorted(line.partition(":")[0] for line in text.split("\n")[:-1] if line and not line[0].isdigit())


async def test_matches_come_with_file_and_line(tree):
    text = await tree.text("search_files", pattern=r"def \w+\(", path="src")
    assert text == "src/a.py\n4:def alpha():\n\nsrc/b.py\n1:def beta():\n[2 matches in 2 files]"


async def test_ignored_binary_and_git_files_are_left_out_and_hidden_ones_are_not(tree):
    text = await tree.text("search_files", pattern="alpha", output_mode="files_only")
    assert found(text) == ["-e.txt", ".github/ci.yml", "crlf.txt", "keep.log", "src/a.py", "src/b.py", "src/deep/c.ts"]


async def test_files_come_newest_first(tree):
    os.utime(tree.directory / "keep.log", (time.time() + 60,) * 2)
    for arguments in ({"target": "files", "pattern": "*"}, {"pattern": "alpha", "output_mode": "files_only"}):
        text = await tree.text("search_files", **arguments)
        assert text.startswith("keep.log\nsrc/a.py\nsrc/b.py\nsrc/deep/c.ts\n")


async def test_many_files_come_newest_first_too(tree):
    now = time.time() + 100
    names = [f"m/{number % 7}/{number} name.txt" for number in range(150)]
    for number, name in enumerate(names):
        os.utime(tree.write(name, "gamma\n"), (now - number, now - number))
    text = await tree.text("search_files", pattern="*name.txt", target="files", limit=200)
    assert text.split("\n")[:-1] == names
    text = await tree.text("search_files", pattern="gamma", output_mode="files_only", offset=100, limit=30)
    assert text.split("\n")[:-1] == names[100:130]


async def test_files_are_found_by_name(tree):
    assert found(await tree.text("search_files", target="files", pattern="*.py")) == ["src/a.py", "src/b.py"]
    assert found(await tree.text("search_files", target="files", pattern="src/**/*.{ts,py}")) == [
        "src/a.py",
        "src/b.py",
        "src/deep/c.ts",
    ]
    assert found(await tree.text("search_files", target="files", pattern="crl")) == ["crlf.txt"]
    assert found(await tree.text("search_files", target="files", pattern="*.py", file_glob="b*")) == ["src/b.py"]


async def test_a_file_glob_narrows_and_brings_no_ignored_file_back(tree):
    text = await tree.text("search_files", pattern="alpha", file_glob="*.log", output_mode="files_only")
    assert found(text) == ["keep.log"]
    text = await tree.text("search_files", pattern="alpha", file_glob="src/**/*.py", output_mode="files_only")
    assert found(text) == ["src/a.py", "src/b.py"]


async def test_lines_are_counted(tree):
    text = await tree.text("search_files", pattern="alpha|os", path="src", output_mode="count")
    assert sorted(text.split("\n")[:-1]) == ["src/a.py: 3", "src/b.py: 1", "src/deep/c.ts: 1"]
    assert text.endswith("[5 matches in 3 files]")


async def test_context_is_shown_and_does_not_count(tree):
    tree.write("src/a.py", "".join(f"line {n}\n" for n in range(1, 30)))
    text = await tree.text("search_files", pattern="line (5|20)$", path="src/a.py", context=1)
    assert text == (
        "src/a.py\n4-line 4\n5:line 5\n6-line 6\n--\n19-line 19\n20:line 20\n21-line 21\n[2 matches in 1 file]"
    )


async def test_long_results_are_paged(tree):
    tree.write("many.txt", "".join(f"row {n}\n" for n in range(1, 121)))
    first = await tree.text("search_files", pattern="^row", path="many.txt")
    assert first.endswith("50:row 50\n[50 matches in 1 file, and more: go on with offset=50]")
    last = await tree.text("search_files", pattern="^row", path="many.txt", offset=100)
    assert last.startswith("many.txt\n101:row 101\n")
    assert last.endswith("[20 matches in 1 file]")
    assert "after the first 500" in await tree.text("search_files", pattern="^row", path="many.txt", offset=500)


async def test_line_ends_are_found_in_crlf_files(tree):
    text = await tree.text("search_files", pattern="alpha$", path="crlf.txt")
    assert "1:one alpha\n" in text
    assert "\r" not in text


async def test_a_pattern_may_span_lines(tree):
    text = await tree.text("search_files", pattern=r"alpha\(\):\n    return", path="src/a.py")
    assert "4:def alpha():\n5:    return os" in text


async def test_no_result_says_so(tree):
    text = await tree.text("search_files", pattern="nowhere to be found", file_glob="*.py")
    assert "No matches for file_glob '*.py' and 'nowhere to be found' in ." in text
    assert ".gitignore" in text


@pytest.mark.parametrize("pattern", ["(unclosed", "[z-a]", "*"])
async def test_a_bad_pattern_is_a_clear_error(tree, pattern):
    with pytest.raises(ToolError, match="cannot be searched for"):
        await tree.use("search_files", pattern=pattern)


@pytest.mark.parametrize("pattern", ["--files", "-e", "--pre=touch pwned"])
async def test_a_pattern_is_never_taken_for_an_option(tree, pattern):
    tree.write("options.txt", f"say {pattern} here\n")
    text = await tree.text("search_files", pattern=pattern, path="options.txt")
    assert f"1:say {pattern} here" in text
    assert not (tree.directory / "pwned").exists()


async def test_a_path_or_glob_is_never_taken_for_an_option(tree):
    assert "1:alpha dash" in await tree.text("search_files", pattern="alpha", path="-e.txt")
    assert "No matches" in await tree.text("search_files", pattern="alpha", file_glob="--pre=touch")


async def test_long_lines_are_cut(tree):
    tree.write("long.txt", "alpha" + "x" * 5000 + "\n")
    text = await tree.text("search_files", pattern="alpha", path="long.txt")
    assert len(text) < 800


async def test_what_may_not_be_read_is_not_found(tree):
    secret = tree.home / ".ssh/id_rsa"
    secret.parent.mkdir()
    secret.write_bytes(b"alpha PRIVATE\n")
    os.link(secret, tree.directory / "innocent.txt")
    (tree.hermes_home / ".env").write_bytes(b"KEY=alpha\n")
    text = await tree.text("search_files", pattern="alpha", path="~", output_mode="content", limit=500)
    assert "PRIVATE" not in text
    assert "KEY=" not in text
    assert "innocent" not in text
    assert "id_rsa" not in await tree.text("search_files", target="files", pattern="*", path="~", limit=500)


async def test_a_missing_directory_is_an_error(tree):
    with pytest.raises(ToolError, match="no file or directory nowhere"):
        await tree.use("search_files", pattern="x", path="nowhere")


async def test_links_are_not_followed_out_of_the_tree(tree):
    outside = tree.home / "outside"
    outside.mkdir()
    (outside / "o.txt").write_bytes(b"alpha outside\n")
    os.symlink(outside, tree.directory / "link")
    assert "outside" not in await tree.text("search_files", pattern="alpha")


async def test_a_runaway_pattern_is_given_up(session, monkeypatch):
    monkeypatch.setattr("hermes_files.walk._PATTERN_SECONDS", 0.3)
    session.context.memory["files.ripgrep"] = False
    session.write("a.txt", "a" * 40 + "!\n")
    with pytest.raises(ToolError, match="takes too long"):
        await session.use("search_files", pattern="(a|a|aa)+$")


async def test_without_ripgrep_the_search_still_works(session, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    session.write("a.txt", "alpha\n")
    assert "1:alpha" in await session.text("search_files", pattern="alpha")
    assert session.context.memory["files.ripgrep"] is False
