"""One connection to the IMAP server, in blocking calls for a thread of its own.

IMAPClient (BSD) speaks the protocol. Nothing here changes a mail but `mark_seen`: everything is read with BODY.PEEK.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from imapclient import IMAPClient, SocketTimeout  # type: ignore[import-untyped]
from imapclient.exceptions import (  # type: ignore[import-untyped]
    IMAPClientAbortError,
    IMAPClientError,
    LoginError,
)

from hermes_email.structure import Leaf, leaves
from hermes_host.errors import AuthFailed, ConfigError, ConnectionLost, InvalidResponse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hermes_email.servers import Login, Server

__all__ = ["HEADER_LIMIT", "Connection", "Folder", "Head"]

HEADER_LIMIT = 262_144
"""The most bytes of a mail's header that are read."""

_TEMPORARY = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]", "try again", "too many")


class Folder(NamedTuple):
    """A folder as it is opened. UIDs mean something only together with `validity`."""

    validity: int
    next_uid: int


class Head(NamedTuple):
    """What is known of a mail before its text is read. `leaves` is None where the server cannot tell."""

    uid: int
    size: int
    arrived: float
    header: bytes
    leaves: tuple[Leaf, ...] | None


class Connection:
    """Every method blocks, and raises `ConnectionLost` when the connection is gone, `InvalidResponse` when the server
    says what cannot be understood."""

    def __init__(self, server: Server, login: Login, timeout: float) -> None:
        """Connect and log in. Raises `AuthFailed` too."""
        self._host = server.host
        self._client: IMAPClient | None = None
        with _mapped(server.host):
            client = IMAPClient(
                server.host,
                port=server.port,
                ssl=server.method == "tls",
                ssl_context=server.context,
                timeout=SocketTimeout(connect=min(timeout, 20.0), read=timeout),
            )
        try:
            with _mapped(server.host):
                if server.method == "starttls":
                    client.starttls(ssl_context=server.context)
                _keep_alive(client.socket())
            _log_in(client, login, server.host)
        except BaseException:
            with suppress(Exception):
                client.shutdown()
            raise
        self._client = client

    @property
    def _live(self) -> IMAPClient:
        if self._client is None:
            raise ConnectionLost(f"The connection to {self._host} is closed.")
        return self._client

    def select(self, folder: str) -> Folder:
        """Open a folder. Raises `ConfigError` where there is none of that name."""
        with _mapped(self._host):
            try:
                facts = self._live.select_folder(folder)
            except IMAPClientAbortError:
                raise
            except IMAPClientError as error:
                raise ConfigError(f"The folder {folder!r} cannot be opened: {error}") from error
            following = facts.get(b"UIDNEXT") or max(self._live.search(["UID", "1:*"]), default=0) + 1
            return Folder(int(facts.get(b"UIDVALIDITY") or 0), int(following))

    def from_uid(self, uid: int) -> list[int]:
        """The UIDs of the mails from `uid` on."""
        with _mapped(self._host):
            # `n:*` always includes the last mail, also when its UID is lower.
            return sorted(found for found in self._live.search(["UID", f"{uid}:*"]) if found >= uid)

    def arrived_since(self, when: float) -> list[int]:
        """The UIDs of the mails that arrived on the day of `when` or later."""
        with _mapped(self._host):
            day = time.strftime("%d-%b-%Y", time.gmtime(when - 86_400))
            return sorted(self._live.search(["SINCE", day]))

    def head(self, uid: int) -> Head | None:
        """What is known of a mail; None when it is gone."""
        header = f"BODY.PEEK[HEADER]<0.{HEADER_LIMIT}>"
        try:
            found = self._fetch(uid, ["RFC822.SIZE", "INTERNALDATE", "BODYSTRUCTURE", header])
            structure = leaves(found[b"BODYSTRUCTURE"]) if found else None
        except (InvalidResponse, ValueError, TypeError, IndexError, KeyError, RecursionError):
            found, structure = self._fetch(uid, ["RFC822.SIZE", "INTERNALDATE", header]), None
        if not found or b"BODY[HEADER]<0>" not in found:
            return None
        date = found.get(b"INTERNALDATE")
        arrived = date.timestamp() if date is not None else time.time()
        return Head(
            uid, int(found.get(b"RFC822.SIZE") or 0), arrived, bytes(found[b"BODY[HEADER]<0>"] or b""), structure
        )

    def sections(self, uid: int, names: Sequence[str], limit: int) -> dict[str, bytes]:
        """Pieces of a mail by their IMAP names (`1.2`, `1.MIME`, the empty one for all of it), each cut at `limit`
        bytes; empty when the mail is gone."""
        asked = [f"BODY.PEEK[{name}]<0.{limit}>" for name in names]
        found = self._fetch(uid, asked)
        return {name: bytes(found.get(f"BODY[{name}]<0>".encode()) or b"") for name in names} if found else {}

    def _fetch(self, uid: int, items: Sequence[str]) -> dict[bytes, Any]:
        with _mapped(self._host):
            return dict(self._live.fetch([uid], list(items)).get(uid) or {})

    def mark_seen(self, uid: int) -> None:
        """Mark a mail as read; that it is gone does not matter."""
        with _mapped(self._host):
            self._live.add_flags([uid], [b"\\Seen"], silent=True)

    @property
    def can_idle(self) -> bool:
        """Whether the server tells of news by itself."""
        return bool(self._live.has_capability("IDLE"))

    def idle(self, seconds: float) -> None:
        """Return when something happened, at the latest after `seconds`. A dead connection is noticed then."""
        with _mapped(self._host):
            client = self._live
            # A server tells of a mail once: it may have done so with the answer to something else.
            if client._imap.response("EXISTS")[1] != [None]:
                return
            client.idle()
            if not _has_read_on(client):
                with selectors.DefaultSelector() as selector:
                    selector.register(client.socket(), selectors.EVENT_READ)
                    selector.select(seconds)
            client.idle_done()

    def look(self) -> None:
        """Ask whether there is anything new; for servers that do not tell."""
        with _mapped(self._host):
            self._live.noop()

    def has_message(self, folder: str, message_id: str) -> bool:
        """Whether a folder holds the mail with this Message-ID."""
        self.select(folder)
        with _mapped(self._host):
            return bool(self._live.search(["HEADER", "Message-ID", message_id]))

    def save(self, folder: str, mail: bytes) -> None:
        """Put a mail, read, into a folder."""
        with _mapped(self._host):
            self._live.append(folder, mail, flags=(b"\\Seen",))

    def close(self) -> None:
        """Say goodbye and close."""
        client, self._client = self._client, None
        if client is not None:
            try:
                client.logout()
            except Exception:  # noqa: BLE001 - it is closed either way
                with suppress(Exception):
                    client.shutdown()

    def abort(self) -> None:
        """Break the connection, from any thread: a call that waits ends with `ConnectionLost`."""
        if (client := self._client) is not None:
            with suppress(OSError):
                # The method of TLS sockets would take the encryption away under the thread that reads.
                socket.socket.shutdown(client.socket(), socket.SHUT_RDWR)


