"""The section `local` of `config.yaml`."""

from __future__ import annotations

import msgspec

__all__ = ["Settings"]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How commands run on this machine."""

    login_shell: bool = False
    """Take the environment of commands from the login shell (`$SHELL -l`), once, before the first command."""
    shell: str = ""
    """The shell that runs scripts, as an absolute path; empty means bash, or sh where there is no bash."""
