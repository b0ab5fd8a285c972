"""Attacks on the terminal. Unconfined, the judge of commands and the protection of files refuse them; confined, the
kernel does, whatever was approved: there every command is run as it is and what it did is looked at from outside."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from hermes_local.backend import LocalBackend
from hermes_local.launcher import SandboxError
from hermes_local.settings import Mode, Settings

from hermes_host.protocols import Command, Output
from hermes_host.testing.terminals import run
from tests.attacks.arena import arena
from tests.attacks.cases import Attack, Attacks
from tests.attacks.terminal_place import CANARY, Place, place

ATTACKS = Attacks("terminal")
MODES: tuple[Mode, ...] = ("workspace", "strict")


def confined(number: int, description: str, **settings: Any) -> Callable[[Callable[[Place], Awaitable[bool]]], None]:
    """Add an attack on the sandbox, in each mode."""

    def add(function: Callable[[Place], Awaitable[bool]]) -> None:
        for mode in MODES:
            _add(number, f"{description} [{mode}]", mode, function, settings)

    return add


def strict(number: int, description: str, **settings: Any) -> Callable[[Callable[[Place], Awaitable[bool]]], None]:
    """Add an attack on the strict sandbox."""

    def add(function: Callable[[Place], Awaitable[bool]]) -> None:
        _add(number, f"{description} [strict]", "strict", function, settings)

    return add


def _add(number: int, text: str, mode: Mode, function: Callable[[Place], Awaitable[bool]], settings: Any) -> None:
    async def blocked() -> bool:
        async with place(mode, **settings) as there:
            return await function(there)

    ATTACKS.append(Attack("terminal", number, text, blocked))


# ------------------------------------------------------------------------------------------------- unconfined

UNCONFINED: dict[int, tuple[str, ...]] = {
    1: (
        "echo x >> ~/.bashrc",
        "echo x > ~/.zshrc",
        "tee ~/.profile < x",
        "cp x ~/.gitconfig",
        "echo x > .gitmodules",
        "cp x ~/.ripgreprc",
        "echo x > .mcp.json",
        "mkdir -p .vscode && cp x .vscode/tasks.json",
        "cp x .idea/workspace.xml",
    ),
    2: ("echo x > .git/hooks/pre-commit", "echo x >> .git/config", "cp x .git/modules/sub/hooks/post-checkout"),
    3: ("ln -s ~/.ssh door && cat door/id_rsa", "echo x > door/../../../../../../../etc/passwd"),
    4: ("mkdir -p ~/.config/systemd/user && cp x ~/.config/systemd/user/y.service", "mkdir .git/hooks"),
    5: ("mv .git c; echo x > c/hooks/pre-commit; mv c .git", "mv ~/.ssh here"),
    6: ("echo x > ~//.ssh/../.ssh/./authorized_keys", "echo x > .GIT/hooks/pre-commit", "echo x > .git//hooks/x/"),
    8: ("mknod d b 8 1", "cat /proc/1/environ", "chmod u+s x", "dd if=/dev/sda of=x"),
    11: ("kill -9 1", "gdb -p 1"),
}
"""What waits for a person, and is refused where there is none."""


def _unconfined(number: int, command: str) -> None:
    async def blocked() -> bool:
        async with arena(rules="") as there:
            return await there.never_runs_by_itself(command)

    ATTACKS.append(Attack("terminal", number, f"{command!r} [off]", blocked))


for _number, _commands in UNCONFINED.items():
    for _command in _commands:
        _unconfined(_number, _command)


@ATTACKS.attack(1, "the file tool writes start-up files [off]")
async def file_tool() -> bool:
    async with arena(rules="") as there:
        paths = ("~/.bashrc", ".git/hooks/pre-commit", ".git/config", ".vscode/settings.json", ".mcp.json")
        attempts = [await there.attempt("write_file", {"path": path, "content": "x"}, "once") for path in paths]
        return not any(attempt.ran for attempt in attempts)


# ------------------------------------------------------------------------------------------------- files


async def _writes_nothing(there: Place, *paths: str) -> bool:
    """Try to write each path in several ways; whether every one is as it was."""
    files = [Path(os.path.join(there.work, path.replace("~", str(there.home), 1))) for path in paths]
    before = [_content(file) for file in files]
    for path in paths:
        await there.run(
            f"echo evil > {path}; mkdir -p $(dirname {path}); echo evil > {path}; rm -rf {path}; echo evil > {path};"
            f"mkdir -p {path}; echo evil > new; mv new {path}; ln -f new {path}; ln -sf /etc/passwd {path}"
        )
    return [_content(file) for file in files] == before


def _content(path: Path) -> object:
    if path.is_symlink():
        return "link"
    if path.is_dir():
        return sorted(entry.name for entry in path.iterdir()) or None  # empty: a placeholder
    return path.read_bytes() if path.exists() else None


def _leaves_no_trace(there: Place) -> bool:
    return not any(b"evil" in (_content(path) or b"") for path in there.work.glob(".*") if path.is_file())  # type: ignore[operator]


@confined(1, "start-up files in the home directory, there or not")
async def start_up_files(there: Place) -> bool:
    names = (".bashrc", ".zshrc", ".profile", ".gitconfig", ".ripgreprc", ".mcp.json", ".config/git/config")
    return await _writes_nothing(there, *(f"~/{name}" for name in names))


@confined(1, "start-up files and settings of editors and agents in the workspace")
async def settings_in_the_workspace(there: Place) -> bool:
    names = (".bashrc", ".gitmodules", ".mcp.json", ".vscode/tasks.json", ".idea/x.xml", ".claude/settings.json")
    return await _writes_nothing(there, *names) and _leaves_no_trace(there)


@confined(2, "hooks and settings of git, also of a nested repository")
async def git_settings(there: Place) -> bool:
    names = (".git/hooks/pre-commit", ".git/config", "src/module/.git/hooks/pre-push", "src/module/.git/config")
    blocked = await _writes_nothing(there, *names)
    await there.run("git config core.hooksPath /tmp; git config alias.x '!id'")
    return blocked and b"alias" not in (there.work / ".git" / "config").read_bytes()


@confined(2, "git itself goes on working: objects, refs, index, commits (expected: allowed)")
async def git_works(there: Place) -> bool:
    name = "-c user.name=a -c user.email=a@b"
    done = await there.run(f"echo x > file && git add file && git {name} commit -qm one && git branch two && git log")
    return done.code == 0


@confined(2, "a commondir file that leads git to other hooks")
async def commondir(there: Place) -> bool:
    await there.run("mkdir -p other/hooks && echo evil > other/hooks/pre-commit && echo ../other > .git/commondir")
    return not (there.work / ".git" / "commondir").exists()


@confined(2, "a .git file that names a directory outside")
async def foreign_git_directory(there: Place) -> bool:
    other = there.home / "other"
    (other / ".git" / "hooks").mkdir(parents=True)
    await there.run(f"mkdir w && echo 'gitdir: {other}/.git' > w/.git && echo evil > w/.git/hooks/x")
    await there.run(f"echo evil > {other}/.git/hooks/pre-commit; echo evil > {other}/.git/config")
    return sorted(path.name for path in (other / ".git").rglob("*")) == ["hooks"]


@confined(3, "links out of the workspace: symbolic, hard, as a parent, as the directory")
async def links(there: Place) -> bool:
    script = (
        "ln -s ~/.ssh door; echo evil > door/authorized_keys; cat door/id_ed25519;"
        "ln ~/.bashrc hard && echo evil >> hard;"
        "ln -s ~ up; echo evil >> up/.bashrc; cd up 2>/dev/null && echo evil >> .bashrc; cat .ssh/id_ed25519; ls .ssh"
    )
    done = await there.run(script)
    files = sorted(path.name for path in (there.home / ".ssh").iterdir())
    return files == ["id_ed25519"] and CANARY.encode() not in done.out and b"evil" not in _bytes(there.home / ".bashrc")


@confined(3, "the file tools and links that were made by a command")
async def links_for_the_file_tools(there: Place) -> bool:
    await there.run("ln -s ~/.ssh/id_ed25519 key; ln -s ~/.bashrc rc; ln -s ~/.ssh door")
    tried = [await _refused(there.terminal.read(path)) for path in ("key", "door/id_ed25519")]
    for path in ("key", "rc", "door"):
        resolved = await there.terminal.resolve(path)
        tried += [
            await _refused(there.terminal.write(resolved, b"evil")),
            await _refused(there.terminal.write(path, b"")),
        ]
    tried.append(await _refused(there.terminal.read(await there.terminal.resolve("key"))))
    return all(tried)


async def _refused(call: Awaitable[object]) -> bool:
    try:
        await call
    except OSError:
        return True
    return False


@confined(4, "protected directories that are not there yet")
async def not_there_yet(there: Place) -> bool:
    script = (
        "rm -rf src/module/.git/hooks; mkdir -p .vscode/x .idea .claude .git/hooks/deep; ls -A .vscode .idea .claude"
    )
    done = await there.run(script)
    real = [there.work / name for name in (".vscode", ".idea", ".claude")]
    return done.out.count(b"x\n") == 0 and not any(path.exists() and any(path.iterdir()) for path in real)


@confined(4, "a .git where there is none")
async def new_repository(there: Place) -> bool:
    bare = there.home / "bare"
    bare.mkdir()
    backend = LocalBackend(sandbox="workspace", state=str(there.state))
    async with backend.open("bare", str(bare)) as terminal:
        await run(terminal, "git init -q .; mkdir -p .git/hooks; echo evil > .git/hooks/pre-commit")
        held = not any(bare.rglob("*pre-commit*"))
    return held and list(bare.iterdir()) == []


@confined(5, "the rename dance round a protected place")
async def rename_dance(there: Place) -> bool:
    script = (
        "mv .git c; mkdir -p c/hooks; echo evil > c/hooks/pre-commit; mv c .git;"
        "mv src s2; mkdir -p src/module/.git/hooks; echo evil > src/module/.git/hooks/pre-commit;"
        "mv src/module m; mv .git/hooks .git/h; mv .git/config .git/c; mv -T src .git"
    )
    await there.run(script)
    repositories = (there.work / ".git", there.work / "src" / "module" / ".git")
    found = [path for git in repositories for path in (git / "config", *(git / "hooks").iterdir())]
    return len(found) > 4 and not any(b"evil" in path.read_bytes() for path in found)


@confined(5, "a hidden place or one above it, moved to where it may be read")
async def moving_secrets(there: Place) -> bool:
    done = await there.run("mv ~/.ssh here; mv ~ up; cp -r ~/.ssh here; cat here/* up/.ssh/*; tar c ~ | cat")
    return CANARY.encode() not in done.out and (there.home / ".ssh" / "id_ed25519").exists()


@confined(6, "other spellings of protected places")
async def spellings(there: Place) -> bool:
    paths = (
        ".git//hooks/./x",
        "src/../.git/hooks/x",
        ".git/objects/../hooks/x",
        "~//.ssh/../.ssh/x",
        f"{there.work}/.git/config",
    )
    tried = [
        await _refused(there.terminal.write(path, b"evil"))
        for path in (*paths[:3], paths[4], ".GIT/hooks/x", ".VSCode/x")
    ]
    return all(tried) and await _writes_nothing(there, *paths)


@confined(7, "a link swapped in a loop while files are written")
async def swapping(there: Place) -> bool:
    script = (
        "mkdir real; touch stop; while [ -e stop ]; do ln -sfn ~/.ssh door; rm -f door; mkdir door 2>/dev/null;"
        " rmdir door; mv real r2; ln -s ~ real; rm real; mv r2 real; done"
    )
    swapper = asyncio.create_task(there.run(script, timeout=10))
    await asyncio.sleep(0)
    for _ in range(300):
        for path in ("door/evil", "real/evil"):
            try:
                await there.terminal.write(path, b"evil")
                resolved = await there.terminal.resolve(path)
                await there.terminal.write(resolved, b"evil")
            except OSError:
                continue
        await asyncio.sleep(0)
    await there.terminal.remove("stop")
    await swapper
    outside = [there.home / "evil", there.home / ".ssh" / "evil"]
    return not any(path.exists() for path in outside)


@confined(8, "devices, setuid bits, mounts, other processes' memory")
async def devices(there: Place) -> bool:
    script = r"""
    mknod a b 8 0 && echo got-block; mknod c c 1 1 && echo got-char; mkfifo pipe || echo no-fifo
    cp /bin/true s; chmod 4755 s && echo got-setuid; chmod u+s s && echo got-setuid
    python3 -c 'import os; os.close(os.open("t", os.O_CREAT | os.O_WRONLY, 0o4755))' 2>/dev/null
    test -u t && echo got-setuid
    cat /dev/mem /dev/sda /dev/vda /dev/kmsg 2>/dev/null | head -c 1 | grep -q . && echo got-device
    mount -t tmpfs x /mnt 2>/dev/null && echo got-mount; unshare -Urm true 2>/dev/null && echo got-namespace
    (: >> /proc/sys/kernel/core_pattern) 2>/dev/null && echo got-sysctl
    (: >> /proc/sysrq-trigger) 2>/dev/null && echo got-sysrq
    for p in /proc/[0-9]*; do head -c 0 $p/root/. 2>/dev/null; done
    cat /proc/1/environ /proc/$PPID/environ 2>/dev/null | grep -q . && echo got-environ
    ls /proc/1/root/ 2>/dev/null | grep -q . && echo got-root
    ls -l /proc/$PPID/fd 2>/dev/null | grep -q -- "->" && echo got-descriptors
    cat /proc/$PPID/fd/1 </dev/null 2>/dev/null && echo got-descriptors
    dd if=/proc/$PPID/mem of=/dev/null bs=1 count=1 skip=4194304 2>/dev/null && echo got-memory
    ls /proc/self/root/.. > /dev/null; cat /proc/self/root$HOME/.ssh/id_ed25519 2>/dev/null && echo got-secret
    true
    """
    done = await there.run(script)
    return b"got-" not in done.out and b"no-fifo" not in done.out and done.code == 0


@strict(8, "system calls nobody needs: ptrace, keys, bpf, kexec, modules, userfaultfd, io_uring, raw sockets")
async def system_calls(there: Place) -> bool:
    calls = {
        101: "0,0,0,0",  # ptrace TRACEME
        250: "0,-3,0",
        321: "0,0,0",
        246: "0,0,0,0",
        175: "0,0,0",
        313: "-1,0,0",
        323: "0",
        425: "1,0",
        165: "0,0,0,0,0",
        272: "0x10000000",
        308: "-1,0",
        298: "0,0,-1,-1,0",
        304: "-100,0,0",
    }
    if os.uname().machine != "x86_64":
        return True
    lines = [f"print(l.syscall({number},{arguments}), c.get_errno())" for number, arguments in calls.items()]
    code = "import ctypes as c; l=c.CDLL(None,use_errno=True)\n" + "\n".join(lines)
    code += "\nimport socket\nfor a in ((2,3,1),(17,3,768),(40,1,0),(38,5,0),(16,3,12)):\n"
    code += "    try: socket.socket(*a); print('got', a)\n    except OSError: pass\n"
    done = await there.run("python3 -", stdin=code.encode())
    lines = done.out.decode().splitlines()
    return len(lines) == len(calls) and all(line in ("-1 1", "-1 38") for line in lines)


# ------------------------------------------------------------------------------------------------- processes


def _running(mark: str) -> bool:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "cmdline").read_bytes():
                return True
        except OSError:
            continue
    return False


@confined(10, "setsid, nohup, double forks and a cleared environment outlive the command")
async def orphans(there: Place) -> bool:
    mark = f"orphan-{os.getpid()}-{id(there)}"
    member = f': {mark}; trap "" TERM HUP INT; while :; do sleep 1000; done'
    script = f"nohup setsid sh -c '{member}' & (env -i setsid sh -c '{member}' &) ; echo up; sleep 1000"
    async with aclosing(there.terminal.run(Command(script=script))) as events:  # type: ignore[type-var]
        async for event in events:
            if isinstance(event, Output):
                break
    return not _running(mark)


@confined(11, "see, signal or trace processes of the host")
async def host_processes(there: Place) -> bool:
    me = os.getpid()
    script = (
        f"kill -0 {me} && echo got-signal; grep -la hermes /proc/[0-9]*/environ && echo got-environ;"
        f" tr '\\0' ' ' < /proc/{me}/cmdline && echo got-process;"
        " ps ax | grep -v grep | grep pytest && echo got-list; true"
    )
    done = await there.run(script)
    return b"got-" not in done.out


@confined(11, "kill or stop what starts the commands")
async def killing_the_guard(there: Place) -> bool:
    for script in ("kill -9 1; kill -9 $PPID; kill -9 -1", *["echo on"] * 5):
        try:
            done = await there.run(script, timeout=5)
        except SandboxError:  # its guard was killed as soon as it had begun, and for a moment so are the next ones
            continue
        if done.out == b"on\n":
            return True
    return False


@strict(12, "a fork bomb", sandbox_processes=48, sandbox_memory=256)
async def fork_bomb(there: Place) -> bool:
    if not getattr(there.terminal, "limited", False) and await _no_limit(there):
        return False  # nothing would stop it: not tried
    # At most 200 at once by itself, if the limit did not hold.
    script = "for i in $(seq 200); do sleep 30 & done; echo through"
    done = await there.run(script, timeout=5)
    return (b"fork" in done.err or b"Resource" in done.err) and (await there.run("echo on")).out == b"on\n"


async def _no_limit(there: Place) -> bool:
    await there.run("true")
    return not getattr(there.terminal, "limited", False) and os.geteuid() == 0


@strict(12, "a memory hog", sandbox_memory=128)
async def memory_hog(there: Place) -> bool:
    # No more than 300 MB, if the limit did not hold.
    one = await there.run("python3 -c 'x = bytearray(300 << 20); print(len(x))'")
    several = await there.run(
        "for i in 1 2 3 4; do python3 -c 'x = b\"x\" * (75 << 20); import time; time.sleep(1); print(1)' & done; wait"
    )
    shared = await there.run("head -c 300M /dev/zero > /dev/shm/x && echo filled")
    limited = b"Error" in one.err or one.code != 0
    together = several.out.count(b"1") < 4 if getattr(there.terminal, "limited", False) else True
    return limited and together and b"filled" not in shared.out and (await there.run("echo on")).out == b"on\n"


@strict(12, "files and descriptors without end", sandbox_file_size=2, sandbox_open_files=64)
async def exhaustion(there: Place) -> bool:
    big = await there.run("head -c 5M /dev/zero > big; echo $?; wc -c < big")
    code = "import os\ntry:\n  while True: os.open('/dev/null', 0)\nexcept OSError as e: print(e.errno)\n"
    many = await there.run("python3 -", stdin=code.encode())
    return int(big.out.split()[-1]) <= 2 << 20 and many.out == b"24\n"


@confined(12, "10 GB of output")
async def endless_output(there: Place) -> bool:
    before = _resident()
    length = 0
    command = Command(script="head -c 10G /dev/zero", timeout=1.0)
    async with aclosing(there.terminal.run(command)) as events:  # type: ignore[type-var]
        async for event in events:
            length += len(event.data) if isinstance(event, Output) else 0
    return length > 1 << 20 and _resident() - before < 20 << 20


def _resident() -> int:
    return int(_bytes(Path("/proc/self/statm")).split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _bytes(path: Path) -> bytes:
    return path.read_bytes()


# ------------------------------------------------------------------------------------------------- network


@asynccontextmanager
async def _listeners(folder: Path) -> AsyncIterator[tuple[int, int, str, str, list[str]]]:
    """Servers of the host: TCP, UDP, a socket in the file system, an abstract one; and a list of who came."""
    came: list[str] = []
    path, abstract = str(folder / "service.sock"), f"hermes-attack-{os.getpid()}"

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append("stream")
        writer.close()

    tcp = await asyncio.start_server(met, "127.0.0.1", 0)
    unix = await asyncio.start_unix_server(met, path)
    hidden = await asyncio.start_unix_server(met, "\0" + abstract)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    udp.setblocking(False)
    asyncio.get_running_loop().add_reader(udp.fileno(), lambda: came.append(f"udp {udp.recv(100)!r}"))
    try:
        yield tcp.sockets[0].getsockname()[1], udp.getsockname()[1], path, abstract, came
    finally:
        asyncio.get_running_loop().remove_reader(udp.fileno())
        udp.close()
        for server in (tcp, unix, hidden):
            server.close()
            await server.wait_closed()


@strict(15, "TCP, UDP, DNS, sockets in files, abstract sockets, without network")
async def no_network(there: Place) -> bool:
    async with _listeners(there.work) as (tcp, udp, path, abstract, came):
        code = f"""
