# ruff: noqa
"""What a careless or a hostile plugin may do."""

import asyncio
import ctypes
import logging
import os
import socket
import subprocess
import sys
import threading
import time

import msgspec


class Settings(msgspec.Struct, frozen=True):
    unit: str = "C"


async def echo(arguments, call):
    return arguments.get("text", "")


async def context(arguments, call):
    return {
        "session": call.session.id,
        "directory": call.session.directory,
        "call": call.call_id,
        "tool": call.tool,
        "source": call.session.source,
        "origin": call.origin,
        "can_ask": call.can_ask,
        "state": str(call.plugin.state_directory),
        "terminal": call.has_terminal,
    }


async def secret_of(arguments, call):
    return call.plugin.secret(arguments["text"]) or "(none)"


async def setting(arguments, call):
    return call.plugin.section(Settings, "sample").unit


async def read_file(arguments, call):
    with open(arguments["text"], encoding="utf-8", errors="replace") as file:
        return file.read()


async def write_file(arguments, call):
    with open(arguments["text"], "w", encoding="utf-8") as file:
        file.write("written")
    return "written"


async def list_folder(arguments, call):
    return sorted(os.listdir(arguments["text"]))


async def environment(arguments, call):
    return dict(os.environ)


async def processes(arguments, call):
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with open(f"/proc/{name}/cmdline", "rb") as file:
                found[name] = file.read().decode("utf-8", "replace").replace("\0", " ")
    return found


async def connect_out(host, port):
    with socket.create_connection((host, port), timeout=2):
        return "connected"


async def connect(arguments, call):
    if isinstance(arguments, dict):
        host, _, port = arguments["text"].rpartition(":")
        return await connect_out(host, int(port))
    return Scripted(arguments)


async def run_program(arguments, call):
    return subprocess.run(["/bin/sh", "-c", "echo shell"], capture_output=True, text=True, check=True).stdout


async def exit_now(arguments, call):
    os._exit(3)


async def segfault(arguments, call):
    ctypes.string_at(0)


async def allocate(arguments, call):
    return str(len(bytearray(2 << 30)))


async def loop_async(arguments, call):
    while True:
        time.sleep(0.01)


async def loop_thread(arguments, call):
    await asyncio.to_thread(time.sleep, 3600)


async def spin(arguments, call):
    while True:
        pass


def _child(leave):
    pid = os.fork()
    if pid == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        time.sleep(600)
        os._exit(0)
    os.waitpid(pid, 0)
    if leave:
        os._exit(0)


async def fork_away(arguments, call):
    _child(False)
    return "forked"


async def fork_and_leave(arguments, call):
    _child(True)


async def leak_threads(arguments, call):
    for _ in range(int(arguments.get("text", "20"))):
        threading.Thread(target=time.sleep, args=(3600,), daemon=False).start()
    return "leaked"


async def print_noise(arguments, call):
    print('{"jsonrpc":"2.0","id":1,"result":"from print"}', flush=True)
    os.write(1, b"\x00\xff\n\n{not json\n")
    os.write(2, b"to standard error\n")
    logging.getLogger("sample").warning("a logged line, the key is %s", call.plugin.secret("SAMPLE_KEY"))
    return "still fine"


async def many_lines(arguments, call):
    for number in range(1_000_000):
        print("line", number)
    sys.stdout.flush()
    return "written"


async def progress(arguments, call):
    for number in range(1000):
        call.progress(f"step {number}\n")
    return "done"


async def ask(arguments, call):
    return await call.ask("Which?", ("a", "b"))


async def announce(arguments, call):
    call.session.announce("all is well", level="warning")
    return "announced"


async def remember(arguments, call):
    before = call.session.recorded("sample.count").get("count", 0)
    call.session.record("sample.count", {"count": before + 1})
    return str(before)


async def keep(arguments, call):
    return str(call.keep("long.txt", b"kept"))


def _peer():
    import gc

    from hermes_isolated.wire import Peer

    return [each for each in gc.get_objects() if isinstance(each, Peer)][0]


def _own_id():
    task = asyncio.current_task()
    server = [each for each in __import__("gc").get_objects() if type(each).__name__ == "_Server"][0]
    return next(number for number, each in server._tasks.items() if each is task)


def _write(data):
    _peer()._transport.write(data)


async def raw_line(arguments, call):
    """Send something malformed beside the right answer."""
    _write(arguments["text"].encode() + b"\n")
    return "beside it"


async def raw_answer(arguments, call):
    """Answer itself, in the given way; the right answer follows as a second one."""
    _write(arguments["text"].replace("$ID", str(_own_id())).encode() + b"\n")
    return "the second answer"


async def deep(arguments, call):
    _write(b'{"jsonrpc":"2.0","id":%d,"result":' % _own_id() + b"[" * 200_000 + b"]" * 200_000 + b"}\n")
    return "the second answer"


async def big(arguments, call):
    return "x" * (50 << 20)


async def late(arguments, call):
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        return "late"


class Scripted:
    """A provider that answers as the messages of the request say; used for the conformance kit."""

    def __init__(self, context):
        self._context = context

    async def stream(self, request):
        from hermes_host.messages import Text, assistant_message
        from hermes_host.stream import MessageEnded, PartDelta, PartEnded, PartStarted, Usage

        if request.model == "key":
            text = self._context.secret("SAMPLE_KEY")
        elif request.model == "crash":
            yield PartStarted(0, "text")
            yield PartDelta(0, "half")
            await asyncio.sleep(0.05)
            os._exit(9)
        elif request.model.startswith("long"):
            text = "x" * int(request.model.removeprefix("long"))
            yield PartStarted(0, "text")
            for char in text:
                yield PartDelta(0, char)
            yield PartEnded(0, Text(text=text))
            yield MessageEnded(assistant_message(text), "end", Usage())
            return
        else:
            text = f"{request.system}|{request.messages[-1].text}"
        yield PartStarted(0, "text")
        yield PartDelta(0, text)
        yield PartEnded(0, Text(text=text))
        yield MessageEnded(assistant_message(text), "end", Usage(input=1, output=1))

    async def models(self):
        from hermes_host.protocols import ModelInfo

        return [ModelInfo(id="sampled-1", context=1000)]

    async def aclose(self):
        pass


TOOLS = [
    name
    for name, value in list(globals().items())
    if asyncio.iscoroutinefunction(value) and value.__code__.co_varnames[:2] == ("arguments", "call")
]
