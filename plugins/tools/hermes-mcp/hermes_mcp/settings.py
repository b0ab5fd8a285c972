"""The section `mcp_servers` of config.yaml: one entry for each server, in the form Hermes Agent's users know."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["Elicitation", "McpServers", "RegisteredClient", "Sampling", "ServerSettings", "ToolFilter"]


def _is_document(url: str) -> bool:
    return url.startswith("https://") and url.removeprefix("https://").rstrip("/").count("/") > 0


class ToolFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What of a server is used."""

    include: Annotated[
        list[str], Meta(description="Only these tools (names or patterns such as `read_*`); wins over exclude.")
    ] = []
    exclude: Annotated[list[str], Meta(description="Not these tools.")] = []
    resources: Annotated[bool, Meta(description="Offer tools that list and read its resources.")] = True
    prompts: Annotated[bool, Meta(description="Offer its prompts as slash commands.")] = True


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the server may ask the user's model something. The model is set in `auxiliary.mcp_sampling`."""

    enabled: Annotated[bool, Meta(description="Off unless said otherwise: it costs money and shows data.")] = False
    ask: Annotated[bool, Meta(description="Ask a person before each request.")] = True
    max_tokens_cap: Annotated[int, Meta(description="Tokens an answer may have.", gt=0)] = 4096
    timeout: Annotated[float, Meta(description="Seconds an answer may take.", gt=0)] = 30.0
    max_rpm: Annotated[int, Meta(description="Requests per minute.", gt=0)] = 10
    model: Annotated[str, Meta(description="No effect: see auxiliary.mcp_sampling.")] = ""
    allowed_models: Annotated[list[str], Meta(description="No effect: see auxiliary.mcp_sampling.")] = []
    max_tool_rounds: Annotated[int, Meta(description="No effect: a server's request gets no tools.")] = 5
    log_level: Annotated[str, Meta(description="No effect: every request is logged.")] = "info"


class Elicitation(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the server may ask the user something."""

    enabled: Annotated[bool, Meta(description="Off unless said otherwise.")] = False
    timeout: Annotated[float, Meta(description="Seconds to wait for an answer.", gt=0)] = 120.0


class RegisteredClient(msgspec.Struct, frozen=True, kw_only=True):
    """A client that the authorization server knows already, where it registers none by itself."""

    client_id: Annotated[str, Meta(description="Its id; empty: register by itself.")] = ""
    client_secret: Annotated[str, Meta(description="Its secret, where it has one; best as ${NAME}.")] = ""
    metadata_url: Annotated[
        str,
        Meta(
            description="An https address of a client metadata document, its id where the server takes such; see port."
        ),
    ] = ""
    port: Annotated[
        int, Meta(description="The port of http://127.0.0.1:PORT/callback it was registered with.", ge=0)
    ] = 0
    scope: Annotated[str, Meta(description="What to ask for; empty: what the server names.")] = ""

    def __post_init__(self) -> None:
        if self.metadata_url and not _is_document(self.metadata_url):
            raise ValueError("the metadata_url must be an https address with a path")


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One server: a program that is started (`command`), or an address (`url`, which wins)."""

    type: Annotated[
        Literal["", "stdio", "http", "streamable-http", "streamable_http"],
        Meta(description="Not needed; read for the sake of other programs' files. Legacy SSE is not supported."),
    ] = ""
    command: Annotated[str, Meta(description="The program.")] = ""
    args: Annotated[list[str], Meta(description="Its arguments.")] = []
    env: Annotated[
        dict[str, str], Meta(description="Variables it gets besides PATH, HOME and the like; secrets as ${NAME}.")
    ] = {}
    cwd: Annotated[str, Meta(description="Its working directory; empty: the home directory.")] = ""
    url: Annotated[str, Meta(description="The address of a streamable HTTP server.")] = ""
    headers: Annotated[dict[str, str], Meta(description="Headers of every request; secrets as ${NAME}.")] = {}
    auth: Annotated[Literal["", "oauth", "header"], Meta(description="`oauth`: sign in with `hermes mcp auth`.")] = ""
    oauth: RegisteredClient = RegisteredClient()
    enabled: Annotated[bool, Meta(description="False keeps the entry and leaves the server out.")] = True
    timeout: Annotated[float, Meta(description="Seconds a call may take.", gt=0)] = 120.0
    connect_timeout: Annotated[float, Meta(description="Seconds to start, connect and list.", gt=0)] = 60.0
    idle_timeout: Annotated[float, Meta(description="Seconds without a call after which it is stopped.", gt=0)] = 600.0
    tools: ToolFilter = ToolFilter()
    sampling: Sampling = Sampling()
    elicitation: Elicitation = Elicitation()
    roots: Annotated[bool, Meta(description="Tell it the conversation's working directory when it asks.")] = True

    def __post_init__(self) -> None:
        if not self.command and not self.url:
            raise ValueError("a server needs a command or a url")
        if self.url and not self.url.startswith(("http://", "https://")):
            raise ValueError("the url must begin with http:// or https://")
        if self.auth == "oauth" and not self.url:
            raise ValueError("auth: oauth needs a url")


McpServers = Annotated[dict[str, ServerSettings], Meta(description="MCP servers by name.")]