def _has_read_on(client: IMAPClient) -> bool:
    """Whether something has come that is not seen at the socket any more: news in one packet with the answer to IDLE
    are in the buffer above it. The library's `idle_check` misses those, and breaks at a line that comes in two packets.
    """
    connection = client.socket()
    before = connection.gettimeout()
    connection.setblocking(False)
    try:
        stream = getattr(client._imap, "_file", None) or client._imap.file
        return bool(stream.peek(1))
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    finally:
        connection.settimeout(before)


def _log_in(client: IMAPClient, login: Login, host: str) -> None:
    try:
        with _mapped(host):
            if login.token:
                client.oauth2_login(login.user, login.token)
            else:
                client.login(login.user, login.password)
            client.capabilities()
    except InvalidResponse as error:
        cause = error.__cause__
        words = str(cause).lower()
        if any(word.lower() in words for word in _TEMPORARY):
            raise ConnectionLost(f"{host} does not let the agent in just now: {cause}") from cause
        raise AuthFailed(
            f"{host} refuses the login of {login.user!r}: {cause}",
            remedy="Check EMAIL_PASSWORD; many providers want a password made for one program.",
        ) from cause


@contextmanager
def _mapped(host: str) -> Iterator[None]:
    """Errors of the library and of the network as the host's."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise ConnectionLost(
            f"The certificate of {host} is not valid: {error.verify_message}.",
            remedy="If it is signed by an authority of your own, name its file in `email.ca_file`.",
        ) from error
    except (IMAPClientAbortError, OSError, EOFError) as error:
        raise ConnectionLost(f"The connection to {host} is lost: {error}") from error
    except LoginError as error:
        if isinstance(error.__context__, IMAPClientAbortError):
            raise ConnectionLost(f"The connection to {host} is lost: {error}") from error
        raise InvalidResponse(f"{host} refuses: {error}") from error
    except (IMAPClientError, AssertionError, AttributeError, RecursionError) as error:
        # The last ones are what the library raises for answers it cannot read, and once its socket is gone.
        raise InvalidResponse(f"The answer of {host} cannot be read: {error}") from error


def _keep_alive(connection: socket.socket) -> None:
    """Have the system notice within minutes that the other side is gone."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            with suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
