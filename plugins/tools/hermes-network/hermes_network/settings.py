"""The sections `network` and `security` of config.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from hermes_host.config import Secret
from hermes_host.errors import ConfigError

__all__ = ["SecuritySettings", "Settings", "WebsiteBlocklist", "understood"]

if TYPE_CHECKING:
    Anything = Any  # once `understood`, they are what `_KINDS` says
else:
    Anything = list[Any] | dict[str, Any] | str | bool | int | float
"""The type of settings whose default is wider than what somebody may have meant. The host puts the default in the place
of a value of the wrong type; so it is to take any, and `understood` refuses what is none, before anything is asked."""

_LIST = Meta(extra_json_schema={"type": ["array", "string"], "items": {"type": "string"}})
_YES_OR_NO = Meta(extra_json_schema={"type": "boolean"})


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the agent may go on the network, and with which limits."""

    allow: Annotated[
        Anything | None,
        _LIST,
        Meta(
            description="The only sites that may be asked: `example.com`, `*.example.com` for what lies below it, each "
            "also with `:port`. Not set: every public site; an empty list: none."
        ),
    ] = None
    block: Annotated[
        Anything,
        _LIST,
        Meta(
            description="Sites that may not be asked: `example.com` with all below it, `*.example.com` only what lies "
            "below it, or addresses such as 203.0.113.0/24."
        ),
    ] = []
    allow_private: Annotated[
        list[str],
        Meta(
            description="Exceptions for your own network, also unencrypted and on any port: `localhost:8080`, "
            "`wiki.corp`, `*.corp`, `192.168.1.5:3000`, `10.0.0.0/8`. Addresses stand for URLs that hold an address, "
            "never for names that lead to them."
        ),
    ] = []
    ports: Annotated[
        list[Annotated[int, Meta(ge=1, le=65535)]],
        Meta(description="Ports below 1024 that may be asked besides 80 and 443."),
    ] = []
    nameservers: Annotated[
        Anything,
        _LIST,
        Meta(
            description="DNS servers to ask in place of the system's, as address or address:port. Needs "
            "`pip install 'hermes-network[dns]'`."
        ),
    ] = []
    proxy: Annotated[
        Secret,
        Meta(
            description="An HTTP proxy, such as http://proxy.corp:3128. Names are resolved and checked here, and the "
            "proxy is given the address. Proxies of the environment are not used."
        ),
    ] = Secret()
    ca_bundle: Annotated[Anything, Meta(description="A file with certificates to trust, in place of the system's.")] = (
        ""
    )
    timeout: Annotated[float, Meta(description="Seconds for one fetch, with redirects and body.", gt=0)] = 30.0
    max_bytes: Annotated[
        int, Meta(description="Bytes of an answer, unpacked, where the caller sets no limit.", ge=1)
    ] = 10_000_000
    max_redirects: Annotated[int, Meta(description="Redirects that are followed.", ge=0, le=20)] = 5
    user_agent: Annotated[str, Meta(description="How requests name themselves.")] = "hermes-host"
    log: Annotated[bool, Meta(description="Keep a log of what was asked, in logs/network.jsonl.")] = True
    log_bytes: Annotated[
        int, Meta(description="Size at which the log is begun anew; the one before it is kept.", ge=10_000)
    ] = 5_000_000


class WebsiteBlocklist(msgspec.Struct, frozen=True, kw_only=True):
    """Sites that may not be asked, also from files that several people share."""

    enabled: Annotated[Anything, _YES_OR_NO, Meta(description="Use this list.")] = False
    domains: Annotated[
        Anything,
        _LIST,
        Meta(description="Sites: `example.com` with all below it, `*.example.com` only what lies below it."),
    ] = []
    shared_files: Annotated[
        Anything,
        _LIST,
        Meta(
            description="Files with one site a line, `#` for comments; relative to the home directory of hermes. While "
            "one cannot be read, nothing may be asked."
        ),
    ] = []


class SecuritySettings(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the section `security` that is about the network."""

    website_blocklist: WebsiteBlocklist | list[Any] | str | bool | int | float = WebsiteBlocklist()


_ENTRIES = list[Any] | str
_KINDS: dict[str, Any] = {
    "network.allow": _ENTRIES | None,
    "network.block": _ENTRIES,
    "network.nameservers": list[str],
    "network.ca_bundle": str,
    "security.website_blocklist": WebsiteBlocklist,
    "security.website_blocklist.enabled": bool,
    "security.website_blocklist.domains": _ENTRIES,
    "security.website_blocklist.shared_files": _ENTRIES,
}


def understood(settings: Settings, security: SecuritySettings) -> tuple[Settings, WebsiteBlocklist]:
    """The settings with every value of the type it must have. Raises `ConfigError`, naming the setting."""
    network = {name: _understood(f"network.{name}", getattr(settings, name)) for name in _names_below("network")}
    place = "security.website_blocklist"
    blocklist = _understood(place, security.website_blocklist)
    listed = {name: _understood(f"{place}.{name}", getattr(blocklist, name)) for name in _names_below(place)}
    return msgspec.structs.replace(settings, **network), msgspec.structs.replace(blocklist, **listed)


def _names_below(place: str) -> list[str]:
    return [path.rpartition(".")[2] for path in _KINDS if path.rpartition(".")[0] == place]


def _understood(path: str, value: Any) -> Any:
    if isinstance(value, WebsiteBlocklist):
        return value
    try:
        return msgspec.convert(value, _KINDS[path], strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"The setting {path} cannot be used, so nothing is asked: {error}.",
            remedy=f"Correct {path} in config.yaml, or take it out.",
        ) from None
