"""A stand-in for the command line `apptainer`, for machines that have none. It is run as a program.

    stand_in.py STATE-DIRECTORY apptainer-arguments…

It knows the commands `exec`, `instance start|stop|list` and `--version` with the options of Apptainer 1.3's manual, and
refuses others in its words. Programs really run, in a root file system (an image is a directory), with bubblewrap for
the instance and nsenter for what joins it: own namespaces for mounts, processes and IPC. It does not know image
formats, overlays of the kernel (an overlay is a copy), networks, control groups or set-user-id; flags for these are
checked and then ignored.
"""

import fnmatch
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

# From apptainer-exec(1) and apptainer-instance-start(1). True: takes a value.
ACTION = {
    **dict.fromkeys(
        [
            "add-caps",
            "app",
            "apply-cgroups",
            "bind",
            "blkio-weight",
            "blkio-weight-device",
            "cpu-shares",
            "cpus",
            "cpuset-cpus",
            "cpuset-mems",
            "dns",
            "docker-host",
            "drop-caps",
            "env",
            "env-file",
            "fusemount",
            "home",
            "hostname",
            "memory",
            "memory-reservation",
            "memory-swap",
            "mount",
            "network",
            "network-args",
            "no-mount",
            "overlay",
            "pids-limit",
            "pwd",
            "cwd",
            "scratch",
            "security",
            "workdir",
        ],
        True,
    ),
    **dict.fromkeys(
        [
            "allow-setuid",
            "cleanenv",
            "compat",
            "contain",
            "containall",
            "disable-cache",
            "docker-login",
            "fakeroot",
            "ignore-fakeroot-command",
            "ignore-subuid",
            "ignore-userns",
            "ipc",
            "keep-privs",
            "net",
            "no-eval",
            "no-home",
            "no-https",
            "no-init",
            "no-privs",
            "no-pid",
            "no-umask",
            "nv",
            "nvccli",
            "oom-kill-disable",
            "pid",
            "rocm",
            "sharens",
            "underlay",
            "unsquash",
            "userns",
            "uts",
            "writable",
            "writable-tmpfs",
        ],
        False,
    ),
}
SHORT = {
    **{"B": "bind", "e": "cleanenv", "c": "contain", "C": "containall", "f": "fakeroot", "H": "home", "i": "ipc"},
    **{"n": "net", "o": "overlay", "p": "pid", "S": "scratch", "u": "userns", "W": "workdir", "w": "writable"},
}
START = {**ACTION, "boot": False, "pid-file": True}
STOP = {"all": False, "force": False, "signal": True, "timeout": True, "user": True}
LIST = {"all": False, "json": False, "logs": False, "user": True}


def fatal(text: str) -> None:
    print(f"FATAL:   {text}", file=sys.stderr)
    sys.exit(255)


