"""Adding servers to the configuration, for commands here and for plugins that know of servers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.errors import ConfigError
from hermes_mcp.importing import without_literals
from hermes_mcp.settings import ServerSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermes_host.host import Host

__all__ = ["add_server"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}")


def add_server(host: Host, name: str, entry: Mapping[str, Any], *, replace: bool = False) -> None:
    """Write a server's entry into config.yaml; secrets that stand in it literally go to `.env`. Nothing is started.

    `entry` is as in the section `mcp_servers`. Raises `ConfigError`, and then changes nothing, for a name or an entry
    that cannot be used, and for a name that is taken, unless it is to `replace` that one.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a server.", remedy="Use letters, digits, - and _, 48 at the most."
        )
    if name in (host.config.raw("mcp_servers") or {}) and not replace:
        raise ConfigError(
            f"There is an MCP server {name!r} already.",
            remedy=f"Take it out with `hermes mcp remove {name}`, or say --force where there is such an option.",
        )
    wanted = {key: value for key, value in entry.items() if value not in ("", [], {})}
    try:
        msgspec.convert(wanted, ServerSettings, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"The MCP server {name!r} cannot be set up so: {error}.") from None
    written, secrets = without_literals(name, wanted)
    for variable, value in secrets.items():
        host.secrets.check(variable, value)
    # The secrets first: an entry whose variables are missing would be refused.
    for variable, value in secrets.items():
        host.secrets.set(variable, value)
    host.config.set(f"mcp_servers.{name}", written)
