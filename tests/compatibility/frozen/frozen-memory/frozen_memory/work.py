"""Frozen: never edit."""

from __future__ import annotations

def connect(context, spec):
    return Memory(context.state_directory)


class Memory:
    def __init__(self, folder):
        self.path = folder / "seen.txt"

    async def prompt_section(self, session):
        return "FROZEN MEMORY SECTION"

    async def recall(self, message, session):
        return f"(recalled beside {message.text!r})"

    async def observe(self, exchange, session):
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{exchange.outcome} {len(exchange.messages)}\n")

    async def flush(self, messages, session, reason):
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"flush {reason}\n")
