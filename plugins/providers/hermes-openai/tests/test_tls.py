"""Over TLS: certificates are checked before anything is sent."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from hermes_host.errors import ConnectionLost
from hermes_host.testing.model_server import ModelServer
from hermes_host.testing.model_server_responses import responses

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl program for a certificate")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody vouches for, with its key beside it."""
    path = tmp_path / "certificate.pem"
    command = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"),
        *("-keyout", str(tmp_path / "key.pem"), "-out", str(path)),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return path


@pytest.fixture
async def secure(certificate: Path) -> AsyncIterator[ModelServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    async with ModelServer([responses("hello"), responses("again")], tls=context) as server:
        yield server


async def test_a_trusted_certificate_is_accepted_and_the_connection_kept(
    secure: ModelServer, certificate: Path, make: Callable[..., Any], ask: Any
) -> None:
    provider = await make(base_url=secure.url, ca_bundle=str(certificate))
    assert [(await ask(provider)).message.text for _ in range(2)] == ["hello", "again"]
    assert secure.connections == 1


async def test_a_certificate_nobody_vouches_for_gets_nothing(
    secure: ModelServer, make: Callable[..., Any], ask: Any
) -> None:
    with pytest.raises(ConnectionLost, match="(?i)certificate"):
        await ask(await make(base_url=secure.url))
    assert secure.requests == []
