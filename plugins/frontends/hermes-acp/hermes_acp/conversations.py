"""The conversations of one editor: begun, found, loaded, copied, left and deleted."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hermes_acp.conversation import Conversation
from hermes_acp.mcp_servers import McpServers, entries_of
from hermes_acp.modes import BYPASS, KEY, choose, offered
from hermes_acp.options import Options
from hermes_host.errors import HermesError, NotFound, SessionError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from hermes_acp.editor import Editor
    from hermes_acp.settings import Settings
    from hermes_host.agent import Session
    from hermes_host.host import Host
    from hermes_host.records import SessionInfo

__all__ = ["SOURCE", "Conversations", "InvalidRequest"]

SOURCE = "acp"
PAGE = 50
"""Conversations an editor is given at a time."""
_MOST = 5_000
"""The newest conversations among which those of a directory are looked for."""


class InvalidRequest(HermesError):
    """What the editor asked for makes no sense."""


class Conversations:
    """All live ones, by id. `start` is what was said on the command line: model and provider."""

    def __init__(self, host: Host, editor: Editor, settings: Settings, start: dict[str, Any], *, bypass: bool) -> None:
        """`bypass`: conversations begin in the mode that never asks, because the person who started this said so."""
        self._host = host
        self._editor = editor
        self._settings = settings
        self._start = start
        self._bypass = bypass
        self._live: dict[str, Conversation] = {}
        self.mcp_servers = McpServers(host, settings)

    def get(self, session_id: str) -> Conversation:
        """A live conversation. Raises `NotFound`."""
        found = self._live.get(session_id)
        if found is None:
            raise NotFound(
                f"There is no open conversation {session_id!r} here.",
                remedy="Begin one with session/new, or open an old one with session/load.",
            )
        return found

    async def new(self, directory: str, servers: Sequence[Any] | None = None) -> Conversation:
        """Begin one in a directory, with the MCP servers that the editor hands over."""
        cwd = self._checked(directory)
        return await self._begin(
            cwd, servers, lambda choices: self._host.start(**self._start, source=SOURCE, **choices)
        )

    async def load(self, session_id: str, directory: str, servers: Sequence[Any] | None = None) -> Conversation:
        """Open one that was, under its own id. Raises `NotFound`, or `SessionError` while it is in use elsewhere."""
        cwd = self._checked(directory)
        live = self._live.get(session_id)
        if live is not None:
            if live.busy:
                raise SessionError("A prompt is being answered in this conversation.", remedy="Cancel it first.")
            wanted = entries_of(servers or ())
            # With other servers it is opened anew; one in which nothing was said could not be found again.
            if live.servers.entries == wanted or not live.live.messages:
                live.begin_anew(cwd)
                live.servers = live.servers.kept(wanted)
                return live
            await self.close(session_id)
        info = self._found(session_id)
        return await self._begin(cwd, servers, lambda choices: self._host.resume(info.id, **choices))

    async def fork(self, session_id: str, directory: str, servers: Sequence[Any] | None = None) -> Conversation:
        """Go on in a copy; the original stays as it is."""
        cwd = self._checked(directory)
        writer = self._host.sessions.fork(self._found(session_id).id)
        writer.close()
        return await self.load(writer.info.id, cwd, servers)

    async def _begin(
        self, directory: str, servers: Sequence[Any] | None, begin: Callable[[dict[str, Any]], Awaitable[Session]]
    ) -> Conversation:
        """A conversation of the session that `begin` gives for these choices."""
        conversation = Conversation(self._editor, self._host)
        conversation.servers = handed_over = await self.mcp_servers.open(servers, directory if self._is_local() else "")
        tools = handed_over.tools
        try:
            session = await begin(
                {
                    "directory": directory,
                    "approver": conversation.person,
                    "questioner": conversation.person,
                    "extra_tools": tools.specs if tools is not None else (),
                }
            )
        except BaseException:
            await handed_over.aclose()
            raise
        if tools is not None:
            tools.attach(session.context)
        return await self._open(conversation, session)

    async def _open(self, conversation: Conversation, session: Session) -> Conversation:
        bypass = self._settings.allow_bypass or self._bypass
        options = Options(self._host, session, self._settings, allow_bypass=bypass)
        await options.prepare()
        kept = str(session.context.recorded(KEY).get("mode", ""))
        mode = kept if kept in {mode.id for mode in offered(False)} else self._settings.mode
        choose(session, BYPASS if self._bypass and not kept else mode)
        conversation.attach(session, options)
        self._live[session.id] = conversation
        return conversation

    def _found(self, session_id: str) -> SessionInfo:
        """By its whole id only: an editor never means a title or a beginning."""
        info = self._host.sessions.find(session_id)
        if info.id != session_id:
            raise NotFound(f"There is no conversation {session_id!r}.", remedy="session/list names those that are.")
        return info

    def _checked(self, directory: str) -> str:
        if not os.path.isabs(directory) or "\0" in directory:
            raise InvalidRequest(f"cwd must be an absolute path, not {directory!r}.")
        if self._is_local() and not os.path.isdir(directory):
            raise InvalidRequest(f"cwd is no directory: {directory}")
        return os.path.normpath(directory)

    def _is_local(self) -> bool:
        """Whether commands run where the editor's folders are."""
        name = self._host.config.section("terminal").backend
        backends = self._host.terminal_backends
        return name not in backends or "local" in backends.get(name).spec.features

    def listed(self, directory: str | None, cursor: str | None) -> dict[str, Any]:
        """A page of conversations, newest first; of one directory where that is asked for."""
        wanted = os.path.normpath(directory) if directory else ""
        infos: Sequence[SessionInfo] = [
            info
            for info in self._host.sessions.list(limit=_MOST, source=SOURCE)
            if info.messages and wanted in ("", info.directory)
        ]
        if cursor is not None:
            place = next((index for index, info in enumerate(infos) if info.id == cursor), None)
            if place is None:
                raise InvalidRequest("That cursor leads nowhere.", remedy="List from the beginning.")
            infos = infos[place + 1 :]
        page = infos[:PAGE]
        answer: dict[str, Any] = {"sessions": [_row(info) for info in page]}
        if len(infos) > PAGE:
            answer["nextCursor"] = page[-1].id
        return answer

    async def close(self, session_id: str) -> None:
        """Leave a conversation; it can be loaded again. Raises `NotFound`."""
        conversation = self.get(session_id)
        del self._live[session_id]
        await conversation.close()

    async def delete(self, session_id: str) -> None:
        """Forget a conversation for good. What is gone already is gone."""
        if session_id in self._live:
            await self.close(session_id)
        try:
            self._host.forget(self._found(session_id).id)
        except NotFound:
            pass

    async def aclose(self) -> None:
        """Leave all of them."""
        for session_id in list(self._live):
            await self.close(session_id)


def _row(info: SessionInfo) -> dict[str, Any]:
    row: dict[str, Any] = {
        "sessionId": info.id,
        "cwd": info.directory,
        "updatedAt": datetime.fromtimestamp(info.updated, UTC).isoformat(timespec="seconds"),
    }
    if title := info.title or info.preview:
        row["title"] = title
    return row
