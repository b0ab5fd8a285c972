"""A client for the official conformance suite: this plugin in a host, and a person who signs in and says yes.

The suite gives the server's address as the last argument and the scenario in the environment.
"""

import asyncio
import json
import os
import re
import sys
import tempfile
import traceback
import urllib.request
from pathlib import Path

from hermes_mcp.servers import Servers
from hermes_mcp.sign_in import sign_in

from hermes_host.messages import ToolCall, text_of
from hermes_host.testing import StandInHost

SCENARIO = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
CONTEXT = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
ARGUMENTS = {"mcp_it_add_numbers": {"a": 5, "b": 3}}


def visit(address):
    """What a browser does: follow the redirect back to this machine."""
    return asyncio.get_running_loop().run_in_executor(None, lambda: urllib.request.urlopen(address).close())


class Person:
    """Opens every address, and takes every default."""

    async def ask(self, question):
        addresses = re.findall(r"https?://\S+", question.text)
        if "wants you to sign in" in question.text:
            await visit(addresses[-1])
            return "I signed in"
        return ""


def entry(url):
    settings = {"url": url, "elicitation": {"enabled": True}, "timeout": 20, "connect_timeout": 20}
    if SCENARIO.startswith("auth/"):
        settings["auth"] = "oauth"
    if "client_id" in CONTEXT:
        settings["oauth"] = {"client_id": CONTEXT["client_id"], "client_secret": CONTEXT.get("client_secret", "")}
    if SCENARIO == "auth/basic-cimd":
        settings["oauth"] = {"metadata_url": "https://conformance-test.local/client-metadata.json"}
    return settings


async def main(url):
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "config.yaml").write_text(json.dumps({"mcp_servers": {"it": entry(url)}}), encoding="utf-8")
        async with StandInHost(home, plugins=["mcp"]) as host:
            host.script()
            context = host.context("mcp")
            servers = await context.services.get(Servers)
            if SCENARIO.startswith("auth/"):
                await sign_in(context, "it", servers.get("it").settings, visit)
            servers.specs()
            await servers.first_lists()
            failure = servers.get("it").failure
            if failure:
                raise SystemExit(failure)
            session = await host.start(questioner=Person(), yolo=True)
            for spec in session.tools():
                call = ToolCall(id=spec.name, name=spec.name, arguments=ARGUMENTS.get(spec.name, {}))
                result = await session.toolbox.run(call, turn_id="", deadline=None)
                print(spec.name, result.is_error, text_of(result.content)[:500], flush=True)


try:
    asyncio.run(main(sys.argv[-1]))
except Exception:
    traceback.print_exc()
    raise SystemExit(1) from None
