from pathlib import Path

import pytest


def tools(talk, work):
    """A tool that writes, one that reads, one that runs commands (all within the workspace), and their calls."""

    def write(path: str, content: str) -> str:
        """Write a file."""
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text(content, encoding="utf-8")
        return "ok"

    def read(path: str) -> str:
        """Read a file."""
        return "x"

    def command(command: str) -> str:
        """Run a command."""
        import subprocess

        subprocess.run(command, shell=True, cwd=work, check=False)
        return "ok"

    talk.host.tool(write, effects=("write",))
    talk.host.tool(read, effects=("read",))
    talk.host.tool(command, effects=("process",))


@pytest.fixture
def talk(make_talk, work):
    talk = make_talk()
    tools(talk, work)
    return talk


def notices(events):
    return [event.text for event in events if type(event).__name__ == "Notice"]


async def test_one_snapshot_is_taken_in_a_turn_before_the_first_change(talk, work, store):
    (work / "a").write_text("original", encoding="utf-8")
    session = await talk.start()
    await talk.turn(
        session,
        ("read", {"path": "a"}),
        ("write", {"path": "a", "content": "first"}),
        ("write", {"path": "a", "content": "second"}),
        ("command", {"command": "rm a"}),
    )
    (listed,) = store.listing()
    assert listed.snapshot.reason == "before write a"
    assert listed.snapshot.session == session.id
    store.restore(1)
    assert (work / "a").read_text() == "original"


async def test_each_turn_that_changes_something_has_its_own(talk, work, store):
    (work / "a").write_text("0", encoding="utf-8")
    session = await talk.start()
    for content in "12":
        await talk.turn(session, ("write", {"path": "a", "content": content}))
    await talk.turn(session, ("read", {"path": "a"}))
    assert [each.snapshot.number for each in store.listing()] == [2, 1]


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        ("rm -rf a", True),
        ("ls -l && cat a | grep x 2>/dev/null", False),
        ("git status; git log --oneline", False),
        ("git checkout -- a", True),
        ("git -C x status", True),
        ("echo x > a", True),
        ("cat a >> b", True),
        ("sed -i s/a/b/ a", True),
        ("python script.py", True),
        ("ls $(rm a)", True),
        ("ls `rm a`", True),
        ("ls\nrm a", True),
        ("find . -delete", True),
        ("env rm a", True),
        ("X=1 rm a", True),
        ("sort -o a a", True),
        ("rg --pre rm a", True),
        ("rg TODO src", False),
    ],
)
async def test_before_a_command_one_is_taken_unless_it_only_looks(talk, work, store, command, kept):
    (work / "a").write_text("original", encoding="utf-8")
    session = await talk.start()
    await talk.turn(session, ("command", {"command": command}))
    assert len(store.listing()) == kept


async def test_rollback_lists_compares_restores_and_takes_itself_back(talk, work):
    (work / "a").write_text("original\n", encoding="utf-8")
    session = await talk.start()
    assert "no snapshots" in await talk.slash(session)
    await talk.turn(
        session, ("write", {"path": "a", "content": "changed\n"}), ("write", {"path": "b", "content": "new"})
    )
    listed = await talk.slash(session)
    assert "before write a" in listed
    assert "2 files: a, b" in listed
    assert "-original\n+changed" in await talk.slash(session, "diff 1")
    assert "is back at 1" in await talk.slash(session, "1 a")
    assert (work / "a").read_text() == "original\n"
    assert (work / "b").exists()
    told = await talk.slash(session, "1")
    assert not (work / "b").exists()
    assert "/rollback 3" in told
    await talk.slash(session, "3")
    assert (work / "b").exists()
    assert "Usage" in await talk.slash(session, "soon")


async def test_rollback_touches_nothing_outside_the_workspace(talk, work, tmp_path):
    from hermes_host.errors import HermesError

    (work / "a").write_text("x", encoding="utf-8")
    session = await talk.start()
    await talk.turn(session, ("write", {"path": "a", "content": "y"}))
    for path in ("../other", "/etc/passwd", ".", ".."):
        with pytest.raises(HermesError, match="not a file of"):
            await talk.slash(session, f"1 {path}")


async def test_the_workspace_is_the_whole_project_of_the_folder(talk, work, store):
    (work / "pyproject.toml").write_text("", encoding="utf-8")
    (work / "src").mkdir()
    (work / "top").write_text("original", encoding="utf-8")
    session = await talk.start(work / "src")
    await talk.turn(session, ("write", {"path": "top", "content": "changed"}))
    assert store.listing()[0].snapshot.files == 2
    await talk.slash(session, "1 ../top")
    assert (work / "top").read_text() == "original"


