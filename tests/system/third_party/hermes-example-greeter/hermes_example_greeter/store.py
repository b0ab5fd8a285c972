"""A session store that keeps nothing: the host's own, in a folder that goes with the process."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_host.sessions import JsonlSessionStore

if TYPE_CHECKING:
    from hermes_host.context import PluginContext
    from hermes_host.specs import SessionStoreSpec


def connect(context: PluginContext, spec: SessionStoreSpec) -> ForgetfulStore:
    """Make the store."""
    return ForgetfulStore(tempfile.TemporaryDirectory(prefix="forgetful-"))


class ForgetfulStore(JsonlSessionStore):
    """Conversations that are gone when the store is closed."""

    def __init__(self, folder: tempfile.TemporaryDirectory[str]) -> None:
        super().__init__(Path(folder.name))
        self._temporary = folder

    def close(self) -> None:
        """Forget everything."""
        super().close()
        self._temporary.cleanup()
