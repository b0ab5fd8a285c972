"""The first thing that runs on the terminal backend: it starts the script and passes on what it prints.

The process forks. The child becomes the script: it has the tool channel (standard input and standard error of the
command, moved to other descriptors) and finds `/dev/null` and two pipes at 0, 1 and 2. The parent writes what comes out
of the pipes to standard output, in frames: a kind (`o` output, `e` errors, `p` a problem, `x` the end), the length in
four bytes, the data. Both streams begin with a word the host has chosen, so that nothing a start-up file of Python says
is taken for a frame.
"""

# Python 3.6 must be able to read this, to say that it is too old.
import json
import os
import select
import signal
import sys

TYPE_CHECKING = False  # `typing` takes a while to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType, TracebackType

OLDEST = (3, 8)
FRAME = 65536
LEFT_IN_PIPES = 1048576


def main(receive: "Callable[[int], bytes]") -> None:
    """Begin. `receive(size)` reads so many bytes of standard input."""
    job = json.loads(receive(int.from_bytes(receive(4), "big")).decode("utf-8"))
    word = job["word"].encode("ascii")
    write(1, word)
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:2]))
        return problem(f"Python {found} is too old; {OLDEST[0]}.{OLDEST[1]} is the oldest that works.")
    folder = os.path.join(os.environ.get("TMPDIR") or "/tmp", job["folder"])
    try:
        os.mkdir(folder, 0o700)
        for name, text in job["files"].items():
            mode = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(os.path.join(folder, name), mode, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
        begin(word, folder)
    except OSError as error:
        remove(folder)
        problem(f"The script could not be started: {error}.")


def begin(word: bytes, folder: str) -> None:
    """Fork into the script and its keeper."""
    wake, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.set_wakeup_fd(waking)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    output, errors = os.pipe(), os.pipe()
    child = os.fork()
    if child:
        os.close(output[1])
        os.close(errors[1])
        keep(child, {output[0]: b"o", errors[0]: b"e"}, wake, folder)
    else:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        become(word, output[1], errors[1], (wake, waking, output[0], errors[0]), folder)


# ---------------------------------------------------------------------------------------------------- the keeper


def keep(child: int, pipes: "dict[int, bytes]", wake: int, folder: str) -> None:
    """Pass on what the script prints until it ends, tidy up, say how it ended, and wait to be killed.

    The host kills the whole tree then: that reaches what the script left running in sessions of its own, too.
    """

    def ended(number: int, frame: "FrameType | None") -> None:
        os.kill(child, signal.SIGKILL)
        remove(folder)
        os._exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ended)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 2):
        os.dup2(nothing, descriptor)
    status = None
    while status is None:
        for ready in select.select([wake] + list(pipes), (), ())[0]:
            if ready == wake:
                os.read(wake, 512)
                pid, ending = os.waitpid(child, os.WNOHANG)
                status = ending if pid else None
            else:
                pass_on(ready, pipes)
    for descriptor in list(pipes):
        taken = 0
        while taken < LEFT_IN_PIPES and descriptor in pipes and select.select([descriptor], (), (), 0)[0]:
            taken += pass_on(descriptor, pipes)
    try:
        os.killpg(child, signal.SIGKILL)
    except OSError:
        pass
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    frame(b"x", json.dumps({"code": code, "removed": remove(folder)}).encode("ascii"))
    signal.alarm(60)  # should the host be gone
    signal.pause()


def pass_on(descriptor: int, pipes: "dict[int, bytes]") -> int:
    """One piece of output; gives its size."""
    data = os.read(descriptor, FRAME)
    if data:
        frame(pipes[descriptor], data)
    else:
        os.close(descriptor)
        del pipes[descriptor]
    return len(data)


def frame(kind: bytes, data: bytes) -> None:
    """Say something to the host."""
    write(1, kind + len(data).to_bytes(4, "big") + data)


def problem(text: str) -> None:
    """Say why no script runs."""
    frame(b"p", text.encode("utf-8", "replace"))


def write(descriptor: int, data: bytes) -> None:
    """All of it."""
    while data:
        data = data[os.write(descriptor, data) :]


def remove(folder: str) -> bool:
    """Remove the folder with everything in it; gives whether it is gone."""
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in files + folders:
            path = os.path.join(parent, name)
            try:
                (os.rmdir if name in folders and not os.path.islink(path) else os.unlink)(path)
            except OSError:
                pass
    try:
        os.rmdir(folder)
    except OSError:
        pass
    return not os.path.lexists(folder)


# ---------------------------------------------------------------------------------------------------- the script


def become(word: bytes, output: int, errors: int, others: "Iterable[int]", folder: str) -> None:
    """Turn this process into the script; what it raises is for the interpreter to report."""
    os.setsid()
    for descriptor in others:
        os.close(descriptor)
    answers, requests = os.dup(0), os.dup(2)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, target in ((nothing, 0), (output, 1), (errors, 2)):
        os.dup2(descriptor, target)
        os.close(descriptor)
    # By the line, so that what was printed before a time-out is not lost with the buffer.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    sys.excepthook = report
    write(requests, word)
    sys.path.insert(0, folder)
    __import__("hermes_tools")._connect(answers, requests)
    path = os.path.join(folder, "script.py")
    sys.argv[:] = [path]
    script = sys.modules["__main__"].__dict__
    for name in [name for name in script if not name.startswith("__")]:
        del script[name]
    script["__file__"] = path
    with open(path, encoding="utf-8") as file:  # noqa: PTH123, pathlib takes a while to import
        source = file.read()
    exec(compile(source, path, "exec", dont_inherit=True), script)


def report(kind: "type[BaseException]", error: BaseException, trace: "TracebackType | None") -> None:
    """Print a traceback that begins in the script."""
    import traceback

    while trace is not None and trace.tb_frame.f_code.co_filename in ("<string>", "<hermes>"):
        trace = trace.tb_next
    traceback.print_exception(kind, error, trace)
