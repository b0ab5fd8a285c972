"""`hermes model` in a real pseudo-terminal, and its commands, with a provider that asks a real server."""

import asyncio
import json
import os
import re
import signal
import stat
import termios
import threading

import pytest

from hermes_host.testing.model_server import ModelServer, json_answer

READY = "Ctrl+C leaves"
PLUGIN = """
from hermes_host import hookimpl
from hermes_host.specs import PluginInfo, ProviderSpec, SecretSpec, ServiceSpec

@hookimpl
def hermes_plugin_info():
    secrets = (SecretSpec(name="ACME_API_KEY"), SecretSpec(name="ACME_URL", sensitive=False))
    return PluginInfo(summary="For tests", secrets=secrets)

@hookimpl
def hermes_providers():
    def provider(name, part, **more):
        return ProviderSpec(name=name, summary=f"{part} for tests", target=f"hermes_shelf.parts:{part}", priority=1,
                            **more)

    yield provider("acme", "Acme", secrets=("ACME_API_KEY",), url="https://keys.example/acme", default_model="large-1")
    yield provider("globex", "Silent", aliases=("mistral",))
    yield provider("ollama", "Odd", aliases=("qwen", "glm"))
    yield provider("openrouter", "Ruined")
    yield provider("slow", "Slow", default_model="snail")
    yield provider("anthropic", "Vast")

@hookimpl
def hermes_services():
    target = "hermes_shelf.parts:Facts"
    yield ServiceSpec(name="shelf", summary="Facts", provides="hermes_host.services:Catalog", target=target)
"""
PARTS = """
import asyncio, json, os, urllib.error, urllib.request
from hermes_host.errors import AuthFailed, ConnectionLost, Unsupported
from hermes_host.protocols import ModelInfo
from hermes_host.services import ModelFacts

KNOWN = {("acme", "large-1"): (200_000, 3, 15), ("acme", "gift"): (32_768, 0, 0), ("globex", "mini"): (8_000, 0.1, 0.4)}

class Provider:
    def __init__(self, context, spec):
        self.context = context
    async def aclose(self):
        pass

class Acme(Provider):
    async def models(self):
        key = self.context.secret("ACME_API_KEY")
        if not key:
            raise AuthFailed("acme needs a key.")
        url, headers = self.context.secret("ACME_URL") + "/models", {"authorization": f"Bearer {key}"}
        request = urllib.request.Request(url, headers=headers)
        try:
            answer = await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=5).read())
        except urllib.error.HTTPError as error:
            raise AuthFailed(f"the vendor says {error.code} to {key}") from None
        return [ModelInfo(id=each["id"]) for each in json.loads(answer)["data"]]

class Silent(Provider):
    async def models(self):
        raise Unsupported("It cannot tell.")

class Slow(Provider):
    async def models(self):
        await asyncio.Event().wait()

class Vast(Provider):
    async def models(self):
        return [ModelInfo(id=f"vendor{number % 37}/model-{number}", context=4096) for number in range(2000)]

class Odd(Provider):
    async def models(self):
        return [ModelInfo(id="mistral:7b"), ModelInfo(id="\\x1b[31mred\\u202e"), ModelInfo(id="modèle-日本語")]

class Ruined(Provider):
    async def models(self):
        raise RuntimeError("the shelf has fallen down")

class Facts:
    def __init__(self, context, spec):
        pass
    def facts(self, provider, model):
        if (provider, model) not in KNOWN:
            return ModelFacts(provider=provider, model=model, context=128_000, source="assumed")
        context, price_in, price_out = KNOWN[provider, model]
        return ModelFacts(provider=provider, model=model, name=model.title(), context=context, max_output=8_000,
                          input_price=price_in, output_price=price_out, source="snapshot 2026-11-01")
    def models(self, provider=""):
        return [self.facts(*key) for key in KNOWN if provider in ("", key[0])]
"""


