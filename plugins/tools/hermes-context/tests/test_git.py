"""Changes and commits are attached, and a hostile repository runs nothing."""

import subprocess

import pytest

from hermes_host.errors import HermesError
from hermes_host.testing import StandInHost


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def repository(project, git):
    write(project / "a.txt", "one\n")
    git("add", ".")
    git("commit", "-q", "-m", "First words")
    return project


async def test_changes_are_attached(talk, repository, git):
    write(repository / "a.txt", "two\n")
    text = (await talk.expand("review @diff")).text
    assert "```diff\ndiff --git a/a.txt b/a.txt" in text
    assert "-one\n+two" in text
    assert "(none)" in (await talk.expand("@staged")).text
    git("add", ".")
    assert "+two" in (await talk.expand("@staged")).text
    assert "(none)" in (await talk.expand("@diff")).text


async def test_the_last_commits_are_attached_newest_first(talk, repository, git):
    for number in range(12):
        write(repository / "a.txt", f"{number}\n")
        git("commit", "-qam", f"Commit {number}")
    text = (await talk.expand("@git:2")).text
    assert "the last 2 commits" in text
    assert text.index("A: Commit 11") < text.index("A: Commit 10") < text.index("diff --git")
    assert "Commit 9" not in text
    many = (await talk.expand("@git:99")).text
    assert "the last 10 commits" in many
    assert "Commit 1\n" not in many
    assert "the last commit" in (await talk.expand("@git:0")).text


async def test_changes_that_are_too_long_refuse_the_message(talk, repository):
    write(repository / "a.txt", "x\n" * 200_000)
    with pytest.raises(HermesError, match="@diff: that is more than"):
        await talk.expand("@diff")


async def test_credentials_are_left_out_of_changes(talk, repository, git):
    write(repository / ".env", "KEY=old\n")
    write(repository / "deep/.ENV.local", "KEY=old\n")
    git("add", "-f", ".")
    git("commit", "-qm", "Oops")
    write(repository / ".env", "KEY=SECRET\n")
    write(repository / "deep/.ENV.local", "KEY=SECRET\n")
    write(repository / "a.txt", "two\n")
    text = (await talk.expand("@diff @git:1")).text
    assert "+two" in text
    assert "KEY=" not in text
    assert "Oops" in text


async def test_a_repository_without_commits_and_a_directory_without_repository_are_said(talk, git, begin, home):
    assert "git failed" in talk.notices(await talk.expand("@git:1"))[0]
    assert "not in a git repository" in (await (await begin(home)).expand("@diff")).text


HOSTILE = """\
[core]
    repositoryformatversion = 0
    fsmonitor = {run}-fsmonitor
    hooksPath = hooks
    pager = {run}-pager
    sshCommand = {run}-ssh
    editor = {run}-editor
    askPass = {run}-askpass
    attributesFile = {project}/attributes
[include]
    path = {project}/included
[diff]
    external = {run}-external
    submodule = diff
[diff "evil"]
    command = {run}-driver
    textconv = {run}-textconv
[filter "evil"]
    clean = {run}-clean
    smudge = {run}-smudge
    process = {run}-process
    required = true
[filter "e=v il"]
    clean = {run}-clean2
[log]
    showSignature = true
[gpg]
    program = {run}-gpg
[pager]
    diff = {run}-pager
    show = {run}-pager
    log = {run}-pager
[alias]
    diff = !{run}-alias
[protocol "ext"]
    allow = always
[extensions]
    partialClone = origin
[remote "origin"]
    url = ext::{run}-transport
    promisor = true
    partialclonefilter = blob:none
"""


def sign_head(repository):
    """Replace the last commit by one with a signature, which git may be asked to check."""

    def git(*arguments, data=""):
        done = subprocess.run(
            ["git", *arguments], cwd=repository, input=data, capture_output=True, text=True, check=True
        )
        return done.stdout

    head, _, message = git("cat-file", "commit", "HEAD").partition("\n\n")
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----"
    signed = git("hash-object", "-t", "commit", "-w", "--stdin", data=f"{head}\n{signature}\n\n{message}").strip()
    git("update-ref", "HEAD", signed)


