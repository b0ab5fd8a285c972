"""Asking git about a repository that may be hostile: nothing that the repository names is run.

A repository's own configuration can name programs for git to run: file system monitors, hooks, content filters, diff
drivers, signature checkers, transports. Each is switched off by the command line or by configuration in the
environment, which outweighs the repository's. The filters have names of their own; they are asked for first, which
runs nothing.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from hermes_context.discovery import levels
from hermes_context.policy import GIT_EXCLUDES
from hermes_host.errors import HermesError
from hermes_host.protocols import Command, Exited

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_context.workspace import Files

__all__ = ["OutputTooLong", "Repository", "open_repository"]

TIMEOUT = 30.0
"""Seconds for one command."""
MOST_COMMITS = 10

_SETTINGS = {
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "core.pager": "cat",
    "core.attributesFile": "/dev/null",
    "core.sshCommand": "false",
    "diff.ignoreSubmodules": "all",
    "diff.submodule": "short",
    "gpg.program": "false",
    "gpg.ssh.program": "false",
    "gpg.x509.program": "false",
    "log.showSignature": "false",
    "protocol.allow": "never",
    "safe.bareRepository": "explicit",
    "submodule.recurse": "false",
}
_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_ASKPASS": "false",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_EDITOR": "false",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_SSH_COMMAND": "false",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C.UTF-8",
    "SSH_ASKPASS": "false",
}
_DIFF = (
    *("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=all", "--submodule=short"),
    *("--src-prefix=a/", "--dst-prefix=b/"),
)


class OutputTooLong(HermesError):
    """Git was stopped: it prints more than was asked for."""


async def open_repository(files: Files, *, limit: int) -> Repository:
    """The repository the session's directory lies in; its answers may be `limit` bytes long.

    Raises `HermesError` where there is none that can be used.
    """
    root = (await levels(files))[-1]
    if await files.stat(posixpath.join(root, ".git")) is None:
        raise HermesError("This directory is not in a git repository.")
    repository = Repository(files, limit, dict(_SETTINGS))
    top = (await repository.run("rev-parse", "--show-toplevel")).rstrip("\n")
    if await files.resolve(top) != root:
        raise HermesError("The repository keeps its files in another place (core.worktree), so it is not looked at.")
    await repository.switch_off_filters()
    return repository


class Repository:
    """Git, in a place that is not trusted."""

    def __init__(self, files: Files, limit: int, settings: dict[str, str]) -> None:
        self._files = files
        self._limit = limit
        self._settings = settings

    async def diff(self, *, staged: bool = False) -> str:
        """What has changed and is not staged, or what is staged; without files that hold credentials."""
        return await self.run("diff", *(("--cached",) if staged else ()), *_DIFF, "--", ":/", *GIT_EXCLUDES)

    async def commits(self, number: int) -> str:
        """The last commits, newest first: their list, then each with its patch."""
        number = max(1, min(number, MOST_COMMITS))
        hashes = (await self.run("rev-list", f"--max-count={number}", "HEAD")).split()
        shown = ("--no-show-signature", "--no-notes", "--no-walk=unsorted")
        listed = await self.run(
            "log", "--no-patch", "--no-decorate", "--date=iso-strict", "--format=%h %ad %an: %s", *shown, *hashes
        )
        patches = await self.run(
            "show", "--no-decorate", "--date=iso-strict", "--format=medium", "--patch", *shown, *_DIFF, *hashes,
            "--", ":/", *GIT_EXCLUDES,
        )  # fmt: skip
        return f"{listed}\n{patches}"

    async def switch_off_filters(self) -> None:
        """Empty every content filter the repository's configuration names."""
        listed = await self.run("config", "--null", "--includes", "--name-only", "--get-regexp", r"^filter\.", none=1)
        for name in filter(None, listed.split("\0")):
            driver = name.rpartition(".")[0]
            for key, value in (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false")):
                self._settings[f"{driver}.{key}"] = value

    async def run(self, *arguments: str, none: int = 0) -> str:
        """What git prints; `none` is an exit code that means there is nothing. Raises `HermesError`."""
        command = Command(
            argv=("git", "--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", *arguments),
            env={**_ENVIRONMENT, **_as_environment(self._settings)},
            timeout=TIMEOUT,
        )
        try:
            code, text = await self._outcome(command)
        except FileNotFoundError as error:
            raise HermesError("git is not installed.") from error
        if code == 124:
            raise HermesError(f"git took longer than {TIMEOUT:g} s.")
        if code and code != none:
            raise HermesError(f"git failed: {' '.join(text.split())[:300]}")
        return "" if code else text

    async def _outcome(self, command: Command) -> tuple[int, str]:
        data = bytearray()
        events = self._files.run(command)
        try:
            async for event in events:
                if isinstance(event, Exited):
                    return event.code, data.decode("utf-8", "replace")
                data += event.data
                if len(data) > self._limit:
                    raise OutputTooLong(f"What git prints is longer than {self._limit:,} bytes.")
        finally:
            close = getattr(events, "aclose", None)
            if close is not None:
                await close()
        raise HermesError("git was cut off.")


def _as_environment(settings: dict[str, str]) -> dict[str, str]:
    # Not by `-c`, where a name that holds an equals sign could not be written.
    pairs: Sequence[tuple[str, str]] = list(settings.items())
    numbered = {f"GIT_CONFIG_KEY_{index}": name for index, (name, _) in enumerate(pairs)}
    numbered |= {f"GIT_CONFIG_VALUE_{index}": value for index, (_, value) in enumerate(pairs)}
    return {"GIT_CONFIG_COUNT": str(len(pairs)), **numbered}
