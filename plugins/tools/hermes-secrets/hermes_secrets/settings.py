"""The section `secret_command` of config.yaml, and what it means for the password managers that are known."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["PRESETS", "Recipe", "Settings"]

Words = tuple[str, ...]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How the store `command` reads and writes a secret. `{name}` stands for its name; nothing goes through a shell."""

    preset: Annotated[
        Literal["", "pass", "1password", "bitwarden"], Meta(description="A password manager whose commands are known.")
    ] = ""
    get: Annotated[Words, Meta(description="Program and arguments that print the value.")] = ()
    set: Annotated[Words, Meta(description="Program and arguments that read the value from standard input.")] = ()
    unset: Annotated[Words, Meta(description="Program and arguments that forget it.")] = ()
    missing: Annotated[
        Words, Meta(description="What a failing `get` prints when there is no such secret, in part.")
    ] = ()
    environment: Annotated[
        Words, Meta(description="Variables the program may see although their names read like secrets; * at the end.")
    ] = ()
    timeout: Annotated[float, Meta(description="Seconds one command may take, unlocking included.", gt=0)] = 60.0


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """The commands that are used."""

    get: Words = ()
    set: Words = ()
    unset: Words = ()
    missing: Words = ()
    environment: Words = ()

    @classmethod
    def of(cls, settings: Settings) -> Recipe:
        """The preset's commands, with those of the settings in place of them."""
        preset = PRESETS.get(settings.preset, cls())
        return cls(**{name: getattr(settings, name) or getattr(preset, name) for name in cls.__struct_fields__})


PRESETS = {
    "pass": Recipe(
        get=("pass", "show", "hermes/{name}"),
        set=("pass", "insert", "--multiline", "--force", "hermes/{name}"),
        unset=("pass", "rm", "--force", "hermes/{name}"),
        missing=("is not in the password store",),
        environment=("PASSWORD_STORE_*",),
    ),
    "1password": Recipe(
        get=("op", "read", "--no-newline", "op://hermes/{name}/password"),
        missing=("isn't an item", "could not find item", "isn't a vault"),
        environment=("OP_*",),
    ),
    "bitwarden": Recipe(
        get=("bw", "get", "password", "{name}", "--nointeraction"),
        missing=("Not found.",),
        environment=("BW_*",),
    ),
}
"""1Password and Bitwarden are only read: their commands take no value from standard input alone."""