@pytest.fixture
def hostile(repository, git, home):
    """A repository that names a program wherever git lets it; each leaves its name in `ran`."""
    ran = home / "ran"
    ran.mkdir()
    names = "fsmonitor pager ssh editor askpass external driver textconv clean smudge process clean2 gpg alias"
    for name in (*names.split(), "transport", "included"):
        program = home / f"run-{name}"
        write(program, f"#!/bin/sh\ntouch {ran}/{name}\ncat\n")
        program.chmod(0o755)
    for hook in ("post-index-change", "fsmonitor-watchman", "reference-transaction"):
        write(repository / "hooks" / hook, f"#!/bin/sh\ntouch {ran}/{hook}\n")
        (repository / "hooks" / hook).chmod(0o755)
    write(repository / ".gitattributes", "a.txt filter=evil diff=evil\nb.txt filter=e=v\nc.txt filter=more diff=evil\n")
    write(repository / "attributes", "* filter=evil diff=evil\n")
    write(repository / "included", f'[filter "more"]\n  clean = {home}/run-included\n')
    for name in ("b.txt", "c.txt"):
        write(repository / name, "one\n")
    submodule = repository / "sub"
    submodule.mkdir()
    git("init", "-q", cwd=submodule)
    write(submodule / "s.txt", "s\n")
    git("add", ".", cwd=submodule)
    git("commit", "-qm", "s", cwd=submodule)
    git("add", ".")
    git("commit", "-qm", "Second")
    sign_head(repository)
    run = f"{home}/run"
    write(repository / ".git/config", HOSTILE.format(run=run, project=repository))
    write(submodule / ".git/config", HOSTILE.format(run=run, project=repository))
    for name in ("a.txt", "b.txt", "c.txt", "sub/s.txt"):
        write(repository / name, "changed\n")
    return ran


def test_the_hostile_repository_is_one(hostile, repository):
    """The trap works: plain git runs the programs."""
    subprocess.run(["git", "diff"], cwd=repository, capture_output=True, timeout=20)
    assert len(list(hostile.iterdir())) >= 2


@pytest.mark.parametrize("plugins", [["context"], ["context", "local"]], ids=["disk", "terminal"])
async def test_a_hostile_repository_runs_nothing(hostile, repository, home, plugins):
    from hermes_host.messages import user_message
    from hermes_host.services import PromptExpander

    async with StandInHost(home / ".hermes", plugins=plugins) as host:
        host.script()
        session = await host.start(toolsets=[], directory=str(repository))
        expander = await host.services.get(PromptExpander)
        text = (await expander.expand(user_message("@diff @staged @git:2 @folder:."), session.context)).text
    assert [path.name for path in hostile.iterdir()] == []
    assert "-one\n+changed" in text
    assert "A: Second" in text


async def test_missing_objects_are_not_fetched(hostile, repository, talk):
    lose(repository, "HEAD:a.txt")
    text = (await talk.expand("@diff @git:1")).text
    assert "git failed" in text
    assert [path.name for path in hostile.iterdir()] == []


def lose(repository, name):
    """Delete an object, as in a partial clone."""
    command = ["git", "-c", "core.fsmonitor=false", "rev-parse", name]
    blob = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout.strip()
    (repository / ".git/objects" / blob[:2] / blob[2:]).unlink()


async def test_a_repository_whose_files_lie_elsewhere_is_not_looked_at(talk, repository, home, git):
    write(home / "private/a.txt", "SECRET\n")
    git("config", "core.worktree", str(home / "private"))
    expanded = await talk.expand("@diff")
    assert "SECRET" not in expanded.text
    assert "Not attached" in expanded.text
    git("config", "core.worktree", str(home))
    assert "core.worktree" in talk.notices(await talk.expand("@diff"))[0]


async def test_a_bare_repository_within_the_project_is_not_used(repository, git, begin, home):
    bare = repository / "bare"
    git("init", "-q", "--bare", str(bare))
    ran = home / "bare-ran"
    write(bare / "config", f"[core]\n bare = false\n worktree = ..\n fsmonitor = touch {ran}\n")
    assert "Not attached" in (await (await begin(bare)).expand("@diff")).text
    assert not ran.exists()


async def test_git_of_a_linked_worktree_works(talk, repository, git, begin, home):
    git("worktree", "add", "-q", str(home / "linked"))
    write(home / "linked/a.txt", "linked\n")
    assert "+linked" in (await (await begin(home / "linked")).expand("@diff")).text


async def test_a_subdirectory_gives_the_changes_of_the_whole_repository(repository, begin):
    (repository / "sub").mkdir()
    write(repository / "a.txt", "two\n")
    assert "+two" in (await (await begin(repository / "sub")).expand("@diff")).text


async def test_the_index_is_not_written(talk, repository):
    index = repository / ".git/index"
    before = index.stat().st_mtime_ns, index.read_bytes()
    write(repository / "a.txt", "one\n")
    await talk.expand("@diff")
    assert (index.stat().st_mtime_ns, index.read_bytes()) == before
