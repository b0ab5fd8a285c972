"""A server on the official SDK: `friendly.py stdio`, or `friendly.py http` (its port is its first line)."""

import os
import socket
import sys
from pathlib import Path

from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import BaseModel

server = MCPServer("friendly", version="1.2")
READS = ToolAnnotations(read_only_hint=True)
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001e221bc33"
    "0000000049454e44ae426082"
)


class Sum(BaseModel):
    total: int


@server.tool(annotations=READS)
def add(a: int, b: int) -> Sum:
    """Add two numbers."""
    return Sum(total=a + b)


@server.tool(annotations=READS)
def echo(text: str) -> str:
    """Say it back."""
    return text


@server.tool()
def note(text: str) -> str:
    """Write a note."""
    Path(os.environ["NOTES"]).write_text(text, encoding="utf-8")
    return "noted"


@server.tool(annotations=READS)
def picture() -> Image:
    """A picture."""
    return Image(data=PIXEL, format="png")


@server.tool(annotations=READS)
def broken() -> str:
    """Always fails."""
    raise ToolError("the kettle is empty")


@server.tool(annotations=READS)
async def grow(ctx: Context) -> str:
    """Offer one tool more."""
    server.add_tool(lambda: "new", name="grown", annotations=READS)
    await ctx.notify_tools_changed()
    return "grown"


@server.resource("notes://today", mime_type="text/plain")
def today() -> str:
    """Today's notes."""
    return "Buy tea."


@server.resource("notes://{day}")
def any_day(day: str) -> str:
    """Another day's notes."""
    return f"Nothing on {day}."


@server.prompt()
def review(topic: str, tone: str = "kind") -> str:
    """Review something."""
    return f"Review {topic} in a {tone} tone."


def serve_http() -> None:
    import uvicorn

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(server.streamable_http_app(), log_level="error")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    serve_http() if sys.argv[1] == "http" else server.run("stdio")
