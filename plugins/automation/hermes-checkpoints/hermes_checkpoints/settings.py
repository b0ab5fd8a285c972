"""The settings of the section `checkpoints`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["Settings"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """When snapshots of the workspace are taken, and how many are kept."""

    enabled: Annotated[bool, Meta(description="Take snapshots before the agent changes files.")] = True
    required: Annotated[
        bool, Meta(description="Refuse a call that may change files when no snapshot could be taken before it.")
    ] = False
    max_snapshots: Annotated[int, Meta(ge=1, le=10_000, description="Most snapshots of one workspace.")] = 50
    max_days: Annotated[int, Meta(ge=1, description="Days after which a snapshot is deleted.")] = 30
    max_files: Annotated[int, Meta(ge=1, description="Files of a workspace beyond which none is taken.")] = 50_000
    max_megabytes: Annotated[
        int, Meta(ge=1, description="Megabytes of new and changed files beyond which none is taken.")
    ] = 500
    timeout: Annotated[float, Meta(gt=0, le=600, description="Seconds a snapshot may take.")] = 30.0
