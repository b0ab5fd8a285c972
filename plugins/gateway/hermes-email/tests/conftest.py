"""A post office for tests: a real IMAP server (pymap; Dovecot where it is installed and may be run), a real SMTP server
(aiosmtpd), and a connection between the adapter and the IMAP server that can be cut."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import format_datetime
from html.parser import HTMLParser
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult
from hermes_email.adapter import EmailAdapter
from hermes_email.records import thread_name
from hermes_email.settings import EmailSettings
from imapclient import IMAPClient

from hermes_host.context import PluginContext
from hermes_host.protocols import Address
from hermes_host.testing import PlatformDriver, ScriptedInbox

AGENT = "agent@home.test"
ALICE = "alice@friends.test"
BELIEVED = "mx.home.test; dmarc=pass header.from=friends.test"

_numbers = count(1)
_DOVECOT = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class ImapServer(NamedTuple):
    """A running IMAP server."""

    kind: str
    port: int
    tls_port: int
    user: str
    password: str


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _await_port(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                assert connection.recv(4).startswith(b"* OK")
                return
        except (OSError, AssertionError):
            assert process.poll() is None and time.monotonic() < end, "the IMAP server did not start"
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)


class Certificates(NamedTuple):
    """For 127.0.0.1, from an authority that only `ca_file` knows."""

    ca_file: Path
    chain: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.chain, self.key)
        return context


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    found = Certificates(folder / "ca.pem", folder / "chain.pem", folder / "key.pem")
    authority.cert_pem.write_to_path(found.ca_file)
    found.chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(found.key)
    return found


@pytest.fixture(scope="session")
def pymap(certificates: Certificates) -> Iterator[ImapServer]:
    port = _free_port()
    program = Path(sys.executable).with_name("pymap")
    arguments = ["--host", "127.0.0.1", "--port", str(port), "--cert", certificates.chain, "--key", certificates.key]
    process = subprocess.Popen([program, *arguments, "dict"], stderr=subprocess.DEVNULL)
    try:
        _await_port(process, port)
        yield ImapServer("pymap", port, 0, "demouser", "demopass")
    finally:
        for server in [server for server in _clients if server.port == port]:
            _clients.pop(server).logout()
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def dovecot(certificates: Certificates) -> Iterator[ImapServer]:
    if _DOVECOT is None or os.geteuid() != 0:
        pytest.skip("Dovecot is not installed, or this is not root")
    # Below a folder that Dovecot's own users can enter, and short enough for its sockets.
    folder = Path(tempfile.mkdtemp(prefix="mail"))
    folder.chmod(0o755)
    (folder / "mail").mkdir()
    (folder / "mail").chmod(0o777)
    port, tls_port = _free_port(), _free_port()
    (folder / "dovecot.conf").write_text(
        f"""
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificates.chain}
ssl_key = <{certificates.key}
disable_plaintext_auth = no
default_internal_user = dovecot
default_login_user = dovenull
mail_location = maildir:{folder}/mail/%n
mail_max_userip_connections = 100
passdb {{
  driver = static
  args = password=secret-of-the-test
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home={folder}/mail/%n allow_all_users=yes
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
""",
        encoding="utf-8",
    )
    process = subprocess.Popen([_DOVECOT, "-F", "-c", folder / "dovecot.conf"])
    try:
        _await_port(process, port)
        yield ImapServer("dovecot", port, tls_port, "agent", "secret-of-the-test")
    finally:
        for server in [server for server in _clients if server.port == port]:
            _clients.pop(server).logout()
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


class _Visible(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = False

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._hidden = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(data)


class Smtp:
    """The server that takes what the agent sends. `faults` are used up one by one, by the next mails."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.recipients: list[list[str]] = []
        self.faults: list[str] = []
        self.logins: list[Any] = []
        self.taken = asyncio.Event()
        self.port = 0

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.faults[:1] == ["lost"]:
            self.faults.pop(0)
            server.transport.abort()
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.faults[:1] == ["rate_limited"]:
            self.faults.pop(0)
            return "450 4.2.0 Greylisted, come back later"
        if self.faults[:1] == ["refused"]:
            self.faults.pop(0)
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        fault = self.faults.pop(0) if self.faults else ""
        if fault != "uncertain, lost":
            self.raw.append(envelope.content)
            self.mails.append(message_from_bytes(envelope.content, policy=default))  # type: ignore[arg-type]
            self.recipients.append(envelope.rcpt_tos)
            self.taken.set()
        if fault.startswith("uncertain"):
            server.transport.abort()
        if fault == "full":
            self.mails.pop()
            return "452 4.3.1 The disk is full"
        return "250 taken"

    async def auth_XOAUTH2(self, server: Any, args: list[str]) -> AuthResult:
        self.logins.append(args[1])
        return AuthResult(success=True)

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password != b"wrong", handled=False)


_clients: dict[ImapServer, IMAPClient] = {}
"""One for all tests: logging in takes the server longer than all else."""


def _client(imap: ImapServer) -> IMAPClient:
    if imap not in _clients:
        _clients[imap] = IMAPClient("127.0.0.1", port=imap.port, ssl=False, timeout=10)
        _clients[imap].login(imap.user, imap.password)
    return _clients[imap]


class PostOffice(PlatformDriver):
    """The far side of one test: its own folder on the IMAP server."""

    def __init__(self, imap: ImapServer, smtp: Smtp, port: int, folder: str) -> None:
        self.imap = imap
        self.smtp = smtp
        self.port = port
        """Where the adapter reaches the IMAP server, through a connection that can be cut."""
        self.folder = folder
        self.root = f"<root.{folder}@friends.test>"
        self.address = Address(platform="email", chat=ALICE, thread=thread_name(self.root))
        self.cut: Callable[[], Awaitable[None]]
        self.client = _client(imap)
        self.client.create_folder(folder)
        self._last = b""

    def ago(self) -> str:
        """What the adapter has noted when it read the folder to its end before the test."""
        facts = self.client.select_folder(self.folder)
        return f'{{"validity":{facts[b"UIDVALIDITY"]},"next":{facts[b"UIDNEXT"]},"arrived":0,"began":0}}'

    async def deliver(self, raw: bytes) -> None:
        """Put a mail into the folder, as it is."""
        self._last = raw
        await asyncio.to_thread(self.client.append, self.folder, raw)

    def flags(self) -> list[tuple[bytes, ...]]:
        """The flags of every mail in the folder."""
        self.client.select_folder(self.folder, readonly=True)
        found = self.client.get_flags(self.client.search("ALL"))
        return [tuple(flag for flag in flags if flag != b"\\Recent") for _, flags in sorted(found.items())]

    async def say(self, text: str, *, thread: str = "") -> None:
        root = f"<thread{thread}@friends.test>" if thread else self.root
        await self.deliver(letter(text, References=root))

    async def say_again(self) -> None:
        await self.deliver(self._last)

    async def attach(self, data: bytes, name: str) -> None:
        mail = message("With a file.", References=self.root)
        mail.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
        await self.deliver(mail.as_bytes())

    def texts(self) -> list[str]:
        found = []
        for mail in self.smtp.mails:
            html = mail.get_body(("html",))
            assert html is not None
            parser = _Visible()
            parser.feed(html.get_content())
            found.append("".join(parser.found).strip())
        return found

    def media(self) -> list[bytes]:
        return [
            part.get_payload(decode=True)  # type: ignore[misc]
            for mail in self.smtp.mails
            for part in mail.iter_attachments()
        ]

    def fail(self, how: Any) -> None:
        self.smtp.faults.append(how)

    async def disturb(self) -> None:
        await self.cut()


def message(text: str, *, sender: str = ALICE, believed: str = BELIEVED, **headers: str) -> EmailMessage:
    """A mail to the agent, with what the agent's own server says about it at its top."""
    mail = EmailMessage(policy=default.clone(linesep="\r\n"))
    if believed:
        mail["Authentication-Results"] = believed
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    facts = {
        "From": sender,
        "To": AGENT,
        "Subject": "Lunch",
        "Date": format_datetime(datetime.now(UTC)),
        "Message-ID": f"<{next(_numbers)}.{os.getpid()}@friends.test>",
    }
    for name, value in {**facts, **given}.items():
        if value:
            mail[name] = value
    mail.set_content(text, cte="base64" if not text.isascii() else None)
    return mail


def letter(text: str, **facts: Any) -> bytes:
    return message(text.rstrip("\n"), **facts).as_bytes().rstrip(b"\r\n") + b"\r\n"


@pytest.fixture
def write() -> Callable[..., EmailMessage]:
    """`message` above."""
    return message


@pytest.fixture
def smtp_options() -> dict[str, Any]:
    """What the SMTP server is started with; tests override it."""
    return {}


@pytest.fixture
async def smtp(smtp_options: dict[str, Any]) -> AsyncIterator[Smtp]:
    handler = Smtp()
    options = {"authenticator": handler.authenticate, "auth_require_tls": False, "hostname": "mail.home.test"}
    options |= smtp_options
    implicit = options.pop("ssl", None)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, **options), "127.0.0.1", 0, ssl=implicit
    )
    handler.port = server.sockets[0].getsockname()[1]
    yield handler
    server.close()


