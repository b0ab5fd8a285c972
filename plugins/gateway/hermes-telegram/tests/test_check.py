"""What `hermes doctor` says of the bot."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hermes_telegram.adapter import missing
from hermes_telegram.checks import check_bot


async def test_a_good_bot_is_named(api: Any, host_of: Any):
    (found,) = await check_bot(host_of().context("telegram"))
    assert (found.status, found.detail) == ("ok", "the bot is @hermes_test_bot")
    assert api.made("getUpdates") == [], "it takes nothing from what waits"


async def test_a_wrong_token_a_foreign_webhook_and_no_connection_are_found(api: Any, host_of: Any):
    (wrong,) = await check_bot(host_of(token="99:wrong").context("telegram"))
    assert (wrong.status, "BotFather" in wrong.remedy) == ("error", True)
    (form,) = await check_bot(host_of(token="no token").context("telegram"))
    assert form.status == "error"
    api.webhook = {"url": "https://old.test/", "last_error_message": "Wrong response from the webhook"}
    (taken,) = await check_bot(host_of().context("telegram"))
    assert (taken.status, "old.test" in taken.detail) == ("warning", True)
    (broken,) = await check_bot(host_of(webhook=True).context("telegram"))
    assert "Wrong response" in broken.detail
    await api.stop()
    (lost,) = await check_bot(host_of().context("telegram"))
    assert lost.status == "error"


async def test_where_there_is_no_token_there_is_nothing_to_check(host_of: Any):
    context = host_of(token="").context("telegram")
    assert list(await check_bot(context)) == []
    assert "TELEGRAM_BOT_TOKEN" in missing(context)
    assert missing(host_of().context("telegram")) == ""


@pytest.mark.parametrize("module", ["plugin", "settings", "adapter", "reading", "markup", "polling", "menu", "checks"])
def test_the_library_is_loaded_only_when_it_is_used(module: str):
    code = f"import sys, hermes_telegram.{module}; print({{'telegram', 'httpx', 'aiohttp'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
