"""Frozen: never edit."""

from __future__ import annotations

def connect(context, spec):
    return Daemon()


class Daemon:
    ran = 0

    async def run(self, started):
        Daemon.ran += 1
        started()

    async def aclose(self):
        pass
