"""A Bot API server of our own, over real HTTP: it answers as Telegram documents, and refuses what Telegram refuses."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from hermes_host.testing import ScriptedInbox, StandInHost

TOKEN = "123456:AAF-test_token-0123456789abcdefghijk"
BOT = {"id": 123456, "is_bot": True, "first_name": "Hermes", "username": "hermes_test_bot"}
PERSON = {"id": 4242, "is_bot": False, "first_name": "Ann", "last_name": "Ex", "username": "ann"}
DIRECT = {"id": 4242, "type": "private", "first_name": "Ann", "last_name": "Ex", "username": "ann"}
GROUP = {"id": -100777, "type": "supergroup", "title": "Team", "is_forum": True}

_ENTITIES = {"bold", "italic", "strikethrough", "code", "pre", "text_link", "blockquote"}
_UPLOADS = {
    "sendPhoto": "photo",
    "sendAnimation": "animation",
    "sendVideo": "video",
    "sendAudio": "audio",
    "sendVoice": "voice",
    "sendDocument": "document",
}


class Refusal(Exception):
    """An answer of Telegram's other than yes."""

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code, self.description, self.parameters = code, description, parameters


def bad(description: str) -> Refusal:
    return Refusal(400, f"Bad Request: {description}")


def units(text: str) -> bytes:
    return text.encode("utf-16-le")


