"""The section `skills` of config.yaml."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["SkillsSettings"]

_PROJECT = {"project": True}


class SkillsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which skills there are, and how they are shown."""

    disabled: Annotated[list[str], Meta(description="Names of skills that are not offered.")] = []
    platform_disabled: Annotated[
        dict[str, list[str]],
        Meta(description="The same for one surface, such as `telegram: [plan]`; it replaces `disabled` there."),
    ] = {}
    external_dirs: Annotated[
        list[str], Meta(description="Further folders of skills, read and never written; `~` and ${VAR} are expanded.")
    ] = []
    preload: Annotated[
        list[str],
        Meta(description="Skills that are in the system prompt of every conversation in full.", extra=_PROJECT),
    ] = []
    index_limit: Annotated[
        int,
        Meta(description="Bytes of the system prompt the list of skills may take; longer ones are shortened.", ge=500),
    ] = 4000
    bundled: Annotated[bool, Meta(description="Whether the skills of this package are offered.")] = True
