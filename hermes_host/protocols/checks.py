"""What `hermes doctor` finds."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["CheckResult"]


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """One finding of `hermes doctor`."""

    name: str
    status: Literal["ok", "warning", "error"]
    detail: str = ""
    remedy: str = ""
    """What to do about it: a command where there is one."""
