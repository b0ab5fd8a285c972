"""The section `installer` of `config.yaml`."""

from __future__ import annotations

import msgspec

__all__ = ["Settings"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where plugins are looked for and taken from."""

    catalogue: str = ""
    """A file or an https address with the catalogue; empty for the one this plugin ships."""
    catalogue_sha256: str = ""
    """What the catalogue's bytes must be, in hexadecimal; empty for whatever is there."""
    index: str = ""
    """The address of the package index for plugins whose index the catalogue does not pin, such as
    `https://packages.example/simple`; empty for the one that pip or uv is set up with. Never with a password in it."""
