"""The connection to Honcho: one for each process, made when it is first needed.

The SDK's asynchronous client is used with its own retries switched off: it would send a message again after a time-out
without looking whether it has arrived. The queue does that (see `hermes_honcho.outbox`).
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from hermes_honcho.configuration import Configuration, configuration_of
from hermes_honcho.names import plain_name
from hermes_host.errors import HermesError, PluginUnavailable

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Coroutine, Sequence

    import httpx
    from honcho import Honcho  # type: ignore[import-untyped]

    from hermes_honcho.configuration import Level
    from hermes_honcho.names import Names
    from hermes_host.context import PluginContext
    from hermes_host.specs import ServiceSpec

__all__ = ["Access", "Entry", "HonchoError", "Known", "connect"]

Kind = Literal["refused", "key", "busy", "lost", "missing"]


class HonchoError(HermesError):
    """Honcho did not do what was asked.

    `kind` is `key` (the key is wrong), `refused` (repeating it cannot help), `missing` (what it is about does not
    exist), `busy` (it said to come back later, in `retry_after` seconds where it says), or `lost` (nobody knows
    whether it was done).
    """

    def __init__(self, message: str, kind: Kind, *, remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.kind = kind
        self.retry_after = retry_after


class Known(msgspec.Struct, frozen=True):
    """What Honcho knows of a peer."""

    card: tuple[str, ...] = ()
    representation: str = ""
    summary: str = ""
    """What was said in this Honcho session before."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A message for Honcho. `uid` is the same whenever it is sent."""

    uid: str
    peer: str
    content: str
    created: float
    metadata: dict[str, Any] = {}


def connect(context: PluginContext, spec: ServiceSpec) -> Access:
    """Make the service."""
    return Access(context)


