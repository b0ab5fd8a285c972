"""A process killed at any point leaves a whole skill or none, and two at once do no harm."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hermes_skillhub.proposals import Consent
from hermes_skillhub.storage import Storage

PROGRAM = """
import asyncio, json, os, signal, sys
from pathlib import Path
import aiohttp, yaml, yarl
from hermes_host.errors import HermesError
from hermes_host.host import Host
from hermes_skillhub.hub import Hub
from hermes_skillhub.maintenance import uninstall
from hermes_skillhub.proposals import Consent
import hermes_skillhub.hubs.taps
import hermes_skills.history

CHANGES = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "ctypes.call_function", "shutil.rmtree")
seen, stop, armed = 0, 0, False

def watch(event, arguments):
    # Dies just before a chosen change of the file system.
    global seen
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if armed == "in quarantine" and "/quarantine/" not in str(arguments[0]):
        return
    if armed and (event in CHANGES or writes):
        seen += 1
        if seen == stop:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)

async def work(home, action, reference, overrides):
    global armed
    plugins, environ = ["network", "skillhub", "skills"], {"PATH": "/usr/bin:/bin"}
    async with Host(home=Path(home), plugins=plugins, environ=environ, overrides=overrides) as host:
        hub = await host.services.get(Hub)
        if action == "install":
            proposal = await hub.prepare(reference)
        if action == "update":
            proposal = await hub.prepare_update(hub.storage.installed()[reference])
        armed = "in quarantine" if action == "stage" else True
        if action == "stage":
            await hub.prepare(reference)
        elif action == "uninstall":
            await uninstall(hub, reference)
        else:
            await hub.commit(proposal, Consent())
        armed = False

def child(job, out):
    global stop
    *facts, stop, overrides = job
    os.dup2(out, 1)
    try:
        asyncio.run(work(*facts, overrides))
        print("done", seen, flush=True)
    except HermesError as error:
        print("refused", error, flush=True)
    os._exit(0)

# Each job is a process of its own, made from this one, which has imported everything already.
for line in sys.stdin:
    started = []
    for job in json.loads(line):
        source, sink = os.pipe()
        pid = os.fork()
        if not pid:
            child(job, sink)
        os.close(sink)
        started.append((pid, source))
    report = []
    for pid, source in started:
        with open(source) as file:
            text = file.read()
        report.append((os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text))
    print(json.dumps(report), flush=True)