def parse(command: str, known: dict[str, bool], words: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Options end with the first word that is none, as Apptainer has it."""
    found: dict[str, list[str]] = {}
    words = list(words)
    while words and words[0].startswith("-"):
        word = words.pop(0)
        if word == "--":
            break
        name, given, value = word.lstrip("-").partition("=")
        name = SHORT.get(name, name) if not word.startswith("--") else name
        if name not in known:
            print(f'Error for command "{command}": unknown flag: {word}', file=sys.stderr)
            sys.exit(1)
        if known[name] and not given:
            if not words:
                print(f'Error for command "{command}": flag needs an argument: {word}', file=sys.stderr)
                sys.exit(1)
            value = words.pop(0)
        found.setdefault(name, []).append(value)
    return found, words


def load(state: Path, name: str) -> dict[str, object]:
    path = state / f"{name}.json"
    if not path.exists():
        fatal(f"no instance found with name {name}")
    found: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return found


def start(state: Path, words: list[str]) -> None:
    options, rest = parse("start", START, words)
    if len(rest) < 2:
        print('Error for command "start": requires at least 2 arg(s)', file=sys.stderr)
        sys.exit(1)
    image, name = Path(rest[0]), rest[1]
    if "containall" not in options:
        fatal("the stand-in only knows --containall")
    if "writable-tmpfs" in options and "overlay" in options:
        fatal("the stand-in knows only one of --writable-tmpfs and --overlay")
    if not image.is_dir():
        fatal(f"could not open image {image}: failed to retrieve path for {image}: no such file or directory")
    if (state / f"{name}.json").exists():
        fatal(f"instance {name} already exists")
    root, writable = image, False
    if "overlay" in options or "writable-tmpfs" in options:
        above = Path(options["overlay"][0]) if "overlay" in options else state / f"{name}.tmpfs"
        if "overlay" in options and not above.is_dir():
            fatal(f"while adding overlay: {above}: no such file or directory")
        root, writable = above / "upper", True
        if not root.exists():
            shutil.copytree(image, root, symlinks=True)
    arguments = ["--bind" if writable else "--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev"]
    if "workdir" in options:
        for each, target in (("tmp", "/tmp"), ("var_tmp", "/var/tmp")):
            (Path(options["workdir"][0]) / each).mkdir(exist_ok=True)
            arguments += ["--bind", str(Path(options["workdir"][0]) / each), target]
    else:
        arguments += ["--tmpfs", "/tmp"]
    for text in options.get("bind", []):
        source, _, target = text.partition(":")
        target, _, mode = target.partition(":")
        if not Path(source).exists():
            fatal(f"container creation failed: mount {source}->{target} error: {source} doesn't exist")
        arguments += ["--ro-bind" if mode == "ro" else "--bind", source, target or source]
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    process = subprocess.Popen(
        ["bwrap", *arguments, "--unshare-pid", "--unshare-ipc", "--info-fd", str(writing), "/bin/sh", "-c", WAIT],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=(state / f"{name}.err").open("wb"),
        pass_fds=[writing],
        start_new_session=True,
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin")},
        cwd="/",
    )
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as file:
        said = file.read()
    if not said:
        process.wait()
        fatal((state / f"{name}.err").read_text(encoding="utf-8"))
    pid = json.loads(said)["child-pid"]
    # bubblewrap tells the number before it has changed the root.
    for _ in range(500):
        check = subprocess.run(joining(pid, ["/bin/sh", "-c", "[ -d /proc/1 ]"]), capture_output=True, cwd="/")
        if check.returncode == 0 and os.readlink(f"/proc/{pid}/root") == "/":
            break
        time.sleep(0.01)
    facts = {"instance": name, "pid": pid, "img": str(image), "ip": "", "logErrPath": "", "logOutPath": ""}
    (state / f"{name}.json").write_text(json.dumps({**facts, "outer": process.pid}), encoding="utf-8")
    print("INFO:    instance started successfully", file=sys.stderr)


WAIT = "while :; do sleep 100000; done"


def joining(pid: int, words: list[str]) -> list[str]:
    user = [] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]
    return ["nsenter", "-t", str(pid), *user, "-m", "-p", "-i", *words]


def execute(state: Path, words: list[str]) -> None:
    options, rest = parse("exec", ACTION, words)
    if len(rest) < 2 or not rest[0].startswith("instance://"):
        fatal("the stand-in only runs commands in instances")
    if "cleanenv" not in options:
        fatal("the stand-in only knows --cleanenv")
    pid = load(state, rest[0].removeprefix("instance://"))["pid"]
    environment = {
        "HOME": os.environ.get("HOME", "/"),
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C",
        "TERM": os.environ.get("TERM", "dumb"),
        "APPTAINER_NAME": rest[0],
    }
    environment |= dict(text.split("=", 1) for text in options.get("env", []))
    where = options.get("pwd", ["/"])[-1]
    command = joining(int(str(pid)), ["/bin/sh", "-c", 'cd "$0" && exec "$@"', where, *rest[1:]])
    os.chdir("/")
    # nsenter itself is looked up with this process's path.
    os.execve(str(shutil.which("nsenter")), command, environment)


def stop(state: Path, words: list[str]) -> None:
    _, rest = parse("stop", STOP, words)
    facts = load(state, rest[0])
    outer = int(str(facts["outer"]))
    try:
        os.kill(int(str(facts["pid"])), signal.SIGKILL)
    except ProcessLookupError:
        pass
    for _ in range(500):
        try:
            if ") Z " in Path(f"/proc/{outer}/stat").read_text(encoding="utf-8"):
                break
        except FileNotFoundError:
            break
        time.sleep(0.01)
    (state / f"{rest[0]}.json").unlink()
    shutil.rmtree(state / f"{rest[0]}.tmpfs", ignore_errors=True)
    print(f"INFO:    Stopping {rest[0]} instance of {facts['img']} (PID={facts['pid']})", file=sys.stderr)


def show(state: Path, words: list[str]) -> None:
    options, rest = parse("list", LIST, words)
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(state.glob("*.json"))]
    found = [each for each in found if fnmatch.fnmatch(each["instance"], rest[0] if rest else "*")]
    for each in found:
        del each["outer"]
    if "json" in options:
        print(json.dumps({"instances": found}, indent="\t"))
    else:
        print("INSTANCE NAME    PID    IP    IMAGE")
        for each in found:
            print(each["instance"], each["pid"], each["ip"], each["img"])


def main() -> None:
    state, words = Path(sys.argv[1]), sys.argv[2:]
    with (state / "calls").open("a", encoding="utf-8", errors="surrogateescape") as file:
        file.write(json.dumps(words) + "\n")
    if words == ["--version"]:
        print("apptainer version 1.3.6 (stand-in)")
    elif words[:1] == ["exec"]:
        execute(state, words[1:])
    elif words[:2] == ["instance", "start"]:
        start(state, words[2:])
    elif words[:2] == ["instance", "stop"]:
        stop(state, words[2:])
    elif words[:2] == ["instance", "list"]:
        show(state, words[2:])
    else:
        print(f'Error for command "apptainer": unknown command "{" ".join(words[:2])}"', file=sys.stderr)
        sys.exit(1)


main()