@pytest.fixture
def environ(environ, tmp_path):
    """With the plugin `shelf` installed instead of the stub, and no catalogue but its own."""
    package = tmp_path / "shelf" / "hermes_shelf"
    information = tmp_path / "shelf" / "hermes_shelf-1.0.dist-info"
    package.mkdir(parents=True)
    information.mkdir()
    (package / "__init__.py").write_text("")
    (package / "plugin.py").write_text(PLUGIN)
    (package / "parts.py").write_text(PARTS)
    (information / "entry_points.txt").write_text("[hermes.v1]\nshelf = hermes_shelf.plugin\n")
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: hermes-shelf\nVersion: 1.0\n")
    more = {
        "HERMES_PLUGINS": "shelf",
        "PYTHONPATH": str(tmp_path / "shelf"),
        "ACME_URL": "http://127.0.0.1:9",
    }
    return {**environ, **more}


@pytest.fixture
def serve():
    """Serve models over HTTP from another thread; gives the server."""
    stops = []

    def start(*names, status=200):
        ready = threading.Event()
        found = {}

        async def main():
            stop = asyncio.Event()
            data = {"object": "list", "data": [{"id": name, "object": "model"} for name in names]}
            async with ModelServer(models=json_answer(data, status=status)) as server:
                found.update(server=server, loop=asyncio.get_running_loop(), stop=stop)
                ready.set()
                await stop.wait()

        thread = threading.Thread(target=asyncio.run, args=(main(),))
        thread.start()
        assert ready.wait(10)
        stops.append((found, thread))
        return found["server"]

    yield start
    for found, thread in stops:
        found["loop"].call_soon_threadsafe(found["stop"].set)
        thread.join(10)


@pytest.fixture
def picker(terminal):
    """`hermes model` in a terminal of a size, with the list of providers on it."""

    def start(columns=80, rows=24, arguments=("model",), **environ):
        screen = terminal(*arguments, COLUMNS="", LINES="", **environ)
        termios.tcsetwinsize(screen._descriptor, (rows, columns))
        screen.expect("Provider ")
        screen.expect(READY if columns > 70 else "1/")
        return screen

    return start


def saved(hermes):
    shown = json.loads(hermes("model", "show", "--json").out)
    return shown["provider"], shown["model"]


def left_on_screen(output, width=80):
    """What stands on a terminal, and in its scrollback, after `output`; fails on a sequence it does not know."""
    rows, row, column = [""], 0, 0
    for match in re.finditer(r"\x1b\[([0-9;?]*)([A-Za-z])|([^\x1b])", output):
        number = int(match[1]) if match[1] and match[1].isdecimal() else 1
        match match[2] or match[3]:
            case "\r":
                column = 0
            case "\n":
                row += 1
                rows += [""] * (row + 1 - len(rows))
            case "A" if match[2]:
                row -= number
                assert row >= 0, "it went above where it began"
            case "C" if match[2]:
                column += number
            case "K" if match[2]:
                rows[row] = rows[row][:column]
            case "J" if match[2]:
                rows[row:] = [rows[row][:column]]
            case "m" | "h" | "l" if match[2]:
                pass
            case character if match[3]:
                rows[row] = rows[row][:column].ljust(column) + character + rows[row][column + 1 :]
                column += 1
                assert column < width, f"a row is too wide: {rows[row]!r}"
            case other:
                raise AssertionError(f"unknown sequence {other!r}")
    return [text.rstrip() for text in rows if text.strip()]


# ------------------------------------------------------------------------------------------------------ the picker


def test_provider_and_model_are_chosen_and_one_line_stays(picker, serve, hermes):
    server = serve("large-1", "small-1", "gift")
    screen = picker(ACME_API_KEY="key-12345", ACME_URL=server.url)
    screen.type("acme\r")
    shown = screen.expect(READY)
    assert re.search(r"❯  large-1 +200k +\$3 / \$15\r", shown)
    assert re.search(r"small-1 +128k\?\r", shown)
    assert re.search(r"gift +33k +free\r", shown)
    screen.type("gft\r")
    screen.expect("The next conversation uses acme:gift.")
    assert screen.end() == 0
    assert left_on_screen(screen.output) == ["The next conversation uses acme:gift."]
    assert server.lookups[0].headers["authorization"] == "Bearer key-12345"
    assert saved(hermes) == ("acme", "gift")


