"""A plugin host for agents: the loop, the contracts and the registries; every feature is a plugin.

A map of the package, lowest layer first. Imports run downwards only (`nox -s lint` checks it):

======================  ==============================================================================
`errors`                every exception, drawn as one tree
`specs`                 frozen descriptions that plugins yield; imports nothing outside the standard library
`hookspecs`             every hook on one page
`messages`, `stream`    messages and their parts; the grammar of a provider's stream
`events`                what a running turn says to a front end
`protocols`             what providers, terminals, session stores and the rest must be able to do
`plugins`, `dispatch`   discovery, loading and quarantine; collect, notify, decide, chain
`registry`              one sorted registry for each kind of spec
`config`                layers, sections, secrets, files
`context`               what a part may touch
`catalogue`, `host`     what is installed and set up; the composition root: `Host.open()`
`agent`                 one turn
`cli`                   the command line
`testing`               conformance kits and fakes for plugin authors
======================  ==============================================================================
"""

from __future__ import annotations

from hermes_host._version import __version__

# Type checkers take this name for true. Importing `typing` would cost as much as all of `hermes --version`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hermes_host.hookspecs import hookimpl
    from hermes_host.host import Host

__all__ = ["Host", "__version__", "hookimpl"]


def __getattr__(name: str) -> Any:
    # Lazy, so that `hermes --version` imports neither pluggy nor the host.
    if name == "hookimpl":
        from hermes_host.hookspecs import hookimpl

        return hookimpl
    if name == "Host":
        from hermes_host.host import Host

        return Host
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
