"""The shell remembers, whatever happens to a command."""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hermes_local.backend import LocalBackend
from hermes_local.settings import Settings

from hermes_host.terminals import Shell, ShellResult

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


async def output(shell: Shell, script: str, **options: object) -> str:
    result = await shell.run(script, **options)  # type: ignore[arg-type]
    assert not result.timed_out
    return result.output


def content(result: ShellResult) -> bytes:
    return Path(result.whole).read_bytes()


async def test_what_a_command_sets_is_there_for_the_next(shell: Shell, start: Path) -> None:
    (start / "below").mkdir()
    await shell.run(
        "plain='a \"b\" $c\n`d` \\ é'; export exported=there; declare -i number=7; list=(one 'two three' [5]=six)\n"
        "declare -A table=([key one]='value\ntwo'); declare -r fixed=1; empty=; export unset_but_exported\n"
        "greet() { echo \"hello $1 from $plain\"; }; export -f greet; alias shout='echo LOUD'\n"
        "set -o pipefail; shopt -s extglob nullglob; umask 027; cd below; IFS=:"
    )
    assert shell.directory == str(start / "below")
    text = await output(
        shell,
        'printf "%s|" "$plain" "$exported" "$number" "${list[1]}" "${list[5]}" "${table[key one]}" "$fixed"\n'
        'printf "%s|" "${empty-no}"\n'
        'echo; bash -c "greet child" 2>&1; shout; greet me; set -o | grep pipefail\n'
        "shopt extglob nullglob; umask; pwd\n"
        'printf %q "$IFS"; echo; number=number+1; echo $number; (fixed=2) 2>/dev/null || echo readonly',
    )
    assert text.split("\n") == [
        'a "b" $c',
        "`d` \\ é|there|7|two three|six|value",
        "two|1||",
        "hello child from ",
        "LOUD",
        'hello me from a "b" $c',
        "`d` \\ é",
        "pipefail       \ton",
        "extglob        \ton",
        "nullglob       \ton",
        "0027",
        str(start / "below"),
        ":",
        "8",
        "readonly",
        "",
    ]


async def test_what_is_unset_stays_unset(shell: Shell) -> None:
    await shell.run("gone=1; f() { :; }; alias a=b; set -f; shopt -s dotglob; export HOME=/elsewhere")
    await shell.run("unset gone; unset -f f; unalias a; set +f; shopt -u dotglob; unset HOME")
    text = await output(shell, 'echo "[$gone$HOME$-]"; type f a 2>/dev/null; shopt dotglob')
    assert text.startswith("[")
    assert "f" not in text.partition("]")[0]
    assert text.partition("]")[2].split() == ["dotglob", "off"]


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("kept=1; cd /usr; exit 3", 3),
        ("kept=1; cd /usr; false", 1),
        ("kept=1; cd /usr; set -e; false; kept=2", 1),
        ("kept=1; cd /usr; no-such-command-here", 127),
        ("kept=1; cd /usr; (exit 9)", 9),
        ("kept=1; cd /usr\nfi", 2),
        ("kept=1; cd /usr\necho 'open", 2),
        ("kept=1; cd /usr\nif true; then", 2),
        ("kept=1; cd /usr\n)", 2),
        ("kept=1; cd /usr; set -u; echo $nothing_of_this_name; kept=2", 127),
        ("kept=1; cd /usr; trap 'echo bye' EXIT", 0),
        ("kept=1; cd /usr; exit() { echo no; }; trap() { echo no; }; eval() { echo no; }; printf() { echo no; }", 0),
        ("kept=1; cd /usr; exec 2>/dev/null >/dev/null", 0),
        ("kept=1; cd /usr; return 5 2>/dev/null; false", 1),
        ("kept=1; cd /usr; set -o posix; alias x=y", 0),
    ],
)
async def test_a_command_that_ends_in_any_way_keeps_what_it_did(shell: Shell, script: str, code: int) -> None:
    result = await shell.run(script, timeout=10)
    assert (result.code, result.directory) == (code, "/usr")
    assert await output(shell, "builtin echo $kept $PWD") == "1 /usr\n"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("kept=2; cd /usr; set -n", 0),
        ("kept=2; cd /usr; exec sh -c 'exit 6'", 6),
        ("kept=2; cd /usr; kill -9 $$", 137),
        ("kept=2; cd /usr; kill $$", 143),
        ("kept=2; cd /usr; sleep 1000", 124),
        ("kept=2; cd /usr; sleep 1000 | cat", 124),
        ("trap '' TERM; kept=2; cd /usr; while :; do :; done", 124),
    ],
)
async def test_a_command_that_is_killed_changes_nothing(shell: Shell, start: Path, script: str, code: int) -> None:
    await shell.run("kept=1")
    result = await shell.run(script, timeout=0.3)
    assert (result.code, result.timed_out, result.directory) == (code, code == 124, str(start))
    assert await output(shell, "echo $kept $PWD") == f"1 {start}\n"


