"""Who we are for GitHub: a token from the environment or the user's `.env`, else the one of the `gh` program."""

from __future__ import annotations

import asyncio
import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["GitHubToken"]

_TOKEN = re.compile(r"[A-Za-z0-9_.-]{8,512}")
_SECONDS = 5.0
_PASSED = (
    *("PATH", "HOME", "LANG", "GH_CONFIG_DIR", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"),
    "DBUS_SESSION_BUS_ADDRESS",
)
"""What `gh` needs to find its own keyring; nothing else of our environment is its business."""


class GitHubToken:
    """Looked up at the first call, and then kept in memory only."""

    def __init__(self, secret: Callable[[str], str], *, ask_gh: bool = True) -> None:
        self._secret = secret
        self._ask_gh = ask_gh
        self._known: str | None = None
        self._lock = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        """The header that says who we are; none for an anonymous caller."""
        token = await self.token()
        return {"Authorization": f"Bearer {token}"} if token else {}

    async def token(self) -> str:
        """The token, empty where there is none."""
        async with self._lock:
            if self._known is None:
                said = self._secret("GITHUB_TOKEN") or self._secret("GH_TOKEN")
                found = said.strip() or (await _from_gh() if self._ask_gh else "")
                # Anything else could begin a header of its own.
                self._known = found if _TOKEN.fullmatch(found) else ""
            return self._known


async def _from_gh() -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            *("gh", "auth", "token", "--hostname", "github.com"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: os.environ[name] for name in _PASSED if name in os.environ},
        )
    except OSError:
        return ""
    try:
        async with asyncio.timeout(_SECONDS):
            out, _ = await process.communicate()
    except TimeoutError:
        return ""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return out.decode("ascii", "replace").strip() if process.returncode == 0 else ""