"""


class Forge:
    """Runs jobs in processes of their own."""

    def __init__(self, process: subprocess.Popen[str], world, home: Path) -> None:
        self._process, self._home = process, home
        self._overrides = {
            "skillhub.addresses": {"github_api": f"{world.address}/api", "github_raw": f"{world.address}/raw"},
            "skillhub.private_hosts": [f"127.0.0.1:{world.port}"],
            "skillhub.gh": False,
        }

    async def at_once(self, *jobs: tuple[str, str, int]) -> list[tuple[int, str]]:
        """The exit code and the output of each."""
        lines = [[str(self._home), *job, self._overrides] for job in jobs]
        return await asyncio.to_thread(self._ask, json.dumps(lines))

    async def run(self, action: str, reference: str, stop: int = 0) -> tuple[int, str]:
        """One job, killed just before its step `stop`; 0: not at all."""
        return (await self.at_once((action, reference, stop)))[0]

    def _ask(self, line: str) -> list[tuple[int, str]]:
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@pytest.fixture(scope="module")
def forge_process():
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    yield process
    process.stdin.close()
    process.wait(10)
    process.stdout.close()


@pytest.fixture
def forge(forge_process, world, home) -> Forge:
    return Forge(forge_process, world, home)


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("stop", list(range(1, 20, 3)))
async def test_a_killed_installation_leaves_the_whole_skill_or_nothing(forge, home, anthropic, stop):
    code, _ = await forge.run("install", "anthropics/skills/skills/pdf", stop)
    folder = home / "skills/pdf"
    if folder.exists():
        assert set(content(folder)) == {"SKILL.md", "scripts/run.sh"}
    storage = Storage(home / "skills")
    installed = storage.installed()
    assert ("pdf" in installed) is folder.exists()
    assert not any((home / "skills/.hub/quarantine").iterdir())
    if "pdf" in installed:
        assert storage.local_state(installed["pdf"]).clean
    assert code in (0, -signal.SIGKILL)
    code, out = await forge.run("install", "anthropics/skills/skills/pdf")
    assert code == 0
    assert out.startswith(("done", "refused 'pdf' is installed already"))
    assert set(content(folder)) == {"SKILL.md", "scripts/run.sh"}


async def test_the_points_at_which_it_is_killed_cover_the_whole_installation(forge, home, anthropic):
    _, out = await forge.run("install", "anthropics/skills/skills/pdf", 10_000)
    steps = int(out.split()[1])
    assert 10 <= steps <= 40


@pytest.mark.parametrize("stop", list(range(1, 22, 3)))
async def test_a_killed_update_leaves_the_old_skill_or_the_new_one(forge, home, hub, anthropic, text, stop):
    await hub.commit(await hub.prepare("anthropics/skills/skills/pdf"), Consent())
    old = content(home / "skills/pdf")
    anthropic.put({"skills/pdf/SKILL.md": text("pdf", "newer"), "skills/pdf/more.md": b"more"})
    await forge.run("update", "pdf", stop)
    new = {**old, "SKILL.md": text("pdf", "newer"), "more.md": b"more"}
    found = content(home / "skills/pdf")
    assert found in (old, new)
    storage = Storage(home / "skills")
    entry = storage.installed()["pdf"]
    assert storage.local_state(entry).clean, "the lock file must say what is there"
    code, out = await forge.run("update", "pdf")
    assert (code, out[:4]) == (0, "done")
    assert content(home / "skills/pdf") == new


@pytest.mark.parametrize("stop", list(range(1, 16, 3)))
async def test_a_killed_uninstallation_leaves_the_whole_skill_or_nothing(forge, home, hub, anthropic, stop):
    await hub.commit(await hub.prepare("anthropics/skills/skills/pdf"), Consent())
    old = content(home / "skills/pdf")
    await forge.run("uninstall", "pdf", stop)
    storage = Storage(home / "skills")
    folder = home / "skills/pdf"
    assert ("pdf" in storage.installed()) is folder.exists()
    assert not folder.exists() or content(folder) == old


async def test_what_a_killed_process_left_in_quarantine_is_removed_by_the_next(forge, home, hub, anthropic):
    code, _ = await forge.run("stage", "anthropics/skills/skills/pdf", 4)
    assert code == -signal.SIGKILL
    room = home / "skills/.hub/quarantine"
    assert any(room.iterdir())
    living = await hub.prepare("anthropics/skills/skills/docx")
    assert hub.storage.installed() == {}
    assert [path.name for path in room.iterdir()] == [living.staged.folder.name]
    living.discard()


async def test_two_processes_install_the_same_skill_once(forge, home, anthropic):
    outcomes = await forge.at_once(*[("install", "anthropics/skills/skills/pdf", 0)] * 3)
    assert sorted(out.split()[0] for _, out in outcomes) == ["done", "refused", "refused"]
    storage = Storage(home / "skills")
    assert storage.local_state(storage.installed()["pdf"]).clean


async def test_two_processes_install_different_skills_and_both_are_recorded(forge, home, anthropic):
    await forge.at_once(("install", "anthropics/skills/skills/pdf", 0), ("install", "anthropics/skills/skills/docx", 0))
    assert set(Storage(home / "skills").installed()) == {"pdf", "docx"}


async def test_an_answer_that_comes_after_another_process_changed_the_skill_is_refused(
    forge, hub, home, anthropic, text
):
    from hermes_skillhub.errors import InstallRefused

    waiting = await hub.prepare("anthropics/skills/skills/pdf")
    await forge.run("install", "anthropics/skills/skills/pdf")
    with pytest.raises(InstallRefused, match="another process"):
        await hub.commit(waiting, Consent())
    assert set(content(home / "skills/pdf")) == {"SKILL.md", "scripts/run.sh"}
