"""Frozen: never edit."""

from __future__ import annotations

from contextlib import asynccontextmanager

from hermes_host.errors import Unsupported
from hermes_host.protocols import Exited, FileInfo, Output


def connect(context, spec):
    return Backend()


class Backend:
    @asynccontextmanager
    async def open(self, key, directory):
        yield Terminal(key)

    async def reap(self):
        return ["nothing was left"]


class Terminal:
    directory = "/frozen"
    home = "/frozen"

    def __init__(self, key):
        self.key = key
        self.files = {}

    async def run(self, command):
        words = " ".join(command.argv) or command.script
        yield Output(words.encode(), 1)
        yield Exited(code=0)

    async def resolve(self, path):
        return path if path.startswith("/") else f"/frozen/{path}"

    async def stat(self, path):
        data = self.files.get(path)
        return None if data is None else FileInfo(path=path, kind="file", size=len(data))

    async def read(self, path, *, offset=0, limit=None):
        data = self.files[path][offset:]
        return data if limit is None else data[:limit]

    async def write(self, path, data, *, mode=None):
        self.files[path] = data
        return FileInfo(path=path, kind="file", size=len(data), mode=mode or 0o644)

    async def remove(self, path):
        del self.files[path]

    async def list(self, path):
        return [await self.stat(name) for name in sorted(self.files)]

    async def hibernate(self):
        raise Unsupported("It never sleeps.")