class Access:
    """What this plugin asks of Honcho. All methods but `aclose` raise `HonchoError`."""

    def __init__(self, context: PluginContext) -> None:
        self.context = context
        self._configuration: Configuration | None = None
        self._connection: _Connection | None = None
        self._making = asyncio.Lock()
        self._ready: set[str] = set()

    @property
    def configuration(self) -> Configuration:
        """The settings, read once for each process."""
        if self._configuration is None:
            self._configuration = configuration_of(self.context)
        return self._configuration

    async def check(self) -> None:
        """Make a small request, to see whether address and key are right."""
        await self._ask((await self._honcho()).aio.get_metadata())

    async def ensure(self, names: Names) -> None:
        """Make the session, and make both peers members of it. Done once for each session."""
        if names.session in self._ready:
            return
        from honcho.api_types import SessionPeerConfig  # type: ignore[import-untyped]

        both = SessionPeerConfig(observe_me=True, observe_others=True)
        session = await self._session(names.session)
        await self._ask(session.aio.add_peers([(names.user, both), (names.ai, both)]))
        self._ready.add(names.session)

    def forget(self, session: str) -> None:
        """Make the session anew when it is next needed."""
        self._ready.discard(session)

    async def send(self, session: str, batch: str, entries: Sequence[Entry]) -> None:
        """Add messages, which carry the name of their batch and their own."""
        from datetime import UTC, datetime

        from honcho.api_types import MessageCreateParams

        messages = [
            MessageCreateParams(
                peer_id=entry.peer,
                content=entry.content,
                metadata={**entry.metadata, "hermes_batch": batch, "hermes_id": entry.uid},
                created_at=datetime.fromtimestamp(entry.created, UTC),
            )
            for entry in entries
        ]
        live = await self._session(session)
        await self._ask(live.aio.add_messages(messages))

    async def arrived(self, session: str, batch: str) -> set[str]:
        """The names of the messages of a batch that Honcho has."""
        live = await self._session(session)
        page = await self._ask(live.aio.messages(filters={"metadata": {"hermes_batch": batch}}, size=100))
        return {str(message.metadata.get("hermes_id", "")) for message in page.items}

    async def is_empty(self, session: str) -> bool:
        """Whether nothing was ever said in this session."""
        live = await self._session(session)
        page = await self._ask(live.aio.messages(size=1))
        return not page.items

    async def has_file(self, session: str, digest: str) -> bool:
        """Whether a file with this digest was uploaded to the session."""
        live = await self._session(session)
        page = await self._ask(live.aio.messages(filters={"metadata": {"hermes_file": digest}}, size=1))
        return bool(page.items)

    async def upload(self, session: str, name: str, data: bytes, *, peer: str, digest: str) -> None:
        """Add a text file as words of `peer`."""
        live = await self._session(session)
        metadata: dict[str, object] = {"hermes_file": digest, "source": name}
        await self._ask(live.aio.upload_file((name, data, "text/plain"), peer, metadata=metadata))

    async def known(
        self, names: Names, *, tokens: int | None = None, query: str = "", about: str = "", summary: bool = True
    ) -> Known:
        """What is known of a peer (`about`, the user by default), as the assistant sees it."""
        live = await self._session(names.session)
        found = await self._ask(
            live.aio.context(
                summary=summary,
                tokens=tokens,
                peer_target=about or names.user,
                peer_perspective=names.ai,
                search_query=query or None,
            )
        )
        return Known(
            tuple(found.peer_card or ()),
            found.peer_representation or "",
            found.summary.content if found.summary is not None else "",
        )

    async def answer(self, names: Names, question: str, *, level: Level, about: str = "") -> str:
        """Ask in plain words about a peer (the user by default)."""
        target = about or names.user
        ai = await self._ask((await self._honcho()).aio.peer(names.ai))
        answered = await self._ask(
            ai.aio.chat(question, target=None if target == names.ai else target, reasoning_level=level)
        )
        return str(answered or "")

    async def conclude(self, names: Names, fact: str) -> None:
        """Store a fact about the user."""
        ai = await self._ask((await self._honcho()).aio.peer(names.ai))
        await self._ask(ai.conclusions_of(names.user).aio.create([{"content": fact, "session_id": names.session}]))

    async def session_names(self) -> AsyncIterator[str]:
        """The sessions of the workspace."""
        page = await self._ask((await self._honcho()).aio.sessions())
        while page is not None:
            for session in page.items:
                yield session.id
            page = await self._ask(page.get_next_page())

    async def aclose(self) -> None:
        """Close the connections. May be called twice."""
        connection, self._connection = self._connection, None
        self._ready.clear()
        if connection is not None:
            await connection.close()

    # --------------------------------------------------------------------------------------------------- the SDK

    async def _honcho(self) -> Honcho:
        configuration = self.configuration
        if not configuration.active:
            raise HonchoError(configuration.reason, "refused")
        async with self._making:
            if self._connection is None:
                # In a thread: the import and the certificates take half a second.
                self._connection = await asyncio.to_thread(_connect, configuration)
            return self._connection.honcho

    async def _session(self, name: str) -> Any:
        return await self._ask((await self._honcho()).aio.session(name))

    async def _ask(self, work: Coroutine[Any, Any, Any]) -> Any:
        import httpx
        from honcho.http import exceptions  # type: ignore[import-untyped]

        configuration = self.configuration
        where = configuration.base_url or f"Honcho ({configuration.environment})"
        try:
            return await work
        except (exceptions.AuthenticationError, exceptions.PermissionDeniedError) as error:
            raise HonchoError(
                f"{where} does not accept the key: {error}.", "key", remedy="Set another: `hermes honcho setup`."
            ) from error
        except exceptions.RateLimitError as error:
            raise HonchoError(f"{where} asks to wait: {error}.", "busy", retry_after=error.retry_after) from error
        except exceptions.NotFoundError as error:
            raise HonchoError(f"{where}: {error}.", "missing") from error
        except (exceptions.ServerError, exceptions.TimeoutError, exceptions.ConnectionError, httpx.HTTPError) as error:
            # Uploads let the errors of httpx through.
            raise HonchoError(f"{where} cannot be reached: {error}.", "lost") from error
        except exceptions.HonchoError as error:
            raise HonchoError(f"{where} refused: {error}.", "refused") from error
        except ValueError as error:
            # Pydantic's errors: an answer that is not Honcho's, such as a proxy's page, or a name it does not allow.
            raise HonchoError(f"{where} gave an answer that is not Honcho's: {error}.", "lost") from error


class _Connection:
    """The SDK's client with the connections it uses, which it has no public way to close."""

    def __init__(self, honcho: Honcho, unused: httpx.Client, used: httpx.AsyncClient) -> None:
        self.honcho = honcho
        self._unused = unused
        self._used = used

    async def close(self) -> None:
        self._unused.close()
        await self._used.aclose()


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Made once: it takes longer than everything else here."""
    import httpx

    return httpx.create_ssl_context()


def _connect(configuration: Configuration) -> _Connection:
    try:
        import httpx
        from honcho import Honcho
        from honcho.http import AsyncHonchoHTTPClient
    except ImportError as error:
        raise PluginUnavailable(
            "The package honcho-ai is not installed.", remedy="pip install hermes-honcho"
        ) from error
    options: dict[str, Any] = {
        "api_key": configuration.api_key or None,
        "timeout": configuration.section.timeout,
        "max_retries": 0,
        "default_headers": {"X-Honcho-Host": "hermes-host"},
    }
    unused, used = httpx.Client(verify=_certificates()), httpx.AsyncClient(verify=_certificates())
    honcho = Honcho(
        **options,
        workspace_id=plain_name(configuration.workspace),
        environment=None if configuration.base_url else configuration.environment,
        base_url=configuration.base_url or None,
        http_client=unused,
    )
    # Made here, not by the SDK at the first request, so that it can be closed.
    honcho._async_http = AsyncHonchoHTTPClient(base_url=honcho.base_url, http_client=used, **options)
    return _Connection(honcho, unused, used)