@pytest.fixture
async def office(imap: ImapServer, smtp: Smtp) -> AsyncIterator[PostOffice]:
    """The post office; the IMAP server is the one of the fixture `imap`."""
    pairs: set[asyncio.StreamWriter] = set()
    tasks: set[Any] = set()

    async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                target.write(data)
                await target.drain()
        target.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", imap.port)
        pairs.update((writer, far_writer))
        await asyncio.gather(pass_on(reader, far_writer), pass_on(far_reader, writer))
        pairs.difference_update((writer, far_writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    found = PostOffice(imap, smtp, server.sockets[0].getsockname()[1], f"folder{next(_numbers)}x{os.getpid()}")

    async def cut() -> None:
        for writer in list(pairs):
            writer.transport.abort()

    found.cut = cut
    yield found
    server.close()
    await cut()
    if tasks:
        await asyncio.wait(tasks)


@pytest.fixture
def imap(pymap: ImapServer) -> ImapServer:
    """The IMAP server of a test, unless it asks for another."""
    return pymap


@pytest.fixture
def driver(office: PostOffice) -> PostOffice:
    return office


@pytest.fixture
def settings(office: PostOffice) -> dict[str, Any]:
    """The adapter's settings; tests change them before they make it."""
    return {
        "address": AGENT,
        "name": "The agent",
        "username": office.imap.user,
        "imap_host": "127.0.0.1",
        "imap_port": office.port,
        "imap_security": "none",
        "smtp_host": "127.0.0.1",
        "smtp_port": office.smtp.port,
        "smtp_security": "none",
        "folder": office.folder,
        "authentication_servers": ["mx.home.test"],
        "timeout": 10.0,
    }


@pytest.fixture
def make(office: PostOffice, settings: dict[str, Any], tmp_path: Path) -> Iterator[Callable[..., EmailAdapter]]:
    """Makes adapters of the same home, as after a restart."""

    def make_one(*, password: str = office.imap.password, **changes: Any) -> EmailAdapter:
        options = {name: changes.pop(name) for name in ("lookup", "retry_seconds") if name in changes}
        secrets = {"EMAIL_PASSWORD": password}
        context = PluginContext(
            "email",
            home=tmp_path,
            section={"email": EmailSettings(**{**settings, **changes})},
            secret=lambda name: secrets.get(name, ""),
            declared_secrets=frozenset({"EMAIL_PASSWORD", "EMAIL_ACCESS_TOKEN"}),
        )
        adapter = EmailAdapter(context, **options)
        made.append(adapter)
        return adapter

    made: list[EmailAdapter] = []
    yield make_one
    for adapter in made:
        adapter._records.close()


@pytest.fixture
def adapter(make: Callable[..., EmailAdapter]) -> EmailAdapter:
    return make()


@pytest.fixture
def inbox(office: PostOffice, settings: dict[str, Any]) -> ScriptedInbox:
    """The adapter has read the folder before: what comes from here on is new, whether it is connected or not."""
    found = ScriptedInbox()
    found.remember(f"read:{settings['username']}@127.0.0.1/{office.folder}", office.ago())
    return found


@pytest.fixture
async def running(adapter: EmailAdapter, inbox: ScriptedInbox) -> AsyncIterator[EmailAdapter]:
    task = asyncio.create_task(adapter.run(inbox))
    await inbox.until_connected()
    yield adapter
    task.cancel()
    await asyncio.wait({task}, timeout=5)


@pytest.fixture
def received(office: PostOffice, inbox: ScriptedInbox) -> Callable[..., Awaitable[Any]]:
    """Delivers a mail and then a plain one; gives what came of the first, None for nothing."""

    async def deliver(mail: EmailMessage | bytes) -> Any:
        before = len(inbox.updates)
        await office.deliver(mail if isinstance(mail, bytes) else mail.as_bytes())
        marker = f"marker {next(_numbers)}"
        await office.deliver(letter(marker))
        await inbox.until(lambda update: update.text == marker)
        found = [update for update in inbox.updates[before:] if not re.fullmatch(r"marker \d+", update.text)]
        return found[0] if found else None

    return deliver