import socket as s
def t(f, *a):
    try: f(*a); print('got', a)
    except OSError: pass
t(lambda: s.create_connection(('127.0.0.1', {tcp}), 2))
t(lambda: s.create_connection(('::ffff:127.0.0.1', {tcp}), 2))
t(lambda: s.create_connection(('169.254.169.254', 80), 1))
t(lambda: s.getaddrinfo('example.com', 80))
def u():
    x = s.socket(2, 2); x.sendto(b'out', ('127.0.0.1', {udp}))
try: u()
except OSError: pass
for a in ({path!r}, '\\0{abstract}', '/var/run/docker.sock', '/run/dbus/system_bus_socket'):
    t(lambda a: s.socket(1).connect(a), a)
"""
        done = await there.run("python3 -", stdin=code.encode())
        await asyncio.sleep(0)
        return done.out == b"" and done.code == 0 and came == []


@confined(15, "abstract sockets, and those of agents and daemons, with network", sandbox_network=True)
async def doors_to_the_host(there: Place) -> bool:
    folder = Path(tempfile.gettempdir(), f"ssh-{os.getpid()}")
    os.mkdir(folder)
    try:
        async with _listeners(folder) as (_, _, path, abstract, came):
            code = f"""
import socket as s
for a in ({path!r}, '\\0{abstract}', '/var/run/docker.sock', '/run/docker.sock', '/run/dbus/system_bus_socket'):
    try: s.socket(1).connect(a); print('got', a)
    except OSError: pass