def test_a_provider_without_its_key_comes_last(picker):
    states = re.findall(r"[ ❯][ *] \w+ +(set|not needed|missing) ", picker().output)
    assert states == ["not needed"] * 5 + ["missing"]


def test_providers_with_a_key_come_first_and_the_present_model_is_marked(picker, serve, hermes):
    server = serve("large-1", "small-1", "gift")
    key = {"ACME_API_KEY": "key-12345", "ACME_URL": server.url}
    assert hermes("model", "set", "acme:small-1", **key).code == 0
    screen = picker(**key)
    states = re.findall(r"[ ❯][ *] \w+ +(set|not needed|missing) ", screen.output)
    assert states == ["set"] + ["not needed"] * 5
    screen.type("\r")
    shown = screen.expect("* in use")
    assert re.search(r"❯\* small-1", shown)
    screen.type("\x1b")
    screen.expect("Provider ")
    screen.expect(READY)
    screen.type("\x1b")
    screen.expect("Nothing was changed; the model is acme:small-1.")
    assert screen.end() == 0


def test_control_c_leaves_without_change(picker, home):
    screen = picker()
    before = screen.mode()
    assert not before & termios.ECHO
    screen.type("\x03")
    screen.expect("Nothing was changed")
    assert screen.end() == 130
    assert not (home / "config.yaml").exists()
    assert len(left_on_screen(screen.output)) == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_and_leaves_the_screen_clean(picker, number, code):
    screen = picker()
    screen.signal(number)
    assert screen.end() == code
    assert len(left_on_screen(screen.output)) == 1


def test_a_missing_key_is_asked_for_stored_and_never_shown(picker, serve, home, hermes):
    server = serve("large-1")
    screen = picker(ACME_URL=server.url)
    screen.type("acme\r")
    shown = " ".join(screen.expect("Enter alone skips").split())
    assert "acme needs the key ACME_API_KEY, which is not set. Get one at https://keys.example/acme." in shown
    screen.type("***\r")
    screen.expect("That is no key.")
    screen.type("\x1b[200~ very-secret-123\n\x1b[201~\r")
    screen.expect("Stored ACME_API_KEY in ")
    screen.expect("Model of acme")
    screen.type("\r")
    screen.expect("The next conversation uses acme:large-1.")
    assert screen.end() == 0
    assert "very-secret" not in screen.output
    assert (home / ".env").read_text() == "ACME_API_KEY=very-secret-123\n"
    assert stat.S_IMODE((home / ".env").stat().st_mode) == 0o600
    assert "very-secret" not in (home / "config.yaml").read_text()
    assert server.lookups[0].headers["authorization"] == "Bearer very-secret-123"


def test_a_refused_key_is_asked_for_again_and_not_shown_in_the_reason(picker, serve):
    server = serve(status=401)
    screen = picker(ACME_URL=server.url)
    screen.type("acme\r")
    screen.expect("Enter alone skips")
    screen.type("wrong-secret-1\r")
    screen.expect("The key was refused: the vendor says 401 to")
    screen.expect("Enter alone skips")
    screen.type("wrong-secret-2\r")
    screen.expect("The key was refused")
    screen.expect("Enter alone skips")
    screen.type("\r")
    screen.expect("These are known; any other name can be typed.")
    assert "wrong-secret" not in screen.output
    assert [lookup.headers["authorization"] for lookup in server.lookups] == [
        "Bearer wrong-secret-1",
        "Bearer wrong-secret-2",
    ]


def test_without_a_key_the_known_models_are_offered_and_what_is_missing_is_said(picker, hermes):
    screen = picker()
    screen.type("acme\r")
    screen.expect("Enter alone skips")
    screen.type("\r")
    screen.expect("acme was not asked: ACME_API_KEY is not set.")
    screen.expect("large-1")
    screen.expect("gift")
    screen.expect(READY)
    screen.type("\r")
    screen.expect("The next conversation uses acme:large-1.")
    screen.expect("Get one at https://keys.example/acme.")
    assert screen.end() == 0


