"""A terminal on a far machine of which nothing is known but that it runs `sh` and passes bytes both ways.

What is the vendor's (making, finding, stopping machines) stays outside: see `place.Keeper` and `channel.Channel`.
"""

from __future__ import annotations

from hermes_host.terminals.remote.backend import Book, Places, Record, home_name, is_gone, start_directory
from hermes_host.terminals.remote.channel import Channel, Inbox
from hermes_host.terminals.remote.job_programs import BUSY
from hermes_host.terminals.remote.place import Keeper, Live, Place, Woken, has_jobs
from hermes_host.terminals.remote.running import Lost
from hermes_host.terminals.remote.terminal import RemoteTerminal
from hermes_host.terminals.remote.wardens import ENDING, ending, limits_of

__all__ = [
    "BUSY",
    "Book",
    "Channel",
    "ENDING",
    "Inbox",
    "Keeper",
    "Live",
    "Lost",
    "Place",
    "Places",
    "Record",
    "RemoteTerminal",
    "Woken",
    "ending",
    "has_jobs",
    "home_name",
    "is_gone",
    "limits_of",
    "start_directory",
]
