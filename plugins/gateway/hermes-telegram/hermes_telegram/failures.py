"""Failures that this plugin tells apart and that others need not: each is also one of `hermes_host.errors`."""

from __future__ import annotations

from hermes_host.errors import DeliveryRefused, HermesError

__all__ = ["Migrated", "Refused", "Taken"]


class Refused(DeliveryRefused):
    """Telegram said no. `description` is what it said."""

    def __init__(self, description: str, *, remedy: str = "") -> None:
        super().__init__(f"Telegram refused: {description}.", remedy=remedy)
        self.description = description


class Migrated(DeliveryRefused):
    """The group became a supergroup; `chat` is its new id."""

    def __init__(self, chat: int) -> None:
        super().__init__(f"The group has a new id: {chat}.")
        self.chat = chat


class Taken(HermesError):
    """Somebody else gets the bot's messages (409): another program, or a webhook where `webhook` is true."""

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.webhook = "webhook" in description