async def test_from_the_home_folder_only_the_project_a_call_names_is_kept(talk, work, store, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (work / "Makefile").write_text("original", encoding="utf-8")
    session = await talk.start(tmp_path)
    await talk.turn(session, ("write", {"path": str(work / "Makefile"), "content": "changed"}))
    assert len(store.listing()) == 1
    assert "is back at 1" in await talk.slash(session, "1")
    assert (work / "Makefile").read_text() == "original"


@pytest.mark.parametrize("folder", ["/", "home"])
async def test_folders_that_are_too_wide_are_named_once(talk, tmp_path, home, monkeypatch, folder):
    monkeypatch.setenv("HOME", str(tmp_path))
    session = await talk.start(Path("/") if folder == "/" else tmp_path)
    said = []
    for content in "12":
        said += notices(await talk.turn(session, ("write", {"path": "x", "content": content})))
    assert len([text for text in said if "too wide" in text]) == 1
    state = home / "plugins" / "checkpoints"
    assert not state.exists() or not list(state.iterdir())


async def test_a_failure_is_said_once_and_the_tool_runs(make_talk, work):
    talk = make_talk(max_files=1)
    tools(talk, work)
    for name in "ab":
        (work / name).write_text(name, encoding="utf-8")
    session = await talk.start()
    said = []
    for content in "12":
        said += notices(await talk.turn(session, ("write", {"path": "a", "content": content})))
    assert (work / "a").read_text() == "2"
    assert len([text for text in said if "max_files" in text]) == 1


async def test_where_snapshots_are_required_a_failure_stops_every_call_of_the_turn(make_talk, work):
    talk = make_talk(max_files=1, required=True)
    tools(talk, work)
    for name in "ab":
        (work / name).write_text(name, encoding="utf-8")
    session = await talk.start()
    calls = [("write", {"path": "a", "content": str(number)}) for number in range(2)]
    events = await talk.turn(session, *calls)
    results = [event.result for event in events if type(event).__name__ == "ToolFinished"]
    assert [result.is_error for result in results] == [True, True]
    assert "Nothing was executed" in results[1].content[0].text
    assert (work / "a").read_text() == "a"


async def test_without_git_the_tool_runs(talk, work, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    session = await talk.start()
    events = await talk.turn(session, ("write", {"path": "a", "content": "1"}))
    assert (work / "a").read_text() == "1"
    assert any("git is not installed" in text for text in notices(events))


async def test_switched_off_it_does_nothing(make_talk, work, home):
    talk = make_talk(enabled=False)
    tools(talk, work)
    session = await talk.start()
    await talk.turn(session, ("write", {"path": "a", "content": "1"}))
    assert not (home / "plugins" / "checkpoints").exists()


async def test_files_of_another_machine_are_left_alone(make_talk, work, home):
    from hermes_host.specs import TerminalSpec
    from hermes_host.testing import FakeTerminalBackend

    talk = make_talk(backend="far")
    tools(talk, work)
    spec = TerminalSpec(name="far", summary="Far away", target="hermes_host.testing:FakeTerminalBackend", priority=9)
    talk.host.use_part("terminals", spec, FakeTerminalBackend())
    session = await talk.start()
    events = await talk.turn(session, ("write", {"path": "a", "content": "1"}))
    assert any("'far' are not on this machine" in text for text in notices(events))
    assert "not on this machine" in await talk.slash(session)
    assert not (home / "plugins" / "checkpoints").exists()


async def test_the_real_file_tools_and_the_real_shell_are_covered(make_talk, work, look):
    talk = make_talk(plugins=("files", "terminal", "local"))
    (work / "a.txt").write_text("original\n", encoding="utf-8")
    (work / "sub").mkdir()
    (work / "sub" / "b.txt").write_text("b\n", encoding="utf-8")
    before = look(work)
    session = await talk.start()
    patch = {"mode": "replace", "path": "a.txt", "old_string": "original", "new_string": "patched"}
    await talk.turn(session, ("read_file", {"path": "a.txt"}), ("patch", patch))
    assert (work / "a.txt").read_text() == "patched\n"
    await talk.turn(session, ("terminal", {"command": "rm -r sub && mkdir made && echo x > made/y"}))
    assert not (work / "sub").exists()
    assert "patch a.txt" in await talk.slash(session)
    await talk.slash(session, "1")
    assert look(work) == before
