"""Over TLS: certificates are checked before anything is sent."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hermes_compatible.endpoint import Endpoint
from hermes_compatible.provider import CompatibleProvider

from hermes_host.errors import ConnectionLost
from hermes_host.testing.model_server import ModelServer
from hermes_host.testing.model_server_chat import chat

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl program for a certificate")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody vouches for, with its key in one file."""
    path = tmp_path / "certificate.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=test",
    ]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(tmp_path / "key.pem"), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


@pytest.fixture
async def secure(certificate: Path) -> AsyncIterator[ModelServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    async with ModelServer([chat("hello"), chat("again")], tls=context) as server:
        yield server


async def test_a_trusted_certificate_is_accepted_and_the_connection_kept(
    secure: ModelServer, certificate: Path, ask: Any
) -> None:
    endpoint = Endpoint(provider="acme", base_url=secure.url, key="sk-test-0123456789", ca_bundle=str(certificate))
    provider = CompatibleProvider(endpoint)
    texts = [(await ask(provider)).message.text for _ in range(2)]
    await provider.aclose()
    assert texts == ["hello", "again"]
    assert secure.connections == 1


async def test_an_unknown_certificate_is_refused_before_the_key_is_sent(secure: ModelServer, ask: Any) -> None:
    provider = CompatibleProvider(Endpoint(provider="acme", base_url=secure.url, key="sk-test-0123456789"))
    with pytest.raises(ConnectionLost, match="certificate"):
        await ask(provider)
    assert secure.requests == []
