"""The reading of scripts, held against bash itself: the same words, and every program that bash would run."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from hermes_terminal.judge import judge
from hermes_terminal.places import Place
from hermes_terminal.shell.script import Compound, Function, Node, Simple, Unreadable, Word
from hermes_terminal.shell.syntax import MAX_LENGTH, parse
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

HOME = "/home/u"
PLACE = Place("/home/u/work", HOME, "/home/u/.hermes")
STRICTNESS = {"allow": 0, "ask": 1, "deny": 2}

DANGEROUS = [
    (["rm", "-rf", "/"], "deny"),
    (["rm", "-rf", HOME], "deny"),
    (["sudo", "rm", "-r", "-f", "/"], "deny"),
    (["tee", "-a", f"{HOME}/.bashrc"], "deny"),
    (["cp", "x", f"{HOME}/.ssh/authorized_keys"], "deny"),
    (["dd", "of=/dev/sda"], "deny"),
    (["mkfs.ext4", "/dev/sda1"], "deny"),
    (["bash", "-c", "rm -rf /"], "deny"),
    (["env", "A=1", "sh", "-c", "echo x >> ~/.bashrc"], "deny"),
    (["git", "reset", "--hard"], "ask"),
    (["git", "push", "--force"], "ask"),
    (["python3", "-c", "print(1)"], "ask"),
    (["find", ".", "-delete"], "ask"),
    (["tar", "--checkpoint-action=exec=sh", "-cf", "x", "y"], "ask"),
    (["docker", "run", "--privileged", "x"], "ask"),
    (["chmod", "-R", "777", "."], "ask"),
    (["sed", "-i", "s/a/b/", "/etc/hosts"], "ask"),
]


@st.composite
def quoted(draw: st.DrawFn, word: str) -> str:
    """The word, written in one of the many ways that mean the same to the shell."""
    out = []
    for char in word:
        special = not (char.isalnum() or char in "/-_.=+")
        ways = ["single", "double", "ansi", "backslash"] + (
            [] if special else ["plain", "plain", "plain", "empty", "continued"]
        )
        match draw(st.sampled_from(ways)):
            case "plain":
                out.append(char)
            case "single":
                out.append(f"'{char}'")
            case "double":
                out.append(f'"{char}"')
            case "ansi":
                out.append(f"$'\\x{ord(char):02x}'")
            case "backslash":
                out.append(f"\\{char}")
            case "empty":
                out.append(draw(st.sampled_from(["''", '""', "$''"])) + char)
            case "continued":
                out.append("\\\n" + char)
    return "".join(out)


@st.composite
def disguised(draw: st.DrawFn) -> tuple[str, str]:
    words, verdict = draw(st.sampled_from(DANGEROUS))
    gap = st.sampled_from([" ", "  ", "\t", " \\\n", " \\\n  "])
    text = "".join(draw(gap) + draw(quoted(word)) for word in words)
    before = draw(
        st.sampled_from(["", "", "true;", "ls && ", "ls | ", "(", "{ ", "time ", "! ", "A=1 ", "if true; then "])
    )
    after = {"(": ")", "{ ": "; }", "if true; then ": "; fi"}.get(
        before, draw(st.sampled_from(["", " >out", "; ls", " &", " # x"]))
    )
    return before + text.lstrip() + after, verdict


@settings(max_examples=250, deadline=None)
@given(disguised())
def test_disguises_never_make_the_verdict_milder(case: tuple[str, str]) -> None:
    script, verdict = case
    assert STRICTNESS[judge(script, PLACE).verdict] >= STRICTNESS[verdict], script


def _words(script: str) -> list[Word]:
    node: Node = parse(script, home=HOME)
    while isinstance(node, Compound):
        assert len(node.parts) == 1
        node = node.parts[0]
    assert isinstance(node, Simple)
    return list(node.words)


@pytest.fixture(scope="module")
def bash_words(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[str] | None]:
    """The words bash makes of a command line, None when it refuses it."""
    empty = tmp_path_factory.mktemp("empty")

    def words(text: str) -> list[str] | None:
        run = subprocess.run(
            ["bash", "--norc", "-c", f"printf '%s\\0' {text}"],
            capture_output=True,
            cwd=empty,
            env={"PATH": "/usr/bin:/bin", "HOME": HOME, "LC_ALL": "C.UTF-8"},
            check=False,
        )
        return run.stdout.decode().split("\0")[:-1] if run.returncode == 0 and not run.stderr else None

    return words


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                "b",
                " ",
                "'",
                '"',
                "\\",
                "{",
                "}",
                ",",
                "~",
                "/",
                "$",
                "$'",
                "..",
                "1",
                "3",
                "-",
                "\\n",
                "\\x41",
                "é",
                "=",
                "#",
                "\\\n",
                "{a,b}",
                "$HOME",
                "${HOME}",
            ]
        ),
        min_size=1,
        max_size=9,
    ).map("".join)
)
@example("{a,b{c,d}}e{1..3}")
@example("a{b}c{,d}")
@example("'a'\\''b'")
@example('"a\\"b$HOME\\\\"')
@example("~/x ~ a~ '~'")
@example("$\"a\" $'\\''")
def test_words_are_those_that_bash_sees(bash_words: Callable[[str], list[str] | None], text: str) -> None:
    try:
        read = _words(f"echo {text}")[1:]
    except (Unreadable, AssertionError):
        return
    if all(word.known for word in read):
        expected = bash_words(text)
        assert expected is None or [word.text for word in read] == expected or (read == [] and expected == [""])


TOKENS = [
    "echo ",
    "mark",
    "mark ",
    " ",
    "\n",
    ";",
    " && ",
    " || ",
    " | ",
    " & ",
    "(",
    ")",
    "{ ",
    "; }",
    "'",
    '"',
    "\\",
    " #",
    "$(",
    "`",
    "<<E\n",
    "<<'E'\n",
    "\nE\n",
    "\nE ",
    "if true; then ",
    "; fi",
    "for i in a; do ",
    "; done",
    "case a in a) ",
    ";; esac",
    "! ",
    "<(",
    "$((",
    "))",
    "[[ a ]]",
    "$'",
    "${x:-",
    "}",
    "\\\n",
    "{a,b}",
    "x=",
    "cat ",
    "time ",
    ">b ",
    "2>&1 ",
    "eval ",
    "<<<",
    "f()",
]


@pytest.fixture(scope="module")
def mark_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], bool]]:
    """Whether a script, run by bash, calls the command `mark`."""
    work = tmp_path_factory.mktemp("work")
    hits = work / "hits"
    prelude = 'mark() { builtin echo x >> "$HITS"; }\nbuiltin eval "$SCRIPT"\nwait'

    def runs(script: str) -> bool:
        hits.unlink(missing_ok=True)
        env = {"PATH": "/usr/bin:/bin", "HITS": str(hits), "SCRIPT": script, "HOME": str(work)}
        subprocess.run(
            ["timeout", "5", "bash", "--norc", "-c", prelude],
            cwd=work,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        return hits.exists()

    yield runs


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(TOKENS), min_size=2, max_size=12).map("".join))
@example("cat <<E\nx\nE \nmark\nE\n")
@example("echo ${x:-'}'; mark; echo '}'}")
@example("echo $(( 1 )) `mark`")
@example('echo "`mark`"')
@example("cat <<E\n`mark`\nE\n")
@example("echo a\\\n#; mark")
def test_no_script_is_allowed_that_runs_a_program_the_judge_did_not_see(
    mark_runs: Callable[[str], bool], script: str
) -> None:
    if "mark" in script and judge(script, PLACE).verdict == "allow":
        assert not mark_runs(script), script


@settings(max_examples=250, deadline=None)
@given(st.one_of(st.text(max_size=80), st.lists(st.sampled_from(TOKENS), max_size=20).map("".join)))
def test_any_text_gets_a_verdict_and_what_cannot_be_read_is_not_allowed(text: str) -> None:
    judgement = judge(text, PLACE)
    try:
        parse(text, home=HOME)
    except Unreadable:
        assert judgement.verdict == "ask"
        assert not judgement.readable
        assert judgement.reason


@pytest.mark.parametrize(
    "text",
    [
        "ls \x00",
        "ls \x1b[2K",
        "ls \u202e x",
        "ls \u200bx",
        "l\u00ads",
        "ls\u00a0-la",
        "ls \r\nx",
        "ls \ue000",
        "x" * (MAX_LENGTH + 1),
    ],
    ids=ascii,
)
def test_invisible_characters_and_endless_commands_are_for_a_person(text: str) -> None:
    judgement = judge(text, PLACE)
    assert judgement.verdict == "ask"
    assert not judgement.readable


def test_deep_nesting_is_refused_and_not_followed_for_ever() -> None:
    assert judge("$(" * 3000 + "ls" + ")" * 3000, PLACE).verdict == "ask"
    script = "ls"
    for _ in range(5):
        script = f"eval {script!r}" if "'" not in script else "eval " + script.replace("'", "'\\''").join("''")
    assert judge(script, PLACE).verdict in ("allow", "ask")


@pytest.mark.parametrize(
    "script",
    [
        "env " * 2400 + "ls",
        "for i in a; do cd x; " * 40 + "rm -r y" + "; done" * 40,
        "{a,b}" * 1000,
        "f() { " * 400 + "ls" + "; }" * 400,
    ],
    ids=["wrappers", "loops", "braces", "functions"],
)
def test_no_script_keeps_the_judge_busy_for_long(script: str) -> None:
    begun = time.process_time()
    assert judge(script, PLACE).verdict == "ask"
    assert time.process_time() - begun < 5


def test_functions_know_their_bodies() -> None:
    (function,) = parse("f() { ls; }", home=HOME).parts
    assert isinstance(function, Function)
    assert function.name == "f"
