"""Frozen: never edit."""

from __future__ import annotations

from hermes_host.errors import Unsupported
from hermes_host.protocols import AdapterLimits, Address, Inbound, Receipt, Sender


def configured(context):
    return ""


def connect(context, spec):
    return Chat()


class Chat:
    limits = AdapterLimits(text=500)

    def __init__(self):
        self.sent = []

    async def run(self, inbox):
        inbox.connected("bot", name="Frozen")
        address = Address(platform="frozen-chat", chat="1")
        await inbox.put(Inbound(update="u1", address=address, sender=Sender(id="7", name="Ada"), text="hello"))

    def measure(self, text):
        return len(text)

    async def send(self, to, message):
        self.sent.append(message.text)
        return Receipt(address=to, messages=(str(len(self.sent)),))

    async def edit(self, receipt, message):
        self.sent[int(receipt.messages[0]) - 1] = message.text

    async def typing(self, to):
        pass

    async def delete(self, receipt):
        raise Unsupported("Nothing is taken back.")

    async def fetch(self, attachment, *, limit):
        raise Unsupported("There are no files.")

    async def show_commands(self, commands):
        raise Unsupported("There is no menu.")

    async def aclose(self):
        pass