class BotApi:
    """Telegram, as far as bots see it."""

    def __init__(self) -> None:
        self.url = ""
        self.token = TOKEN
        self.messages: dict[int, dict[str, Any]] = {}
        """What the bot sent and did not delete, by id: the parameters of the call, with `method` and `files`."""
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.files: dict[str, bytes] = {}
        self.faults: list[Any] = []
        """For the next calls that send or change: a `Refusal`, `lost`, `uncertain`, or a status without JSON."""
        self.topics = {77}
        self.commands: list[dict[str, str]] = []
        self.webhook: dict[str, Any] = {}
        self.answered: list[str] = []
        self.migrated: dict[int, int] = {}
        self.refused_polls: list[Refusal] = []
        """The answers to the next requests for updates."""
        self.ignores_timeouts = False
        self.asked: list[int] = []
        """The offsets of the requests for updates."""
        self.sizes_known = True
        self._pending: list[dict[str, Any]] = []
        self._again: list[dict[str, Any]] = []
        self._polls: list[tuple[web.Request, asyncio.Future[Refusal]]] = []
        self._changed = asyncio.Condition()
        self._next_update, self._next_message = 1000, 1

    async def start(self) -> None:
        application = web.Application(client_max_size=100_000_000)
        application.router.add_route("*", "/bot{token}/{method}", self._serve)
        application.router.add_get("/file/bot{token}/{path:.*}", self._file)
        self._runner = web.AppRunner(application, shutdown_timeout=0.01, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    # ------------------------------------------------------------------------------------------- what people do

    def number(self) -> int:
        self._next_message += 1
        return self._next_message

    async def happen(self, **update: Any) -> dict[str, Any]:
        """Something happens; gives the update."""
        self._next_update += 1
        found = {"update_id": self._next_update, **update}
        async with self._changed:
            self._pending.append(found)
            self._changed.notify_all()
        return found

    def message(self, *, chat: dict[str, Any] = DIRECT, **fields: Any) -> dict[str, Any]:
        """A message as Telegram writes it."""
        return {"message_id": self.number(), "date": int(time.time()), "chat": chat, "from": PERSON, **fields}

    async def say(self, text: str = "", *, kind: str = "message", **fields: Any) -> dict[str, Any]:
        words = {"text": text} if text else {}
        return await self.happen(**{kind: self.message(**words, **fields)})

    async def repeat(self, update: dict[str, Any]) -> None:
        """Deliver an update once more: that it was acknowledged got lost."""
        async with self._changed:
            self._again.append(update)
            self._changed.notify_all()

    def upload(self, data: bytes, **fields: Any) -> dict[str, Any]:
        """A file of a person's."""
        name = f"file-{len(self.files)}"
        self.files[name] = data
        return {"file_id": name, "file_unique_id": name, "file_size": len(data), **fields}

    async def disturb(self) -> None:
        """Cut off those who wait for updates, as soon as somebody does."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(lambda: self._polls), 10)
        for request, _ in self._polls:
            if request.transport is not None:
                request.transport.abort()

    async def until_polled(self, offset: int) -> None:
        """Wait until somebody asks for updates from `offset` on."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(lambda: offset in self.asked), 10)

    async def until_called(self, method: str, *, times: int) -> None:
        """Wait until a method was called so many times."""
        await self.until(lambda: len(self.made(method)) >= times)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a call makes something true."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(condition), 30)

    def texts(self) -> list[str]:
        return [message.get("text", message.get("caption", "")) for message in self.messages.values()]

    def made(self, method: str) -> list[dict[str, Any]]:
        """The parameters of all calls of a method."""
        return [parameters for name, parameters in self.calls if name == method]

    # ------------------------------------------------------------------------------------------------- serving

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        if request.match_info["token"] != self.token:
            return _answer(Refusal(401, "Unauthorized"))
        parameters, files = await _parameters(request)
        async with self._changed:
            self.calls.append((method, parameters))
            self._changed.notify_all()
        if method == "getUpdates":
            return await self._updates(request, parameters)
        changing = method.startswith(("send", "edit", "delete")) and method not in ("deleteWebhook", "sendChatAction")
        fault = self.faults.pop(0) if changing and self.faults else None
        if fault == "lost":
            return _cut(request)
        if isinstance(fault, int):
            return web.Response(status=fault, text="<html>An error</html>")
        try:
            if isinstance(fault, Refusal):
                raise fault
            result = self._do(method, parameters, files)
        except Refusal as refusal:
            return _answer(refusal)
        return _cut(request) if fault == "uncertain" else web.json_response({"ok": True, "result": result})

    async def _updates(self, request: web.Request, parameters: dict[str, Any]) -> web.StreamResponse:
        if self.webhook.get("url"):
            return _answer(
                Refusal(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook")
            )
        if self.refused_polls:
            return _answer(self.refused_polls.pop(0))
        offset, seconds = int(parameters.get("offset", 0)), float(parameters.get("timeout", 0))
        for _, ended in self._polls:
            if not ended.done():
                ended.set_result(
                    Refusal(409, "Conflict: terminated by other getUpdates request; make sure that only one")
                )
        ended: asyncio.Future[Refusal] = asyncio.get_running_loop().create_future()
        self._polls.append((request, ended))
        async with self._changed:
            self.asked.append(offset)
            self._pending = [update for update in self._pending if update["update_id"] >= offset]
            self._changed.notify_all()
        try:
            waiting = asyncio.ensure_future(self._news(0 if self.ignores_timeouts else seconds))
            await asyncio.wait({waiting, ended}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                waiting.cancel()
                return _answer(ended.result())
            if request.transport is None or request.transport.is_closing():
                return web.Response()  # nobody hears it
            found = [*self._again, *self._pending][: int(parameters.get("limit", 100))]
            self._again.clear()
            return web.json_response({"ok": True, "result": found})
        finally:
            self._polls = [item for item in self._polls if item[0] is not request]

    async def _news(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self._pending or self._again)
        except TimeoutError:
            return

    async def _file(self, request: web.Request) -> web.StreamResponse:
        data = self.files.get(request.match_info["path"].removeprefix("documents/"))
        if request.match_info["token"] != self.token or data is None:
            return web.json_response({"ok": False, "error_code": 404, "description": "Not Found"}, status=404)
        return web.Response(body=data)

    # ----------------------------------------------------------------------------------------------- the methods

    def _do(self, method: str, given: dict[str, Any], files: dict[str, bytes]) -> Any:
        if method in ("sendMessage", "sendMediaGroup", *_UPLOADS):
            return self._send(method, given, files)
        if method.startswith("editMessage") or method == "deleteMessage":
            return self._change(method, given)
        simple = getattr(self, f"_{method}", None)
        if simple is None:
            raise Refusal(404, "Not Found")
        return simple(given)

    def _getMe(self, given: dict[str, Any]) -> Any:
        return {**BOT, "can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False}

    def _sendChatAction(self, given: dict[str, Any]) -> Any:
        self._place(given)
        return True

    def _answerCallbackQuery(self, given: dict[str, Any]) -> Any:
        if given["callback_query_id"] in self.answered:
            raise bad("query is too old and response timeout expired or query ID is invalid")
        self.answered.append(given["callback_query_id"])
        return True

    def _getMyCommands(self, given: dict[str, Any]) -> Any:
        return self.commands

    def _setMyCommands(self, given: dict[str, Any]) -> Any:
        if len(given["commands"]) > 100:
            raise bad("BOT_COMMANDS_TOO_MUCH")
        for item in given["commands"]:
            name = item["command"]
            if not (1 <= len(name) <= 32 and name.isascii() and name.replace("_", "a").isalnum() and name.islower()):
                raise bad("BOT_COMMAND_INVALID")
            if not 1 <= len(item["description"]) <= 256:
                raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
        self.commands = given["commands"]
        return True

    def _setWebhook(self, given: dict[str, Any]) -> Any:
        if not given["url"].startswith("https://"):
            raise bad("bad webhook: An HTTPS URL must be provided for webhook")
        self.webhook = given
        return True

    def _deleteWebhook(self, given: dict[str, Any]) -> Any:
        assert not given.get("drop_pending_updates"), "messages would be lost"
        self.webhook = {}
        return True

    def _getWebhookInfo(self, given: dict[str, Any]) -> Any:
        failure = {key: self.webhook[key] for key in ("last_error_message", "last_error_date") if key in self.webhook}
        return {
            "url": self.webhook.get("url", ""),
            "has_custom_certificate": False,
            "pending_update_count": len(self._pending),
            **failure,
        }

    def _getFile(self, given: dict[str, Any]) -> Any:
        name = given["file_id"]
        if name not in self.files:
            raise bad("wrong file_id or the file is temporarily unavailable")
        if len(self.files[name]) > 20_000_000:
            raise bad("file is too big")
        size = {"file_size": len(self.files[name])} if self.sizes_known else {}
        return {"file_id": name, "file_unique_id": name, "file_path": f"documents/{name}", **size}

    def _send(self, method: str, given: dict[str, Any], files: dict[str, bytes]) -> Any:
        chat = self._place(given)
        if method == "sendMediaGroup":
            if not 2 <= len(given["media"]) <= 10:
                raise bad("there must be 2-10 messages")
            return [self._keep(chat, method, {**given, **item}, files, item["media"]) for item in given["media"]]
        if method == "sendMessage":
            return self._keep(chat, method, given, {}, "")
        return self._keep(chat, method, given, files, given.get(_UPLOADS[method], f"attach://{_UPLOADS[method]}"))

    def _keep(
        self, chat: dict[str, Any], method: str, given: dict[str, Any], files: dict[str, bytes], source: str
    ) -> dict[str, Any]:
        kept = dict(given)
        if source:
            kept["data"] = files[source.removeprefix("attach://")] if source.startswith("attach://") else source
            _check(kept.get("caption", ""), kept.get("caption_entities", []), 1024, needed=False)
        else:
            _check(kept.get("text", ""), kept.get("entities", []), 4096, needed=True)
        _check_keyboard(given.get("reply_markup"))
        kept["method"] = method
        number = self.number()
        self.messages[number] = kept
        return self._shown(number, chat)

    def _change(self, method: str, given: dict[str, Any]) -> Any:
        chat, number = self._place(given), int(given["message_id"])
        if number not in self.messages:
            raise bad(f"message to {'delete' if method == 'deleteMessage' else 'edit'} not found")
        kept = self.messages[number]
        if method == "deleteMessage":
            del self.messages[number]
            return True
        before = dict(kept)
        kept.pop("reply_markup", None)
        if "reply_markup" in given:
            kept["reply_markup"] = given["reply_markup"]
        if method == "editMessageText":
            if "text" not in kept:
                raise bad("there is no text in the message to edit")
            _check(given["text"], given.get("entities", []), 4096, needed=True)
            kept |= {"text": given["text"], "entities": given.get("entities", [])}
        elif method == "editMessageCaption":
            kept |= {"caption": given["caption"]}
        if {**before, "entities": before.get("entities", [])} == {**kept, "entities": kept.get("entities", [])}:
            raise bad("message is not modified: specified new message content and reply markup are exactly the same")
        return self._shown(number, chat)

    def _place(self, given: dict[str, Any]) -> dict[str, Any]:
        chat = given["chat_id"]
        number = int(chat) if str(chat).lstrip("-").isdecimal() else 0
        if number in self.migrated:
            raise Refusal(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=self.migrated[number],
            )
        if "message_thread_id" in given and int(given["message_thread_id"]) not in self.topics:
            raise bad("message thread not found")
        if number == 4242:
            return DIRECT
        if number in (GROUP["id"], *self.migrated.values()):
            return {**GROUP, "id": number}
        if chat == "@news":
            return {"id": -100888, "type": "channel", "title": "News"}
        raise bad("chat not found")

    def _shown(self, number: int, chat: dict[str, Any]) -> dict[str, Any]:
        return {"message_id": number, "date": int(time.time()), "chat": chat, "from": BOT, "text": "sent"}


def _check(text: str, entities: Sequence[dict[str, Any]], limit: int, *, needed: bool) -> None:
    length = len(units(text)) // 2
    if needed and not text.strip():
        raise bad("message text is empty")
    if length > limit:
        raise bad("message is too long" if needed else "message caption is too long")
    assert len(entities) <= 100, "Telegram leaves the others out"
    for entity in entities:
        begin, end = entity["offset"] * 2, (entity["offset"] + entity["length"]) * 2
        if entity["type"] not in _ENTITIES or entity["length"] < 1 or end > length * 2:
            raise bad("ENTITY_BOUNDS_INVALID")
        units(text)[begin:end].decode("utf-16-le")  # no character is cut in two
        assert entity["type"] != "text_link" or entity["url"]


def _check_keyboard(keyboard: dict[str, Any] | None) -> None:
    for row in keyboard["inline_keyboard"] if keyboard else []:
        for button in row:
            if not 1 <= len(button["callback_data"].encode()) <= 64:
                raise bad("BUTTON_DATA_INVALID")


def _answer(refusal: Refusal) -> web.Response:
    body = {"ok": False, "error_code": refusal.code, "description": refusal.description}
    if refusal.parameters:
        body["parameters"] = refusal.parameters
    return web.json_response(body, status=refusal.code)


def _cut(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _parameters(request: web.Request) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Parameters as Telegram reads them: forms, whose values are JSON where they are no plain words."""
    found: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            files[name] = value.file.read()
            found.setdefault("names", []).append(value.filename)
        elif value[:1] in "{[" or value in ("true", "false"):
            try:
                found[name] = json.loads(value)
            except ValueError:
                found[name] = value
        else:
            found[name] = value
    return found, files


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    server = BotApi()
    await server.start()
    yield server
    await server.stop()


class Inbox(ScriptedInbox):
    """An inbox whose troubles can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._troubled = asyncio.Event()

    def trouble(self, text: str) -> None:
        super().trouble(text)
        self._troubled.set()

    async def until_trouble(self) -> None:
        await asyncio.wait_for(self._troubled.wait(), 10)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
async def host_of(api: BotApi, tmp_path: Path) -> AsyncIterator[Any]:
    """Makes a host whose bot is the server's, with settings of the section `telegram`."""
    hosts: list[StandInHost] = []

    def make(*, token: str = TOKEN, plugins: Sequence[str] = ("telegram",), **settings: Any) -> StandInHost:
        home = tmp_path / f"home-{len(hosts)}"
        home.mkdir()
        given = {"base_url": api.url, **settings}
        overrides = {name if "." in name else f"telegram.{name}": value for name, value in given.items()}
        environ = {"PATH": "/usr/bin:/bin", "TELEGRAM_BOT_TOKEN": token}
        hosts.append(StandInHost(home, plugins=list(plugins), overrides=overrides, environ=environ))
        return hosts[-1]

    yield make
    for host in hosts:
        await host.aclose()


@pytest.fixture
async def adapter_of(host_of: Any) -> Any:
    """Makes an adapter."""

    async def make(**settings: Any) -> Any:
        host = host_of(**settings)
        return await host.part(host.registry("adapters").get("telegram"))

    return make


@pytest.fixture
def refusal() -> type[Refusal]:
    return Refusal