def test_a_name_that_nobody_knows_is_taken_with_stated_assumptions(picker, hermes):
    screen = picker()
    screen.type("globex\r")
    screen.expect("globex does not say which models it has.")
    screen.expect("mini")
    screen.expect(READY)
    screen.type("brand-new")
    screen.expect("use 'brand-new' as it is")
    screen.type("\r")
    screen.expect("The next conversation uses globex:brand-new.")
    screen.expect("Assumed: a context of 128,000 tokens, takes text, can use tools, price unknown.")
    assert screen.end() == 0
    assert saved(hermes) == ("globex", "brand-new")


def test_a_model_named_like_another_provider_is_still_a_model_of_the_chosen_one(picker, hermes):
    screen = picker()
    screen.type("ollama\r")
    screen.expect("mistral:7b")
    screen.expect(READY)
    screen.type("\r")
    screen.expect("The next conversation uses ollama:mistral:7b.")
    assert screen.end() == 0
    assert saved(hermes) == ("ollama", "mistral:7b")


def test_waiting_can_be_cut_short_and_gone_back_from(picker):
    screen = picker()
    screen.type("slow\r")
    screen.expect("Asking slow for its models")
    screen.type("\x03")
    screen.expect("slow could not be asked: you did not wait")
    screen.expect("snail")
    screen.expect(READY)
    screen.type("\x1b")
    screen.expect("Provider ")
    screen.expect(READY)
    screen.type("\r")
    screen.expect("Asking slow for its models")
    screen.type("\x1b")
    screen.expect("Provider ")
    screen.expect(READY)
    screen.type("\x03")
    assert screen.end() == 130


def test_a_provider_that_fails_is_one_line_and_a_name_can_be_typed(picker):
    screen = picker()
    screen.type("openr\r")
    screen.expect("openrouter could not be asked: plugin 'shelf' failed: RuntimeError")
    screen.expect("Type the model's name and press Enter.")
    screen.expect(READY)
    screen.type("some/model\r")
    screen.expect("The next conversation uses openrouter:some/model.")
    assert screen.end() == 0