async def test_a_cancelled_command_is_killed_and_changes_nothing(shell: Shell, start: Path) -> None:
    begun = asyncio.Event()
    command = asyncio.create_task(
        shell.run("cd /; echo $$ > $OLDPWD/pid; echo begun; sleep 1000", on_output=lambda _: begun.set())
    )
    await begun.wait()
    command.cancel()
    with pytest.raises(asyncio.CancelledError):
        await command
    assert await output(shell, "pwd; kill -0 $(cat pid) 2>/dev/null || echo killed") == f"{start}\nkilled\n"


async def test_an_interrupted_command_gives_what_there_is(shell: Shell, start: Path) -> None:
    result = await shell.run("cd /; echo begun; sleep 1000", on_output=lambda _: shell.interrupt())
    assert (result.output, result.code, result.interrupted) == ("begun\n", 130, True)
    assert result.directory == str(start)
    assert shell.interrupt() is False
    assert await output(shell, "echo on") == "on\n"


async def test_set_e_ends_with_the_shell_it_ended(shell: Shell) -> None:
    await shell.run("set -e; false")
    assert await output(shell, "false; echo on") == "on\n"
    await shell.run("set -e")
    assert await output(shell, "false; echo on") == "", "an option that was set and did not end the shell stays"


async def test_messages_name_the_right_line_and_the_shell(shell: Shell) -> None:
    for _ in range(2):
        result = await shell.run("true\ntrue 'two\nlines'\nno-such-command-here")
        assert result.output == "bash: line 4: no-such-command-here: command not found\n"
        assert "line 1" in (await shell.run("echo 'open")).output


async def test_tracing_shows_the_commands_own_lines_only(shell: Shell) -> None:
    assert (await output(shell, "set -xv; echo one")).lstrip("+") == " echo one\none\n"
    text = await output(shell, "echo two")
    assert "hermes" not in text
    assert text.splitlines()[-1] == "two"
    await shell.run("set +xv")
    assert await output(shell, "echo three") == "three\n"


async def test_here_documents_and_long_scripts_run(shell: Shell) -> None:
    assert await output(shell, "cat <<'END'\n$a `b` \\ 'c\nEND\ncat <<END\n$((1+1))\nEND") == "$a `b` \\ 'c\n2\n"
    long = "x" * 200_000
    assert await output(shell, f"text='{long}'\necho ${{#text}}") == "200000\n"
    assert await output(shell, "echo ${#text}") == "200000\n"
    with pytest.raises(ValueError, match="NUL"):
        await shell.run("echo \0")


async def test_a_script_is_never_taken_for_an_option_or_a_comment(shell: Shell) -> None:
    assert (await shell.run("-n")).code == 127
    assert await output(shell, "# only a comment") == ""
    assert await output(shell, "") == ""
    assert await output(shell, "echo a # comment") == "a\n"
    assert await output(shell, "echo a \\\n b\n\n\n") == "a b\n"


