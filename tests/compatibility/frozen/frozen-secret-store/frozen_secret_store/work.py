"""Frozen: never edit."""

from __future__ import annotations

def connect(context, spec):
    return Vault()


class Vault:
    def __init__(self):
        self.kept = {"FROZEN_KEY": "from-the-vault-1234"}

    def get(self, name):
        return self.kept.get(name, "")

    def set(self, name, value):
        self.kept[name] = value

    def unset(self, name):
        self.kept.pop(name, None)
