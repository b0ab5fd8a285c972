"""What hermes-telegram contributes: an adapter, its settings, its token and a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import AdapterSpec, Capabilities, CheckSpec, PluginInfo, SecretSpec, SectionSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Talk to the agent in Telegram: chats, groups, topics, files, voice notes and buttons",
        sections=(
            SectionSpec(name="telegram", target="hermes_telegram.settings:TelegramSettings"),
            SectionSpec(name="server", target="hermes_telegram.settings:PublicAddress"),
        ),
        secrets=(SecretSpec(name="TELEGRAM_BOT_TOKEN", summary="The bot's token, from @BotFather"),),
        capabilities=Capabilities(network=("api.telegram.org",)),
    )


@hookimpl
def hermes_adapters() -> Iterable[AdapterSpec]:
    yield AdapterSpec(
        name="telegram",
        summary="Telegram, as a bot",
        target="hermes_telegram.adapter:connect",
        configured="hermes_telegram.adapter:missing",
        features=frozenset(
            {"edit", "delete", "typing", "threads", "buttons", "media_in", "media_out", "voice", "commands"}
        ),
        environment="TELEGRAM",
        addresses=r"-?\d+|@\w{4,}",
        hint="Telegram shows Markdown, on narrow screens: short paragraphs and lists read better than wide tables.",
        secrets=("TELEGRAM_BOT_TOKEN",),
        url="https://t.me/BotFather",
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="telegram",
        summary="Telegram knows the bot's token, and nobody else reads its messages",
        target="hermes_telegram.checks:check_bot",
    )
