"""Small files from the network: over https, within a size, and never with a password in the address."""

from __future__ import annotations

from http.client import HTTPException
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import msgspec

from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from http.client import HTTPMessage

__all__ = ["Fetched", "check_address", "fetch"]

_SECONDS = 30.0


class Fetched(msgspec.Struct, frozen=True):
    """What a server gave; `data` is None where it is what the ETag already stood for."""

    data: bytes | None
    etag: str = ""


def check_address(url: str) -> str:
    """`url` again. Raises `HermesError` unless it is https (or http of this machine) and without a password."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as error:
        raise HermesError(f"{url!r} is no address: {error}.") from error
    if parts.username is not None or parts.password is not None:
        raise HermesError(
            f"The address at {host!r} has a password in it, which other programs could read.",
            remedy="Leave it out, and put it into ~/.netrc or your installer's own settings.",
        )
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)):
        return url
    raise HermesError(f"{url!r} is not an https address.", remedy="Anyone on the way could change what it gives.")


def fetch(url: str, *, limit: int, etag: str = "") -> Fetched:
    """Get a file of at most `limit` bytes. Raises `HermesError`."""
    request = Request(check_address(url), headers={"User-Agent": "hermes-installer"})
    if etag:
        request.add_header("If-None-Match", etag)
    try:
        with build_opener(_SameCare).open(request, timeout=_SECONDS) as answer:
            data = answer.read(limit + 1)
            found = str(answer.headers.get("ETag", ""))
    except HTTPError as error:
        if error.code == 304:
            return Fetched(None, etag)
        raise HermesError(f"{url} gave {error.code} {error.reason}.") from error
    except (URLError, OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise HermesError(f"{url} could not be read: {reason}.", remedy="Check the network, and try again.") from error
    if len(data) > limit:
        raise HermesError(f"{url} is larger than {limit:,} bytes.")
    return Fetched(data, found)


class _SameCare(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Follow only to where one might have gone at once."""
        return super().redirect_request(req, fp, code, msg, headers, check_address(newurl))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