@pytest.mark.parametrize("more", [{}, {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_foreign_names_cannot_act_on_the_terminal(picker, more):
    screen = picker(NO_COLOR="1", PYTHONIOENCODING="ascii" if more else "utf-8", **more)
    screen.type("ollama\r")
    screen.expect("\\u{1b}[31mred\\u{202e}")
    screen.expect("mod\\xe8le-\\u65e5\\u672c\\u8a9e" if more else "modèle-日本語")
    screen.expect(READY)
    assert "\x1b[31m" not in screen.output
    assert screen.output.isascii() == bool(more)
    screen.type("\x03")
    assert screen.end() == 130


def test_a_terminal_that_changes_its_size_is_drawn_anew_and_left_clean(picker):
    screen = picker(columns=60, rows=15)
    screen.type("anthropic\r")
    screen.expect("1/2000")
    rows = screen.expect("goes back").count("\n")
    assert rows < 15
    termios.tcsetwinsize(screen._descriptor, (8, 40))
    screen.signal(signal.SIGWINCH)
    shown = screen.expect("1/2000")
    assert shown.count("\n") <= 7
    assert "$" not in shown
    screen.type("\x1b[6~\x1b[6~99")
    screen.expect("of 2000")
    screen.type("\r")
    screen.expect("The next conversation uses anthropic:vendor25/model-99.")
    assert screen.end() == 0
    assert left_on_screen(screen.output) == ["The next conversation uses anthropic:vendor25/model-99."]


def test_suspending_gives_the_terminal_back_until_it_goes_on(picker):
    screen = picker()
    raw = screen.mode()
    screen.type("\x1a")
    _, status = os.waitpid(screen._pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert screen.mode() & termios.ECHO
    screen.signal(signal.SIGCONT)
    screen.expect("Provider ")
    screen.expect(READY)
    assert screen.mode() == raw
    screen.type("\x03")
    assert screen.end() == 130


def test_a_terminal_that_cannot_draw_is_asked_by_number(terminal, hermes):
    screen = terminal("model", TERM="dumb")
    screen.expect("Provider (number")
    assert "anthropic" in screen.output
    screen.type("2\r")
    screen.expect("Model (empty")
    screen.type("?\r")
    screen.expect("globex was not asked, It cannot tell.: these are the models the catalogue knows.")
    screen.expect("Model")
    screen.type("mini\r")
    screen.expect("The next conversation uses globex:mini.")
    assert screen.end() == 0


# ------------------------------------------------------------------------------------------------- own endpoints


def test_an_endpoint_of_ones_own_is_tried_before_it_is_saved(picker, serve, home, hermes):
    server = serve("house-model", "other")
    screen = picker(HERMES_PLUGINS="shelf,compatible")
    screen.type("custom\r")
    screen.expect("Address ")
    screen.expect(READY)
    screen.type("localhost:8000\r")
    screen.expect("That is not a web address")
    screen.type("\x15http://127.0.0.1:9/v1\r")
    screen.expect("Enter alone: it needs no key.")
    screen.type("\r")
    screen.expect("could not be asked")
    screen.expect(READY)
    assert not (home / "config.yaml").exists()
    screen.type("\x1b")
    screen.expect("Address ")
    screen.expect(READY)
    screen.type(f"\x15{server.url}/\r")
    screen.expect("Enter alone: it needs no key.")
    screen.type("endpoint-secret\r")
    screen.expect("house-model")
    screen.expect(READY)
    screen.type("house\r")
    screen.expect("The next conversation uses custom:house-model.")
    assert screen.end() == 0
    assert server.lookups[0].headers["authorization"] == "Bearer endpoint-secret"
    assert "endpoint-secret" not in screen.output + (home / "config.yaml").read_text()
    assert json.loads(hermes("config", "get", "model.base_url", "--json").out)["value"] == server.url
    assert "endpoint-secret" in (home / ".env").read_text()
    shown = json.loads(hermes("model", "show", "--json", HERMES_PLUGINS="compatible").out)
    assert (shown["provider"], shown["model"]) == ("custom", "house-model")


def test_a_stored_key_stays_with_its_address_and_goes_to_no_other(picker, serve, home, hermes):
    first, second = serve("house-model"), serve("house-model")
    home.mkdir(mode=0o700)
    (home / "config.yaml").write_text(
        f"model: {{provider: custom, default: house-model, base_url: {first.url}, api_key: '${{MY_KEY}}'}}\n"
    )
    (home / ".env").write_text("MY_KEY=stored-secret\n")
    (home / ".env").chmod(0o600)
    for server, note in ((first, "Enter alone keeps the key"), (second, "Enter alone: it needs no key.")):
        screen = picker(HERMES_PLUGINS="shelf,compatible")
        screen.type("\r")
        screen.expect("Address ")
        screen.type(f"\x15{server.url}\r")
        screen.expect(note)
        screen.type("\r")
        screen.expect("Model of custom")
        screen.expect(READY)
        screen.type("\r")
        screen.expect("The next conversation uses custom:house-model.")
        assert screen.end() == 0
        kept = server is first
        assert server.lookups[0].headers.get("authorization") == ("Bearer stored-secret" if kept else None)
        assert ("api_key" in (home / "config.yaml").read_text()) == kept


# ------------------------------------------------------------------------------------------------------- commands


@pytest.fixture
def quick(hermes_here, environ, tmp_path, monkeypatch):
    """Run a command in this process."""
    monkeypatch.syspath_prepend(tmp_path / "shelf")
    return hermes_here


def test_without_a_terminal_the_list_is_printed_and_how_to_choose(hermes):
    done = hermes("model")
    assert done.code == 0
    assert "acme" in done.out
    assert "hermes model set PROVIDER:MODEL" in done.out


def test_the_models_of_one_provider_have_context_and_price(hermes, serve):
    server = serve("large-1", "small-1", "gift")
    done = hermes("model", "list", "acme", ACME_API_KEY="key-12345", ACME_URL=server.url)
    assert re.search(r"large-1 +200k +\$3 / \$15 +Large-1\n", done.out), done
    assert re.search(r"gift +33k +free", done.out)
    assert "? is assumed" in done.out
    found = json.loads(
        hermes("model", "list", "acme", "lrg", "--json", ACME_API_KEY="key-12345", ACME_URL=server.url).out
    )
    assert [(one["id"], one["context"], one["input_price"], one["source"]) for one in found] == [
        ("large-1", 200_000, 3, "snapshot 2026-11-01")
    ]


def test_a_provider_without_a_key_is_not_asked_but_what_is_known_is_listed(hermes):
    done = hermes("model", "list", "acme", "--json")
    assert [one["id"] for one in json.loads(done.out)] == ["large-1", "gift"]
    assert "acme was not asked, it has no key" in done.err
    assert done.code == 0


def test_a_provider_of_which_nothing_is_known_is_an_error_with_a_remedy(hermes):
    done = hermes("model", "list", "openrouter")
    assert (done.code, done.out) == (1, "")
    assert "the shelf has fallen down" in done.err


def test_all_providers_are_asked_at_once_and_each_failure_is_one_line(hermes, serve):
    server = serve("large-1")
    environ = {"ACME_API_KEY": "key-12345", "ACME_URL": server.url}
    done = hermes("model", "list", "--all", "--json", "--timeout", "2", **environ)
    found = {(one["provider"], one["id"]) for one in json.loads(done.out)}
    assert {("acme", "large-1"), ("anthropic", "vendor1/model-1"), ("ollama", "mistral:7b")} <= found
    assert {line.partition(":")[0] for line in done.err.splitlines()} == {"globex", "openrouter", "slow"}
    assert "slow: no answer within 2 s" in done.err
    assert done.code == 0


def test_what_is_known_of_a_model_is_shown_with_its_origin(hermes):
    done = hermes("model", "show", "acme:large-1")
    assert "context 200,000 tokens · output at most 8,000 · $3 / $15 per million tokens in / out" in done.out
    assert "from: snapshot 2026-11-01" in done.out
    facts = json.loads(hermes("model", "show", "acme:large-1", "--json").out)["facts"]
    assert (facts["context"], facts["output_price"], facts["source"]) == (200_000, 15, "snapshot 2026-11-01")
    assert "Nobody knows this model. Assumed: a context of 128,000 tokens" in hermes("model", "show", "acme:odd").out
    assert json.loads(hermes("model", "show", "acme:odd", "--json").out)["facts"]["source"] == "assumed"


@pytest.mark.parametrize(("reference", "near"), [("opnrouter:x", "openrouter:x"), ("antrhopic", "anthropic")])
def test_a_slip_in_a_providers_name_is_not_taken_for_a_model(quick, home, reference, near):
    done = quick("model", "set", reference)
    assert done.code == 1
    assert f"Did you mean {near!r}?" in done.err
    assert not (home / "config.yaml").exists()
    assert f"Did you mean {near!r}?" in quick("model", "show", reference).err


@pytest.mark.parametrize("reference", ["llama3:8b", "mixtral:8x7b", "x"])
def test_a_models_name_with_a_colon_is_still_a_model(quick, reference):
    assert quick("model", "set", "globex:mini").code == 0
    done = quick("model", "set", reference)
    assert done.code == 0, done
    assert saved(quick) == ("globex", reference)


def test_force_takes_a_name_that_looks_like_a_slip(quick):
    quick("model", "set", "globex:mini")
    assert quick("model", "set", "opnrouter:x", "--force").code == 0
    assert saved(quick) == ("globex", "opnrouter:x")


def test_a_model_the_provider_does_not_have_is_refused_unless_forced(quick, home):
    done = quick("model", "set", "ollama:mistral:8b")
    assert done.code == 1
    assert "'mistral:7b'" in done.err
    assert not (home / "config.yaml").exists()
    assert quick("model", "set", "ollama:mistral:8b", "--force").code == 0
    assert saved(quick) == ("ollama", "mistral:8b")


def test_a_setting_that_wins_over_the_choice_is_named(quick, home):
    assert "wins" in quick("model", "set", "globex:mini", HERMES_MODEL="other").err