"""
            done = await there.run("python3 -", stdin=code.encode())
            return done.out == b"" and done.code == 0 and came == []
    finally:
        shutil.rmtree(folder)


# ------------------------------------------------------------------------------------------------- trust, secrets


@confined(28, "a repository whose settings run programs, when the host's git looks at it afterwards")
async def git_settings_of_the_repository(there: Place) -> bool:
    await there.run(
        "git config core.fsmonitor 'touch /tmp/evil'; git config diff.external evil; git config filter.x.clean evil"
    )
    return b"evil" not in _bytes(there.work / ".git" / "config")


@confined(30, "a project that names a sandbox of its own")
async def project_setting(there: Place) -> bool:
    from hermes_local.settings import TerminalSettings

    from hermes_host.config.kinds import fields_of

    return not any(
        fields_of(kind)[name].project for kind, name in ((TerminalSettings, "sandbox"), (Settings, "sandbox_write"))
    )


@confined(46, "secrets in files, in the environment, in the memory of processes")
async def secrets(there: Place) -> bool:
    with mock.patch.dict(os.environ, {"ATTACK_API_KEY": CANARY}):
        done = await there.run(
            "env; cat ~/.ssh/* ~/.aws/* ~/.netrc ~/.hermes/.env ~/.hermes/* /etc/shadow;"
            "grep -ra canary-7f3a ~ 2>/dev/null;"
            "cat /proc/*/environ /proc/*/cmdline"
        )
    tried = [
        await _refused(there.terminal.read(f"{there.home}/{name}"))
        for name in (".ssh/id_ed25519", ".hermes/.env", ".netrc")
    ]
    tried += [
        await _refused(there.terminal.read(path)) for path in ("/proc/self/environ", "/etc/shadow", "/proc/1/environ")
    ]
    return CANARY.encode() not in done.out + done.err and all(tried)


@confined(48, "the command line of what starts commands")
async def command_lines(there: Place) -> bool:
    done = await there.run("cat /proc/*/cmdline", env={"PASSED": CANARY})
    return CANARY.encode() not in done.out


# ------------------------------------------------------------------------------------------------- failing closed


@confined(30, "a sandbox that cannot be made, and a host that would rather run than refuse")
async def no_sandbox(there: Place) -> bool:
    from hermes_local import bubblewrap

    backend = LocalBackend(sandbox="strict", state=str(there.state))
    with mock.patch.object(bubblewrap, "arguments", return_value=["--ro-bind", "/no/such/directory", "/"]):
        async with backend.open("broken", str(there.work)) as terminal:
            try:
                await run(terminal, "echo ran > ran")
            except SandboxError:
                return not (there.work / "ran").exists()
    return False