async def test_output_keeps_its_order_across_both_streams(shell: Shell) -> None:
    script = "for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done"
    assert await output(shell, script) == "".join(f"out {i}\nerr {i}\n" for i in range(1, 6))


async def test_standard_input_is_the_commands(shell: Shell) -> None:
    data = bytes(range(32, 127)) * 400
    assert (await output(shell, "cat", stdin=data)).encode() == data
    assert await output(shell, "read a; read b; echo $b $a", stdin=b"one\ntwo\n") == "two one\n"
    assert await output(shell, "cat; echo end") == "end\n"


async def test_commands_of_one_shell_wait_for_each_other_and_lose_nothing(shell: Shell) -> None:
    scripts = [f"v{i}=1; echo begin {i}; sleep 0.0{i % 3}; count=$((count+1)); echo end {i}" for i in range(8)]
    results = await asyncio.gather(*(shell.run(script) for script in scripts))
    assert [result.output for result in results] == [f"begin {i}\nend {i}\n" for i in range(8)]
    assert await output(shell, "echo $count $v0$v1$v2$v3$v4$v5$v6$v7") == "8 11111111\n"


async def test_a_child_in_the_background_neither_holds_nor_spoils_anything(shell: Shell, start: Path) -> None:
    result = await shell.run("(while :; do echo noise; sleep 0.01; done) & echo $! > pid; kept=1; echo started")
    assert (result.code, result.output.replace("noise\n", "")) == (0, "started\n")
    assert result.seconds < 5
    assert await output(shell, "echo $kept; kill -0 $(cat pid) && echo alive") == "1\nalive\n"


async def test_the_directory_of_one_command(shell: Shell, start: Path) -> None:
    (start / "sub").mkdir()
    assert await output(shell, "pwd", directory="/usr") == "/usr\n"
    assert await output(shell, "pwd", directory=str(start)) == f"{start}\n"
    assert await output(shell, "pwd", directory="sub") == f"{start}/sub\n"
    with pytest.raises(FileNotFoundError):
        await shell.run("pwd", directory="missing")
    (start / "sub" / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        await shell.run("pwd", directory="file")
    assert shell.directory == f"{start}/sub"


async def test_a_shell_whose_directory_is_removed_goes_on_where_it_began(shell: Shell, start: Path) -> None:
    await shell.run("mkdir gone; cd gone")
    shutil.rmtree(start / "gone")
    result = await shell.run("pwd")
    assert result.output.splitlines()[-1] == str(start)
    assert "does not exist any more" in result.output
    assert await output(shell, "pwd") == f"{start}\n"


async def test_a_pseudo_terminal_keeps_state_too(shell: Shell) -> None:
    result = await shell.run("test -t 1 && echo tty; kept=1; cd /usr", pty=True)
    assert (result.output, result.directory) == ("tty\n", "/usr")
    assert await output(shell, "echo $kept; exit 3", pty=True) == "1\n"
    assert await output(shell, "read line; echo got $line", pty=True, stdin=b"hello\n") == "got hello\n"
    assert (await shell.run("sleep 1000", pty=True, timeout=0.2)).code == 124


# -------------------------------------------------------------------------------------------------------- output


async def test_control_sequences_are_taken_out_for_the_model_and_kept_in_the_file(shell: Shell, start: Path) -> None:
    script = "printf '\\033[1;31mred\\033[0m \\033]0;title\\007\\033]8;;http://x\\033\\\\link\\033(B\\r\\n\\377\\n'"
    assert await output(shell, script) == "red link\r\n\ufffd\n"
    result = await shell.run(script + "; head -c 100 /dev/zero | tr '\\0' x", limit=50)
    assert (
        content(result)
        == b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07\x1b]8;;http://x\x1b\\link\x1b(B\r\n\xff\n" + b"x" * 100
    )


