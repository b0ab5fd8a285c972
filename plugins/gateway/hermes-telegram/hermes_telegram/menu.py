"""The menu of commands that Telegram shows beside the field for text."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from hermes_telegram.failures import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.protocols import CommandEntry
    from hermes_telegram.api import Api

__all__ = ["menu_of", "show_menu"]

log = logging.getLogger(__name__)

_MOST = 100
_NAME = re.compile(r"[a-z0-9_]{1,32}")


def menu_of(commands: Sequence[CommandEntry]) -> list[tuple[str, str]]:
    """Names and summaries as Telegram takes them: at most 100, names of small letters, digits and `_`."""
    found: dict[str, str] = {}
    for command in commands:
        name = command.name.lower().replace("-", "_")
        if _NAME.fullmatch(name) and name not in found:
            found[name] = " ".join(command.summary.split())[:256] or name
    return list(found.items())[:_MOST]


async def show_menu(api: Api, commands: Sequence[CommandEntry]) -> None:
    """Set the menu where it is another one; a shorter one where Telegram finds it too long."""
    menu = menu_of(commands)
    with api.translated(sending=True):
        shown = await api.bot.get_my_commands()
    if [(item.command, item.description) for item in shown] == menu:
        return
    while True:
        try:
            with api.translated(sending=True):
                await api.bot.set_my_commands(menu)
        except Refused as error:
            if "COMMANDS_TOO_MUCH" not in error.description.upper() or len(menu) < 2:
                raise
            menu = menu[: len(menu) * 3 // 4]
            log.info("Telegram finds the menu of commands too long; it is cut to %d", len(menu))
        else:
            return
