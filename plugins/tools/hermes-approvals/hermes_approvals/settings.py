"""Settings of the section `approvals` that this plugin reads beside the host."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["Settings"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A second look by a model, and the audit log."""

    mode: Annotated[
        Literal["manual", "smart", "off"],
        Meta(description="manual: a person is asked; smart: a model looks first and may refuse; off: nobody is asked."),
    ] = "manual"
    smart_timeout: Annotated[
        float, Meta(description="Seconds the model of mode smart may take; then the person is asked.", gt=0, le=55)
    ] = 20.0
    log_bytes: Annotated[
        int, Meta(description="Size at which logs/approvals.jsonl is put aside and a new one begun.", ge=10_000)
    ] = 10_000_000