async def test_long_output_is_cut_in_the_middle_and_whole_in_a_file(shell: Shell, tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "output"
    result = await shell.run("seq 1000000; exit 7", limit=1000, keep=lambda: kept)
    everything = "".join(f"{i}\n" for i in range(1, 1_000_001))
    head, note, tail = re.split(r"\n\n(\[.*\])\n\n", result.output)
    assert everything.startswith(head)
    assert everything.endswith(tail)
    assert (len(head), len(tail)) == (400, 600)
    assert f"{len(everything) - 1000:,} of {len(everything):,} characters left out" in note
    assert (result.code, result.whole, result.total_bytes) == (7, str(kept), len(everything))
    assert kept.read_text(encoding="utf-8") == everything
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)


async def test_output_at_the_limit_is_not_cut(shell: Shell) -> None:
    result = await shell.run("printf %1000s x", limit=1000)
    assert (len(result.output), result.whole) == (1000, "")
    result = await shell.run("printf %1001s x", limit=1000)
    assert len(content(result)) == 1001


async def test_endless_output_is_bounded_in_memory(shell: Shell) -> None:
    import tracemalloc

    await shell.run("true")
    tracemalloc.start()
    try:
        result = await shell.run("yes 'a line of endless output'", timeout=0.5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (result.code, result.timed_out) == (124, True)
    assert len(result.output) < 50_300
    assert result.total_bytes == len(content(result)) > 1_000_000
    assert peak < 8_000_000


async def test_progress_is_reported_at_once_and_then_in_bundles(shell: Shell) -> None:
    reports: list[str] = []
    await shell.run("echo first; sleep 0.2; for i in $(seq 100000); do echo $i; done", on_output=reports.append)
    assert reports[0] == "first\n"
    assert reports[1].startswith("1\n")
    assert reports[-1].endswith("100000\n")
    assert len(reports) < 60


# ------------------------------------------------------------------------------------------------- other shells


@pytest.fixture
async def plain_shell(start: Path) -> AsyncIterator[Shell]:
    """A shell on a terminal without bash."""
    async with LocalBackend(Settings(shell="/bin/dash")).open("key", str(start)) as terminal:
        shell = Shell(terminal)
        yield shell
        await shell.close()


@pytest.mark.skipif(not os.path.exists("/bin/dash"), reason="needs dash")
async def test_a_plain_posix_shell_remembers_all_but_functions(plain_shell: Shell) -> None:
    await plain_shell.run("plain='a \"b\"\n$c '\\'; export exported=there; alias shout='echo LOUD'; umask 027; cd /usr")
    script = 'printf "%s|" "$plain" "$exported"; sh -c "echo \\$exported"; shout; umask; pwd'
    for _ in range(2):
        assert await output(plain_shell, script) == 'a "b"\n$c \'|there|there\nLOUD\n0027\n/usr\n'
    assert (await plain_shell.run("kept=1; cd /; exit 3")).code == 3
    assert await output(plain_shell, "echo $kept $PWD; echo err >&2") == "1 /\nerr\n"
    assert (await plain_shell.run("echo 'open")).code == 2
    assert (await plain_shell.run("kept=2; kill -9 $$")).code == 137
    assert await output(plain_shell, "echo $kept") == "1\n"


async def test_any_text_survives_in_a_variable(shell: Shell) -> None:
    chosen = random.Random(7)
    for _ in range(20):
        text = "".join(chosen.choice("ab'\"\\$`\n\t\r !*?[]{}()<>|&;#~é漢\U0001f600\x01\x1b\x7f") for _ in range(60))
        await shell.run("IFS= read -rd '' value", stdin=text.encode() + b"\0")
        result = await shell.run("printf %s \"$value\" | od -An -v -tx1 | tr -d ' \\n'")
        assert bytes.fromhex(result.output).decode() == text
