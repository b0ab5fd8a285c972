"""`hermes mcp serve` on a host that has the fixture plugin as well.

The arguments are those of the command. With `--open` every request counts as one that brought the token, which programs
that cannot send one need: the conformance suite.
"""

import os
import sys
from pathlib import Path

import click
from fixture import Fixture
from hermes_mcp_server import http
from hermes_mcp_server.command import TOKEN, serve

from hermes_host.cli.application import Application
from hermes_host.host import Host


def opened(make):
    def application(server, settings, token):
        guard = make(server, settings, token)

        async def app(scope, receive, send):
            if scope["type"] == "http":
                scope["headers"] = [*scope["headers"], (b"authorization", b"Bearer " + os.environ[TOKEN].encode())]
            await guard(scope, receive, send)

        return app

    return application


arguments = sys.argv[1:]
if "--open" in arguments:
    arguments.remove("--open")
    http.application = opened(http.application)
plugins = ["mcp-server", "compatible", "offline", "files", "sessions"]
host = Host(home=Path(os.environ["HERMES_HOME"]), plugins=plugins)
host.plugins.add("fixture", Fixture())
group = click.Group("hermes", commands=[serve])
group.main(["serve", *arguments], obj=Application(_host=host), prog_name="hermes", standalone_mode=True)
