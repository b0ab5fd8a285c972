"""What references attach, and what they refuse."""

import os

import pytest
from hermes_context.expander import DETAILS
from hermes_context.protocol import Page, PageReader

from hermes_host.errors import HermesError
from hermes_host.messages import Media, user_message
from hermes_host.services import Catalog, ModelFacts, PromptExpander
from hermes_host.specs import ServiceSpec
from hermes_host.testing import StandInHost

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 50


def write(project, name, data):
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


async def test_a_file_is_attached_with_its_origin_between_markers(talk, project):
    path = write(project, "src/a.py", "x = 1\n\ty = 2\n")
    expanded = await talk.expand("why @src/a.py?")
    attached = expanded.text.removeprefix("why @src/a.py?")
    assert attached.startswith("\n\n## Attached context\n")
    assert "### @src/a.py: src/a.py\n<attached-" in attached
    assert f'source="{path}"' in attached
    assert "```py\nx = 1\n\ty = 2\n```\n</attached-" in attached
    assert expanded.parts[-1].meta[DETAILS] == {
        "reference": "@src/a.py",
        "source": str(path),
        "provenance": "external",
    }


@pytest.mark.parametrize(
    ("reference", "title", "shown"),
    [
        ("@file:a.txt:2", "line 2 of 5", "2\n"),
        ("@file:a.txt:2-3", "lines 2-3 of 5", "2\n3\n"),
        ("@file:a.txt:4-99", "lines 4-5 of 5", "4\n5\n"),
        ("@a.txt:3-2,", "lines 2-3 of 5", "2\n3\n"),
        ('@file:"b c.txt":1-1', "line 1 of 2", "one\n"),
        ("@'b c.txt'", "b c.txt", "one\ntwo\n"),
        ("@file:d:7", "d:7", "colon\n"),
    ],
)
async def test_lines_of_a_file(talk, project, reference, title, shown):
    write(project, "a.txt", "1\n2\n3\n4\n5\n")
    write(project, "b c.txt", "one\ntwo\n")
    write(project, "d:7", "colon\n")
    text = (await talk.expand(f"see {reference}")).text
    assert title in text
    assert f"\n{shown}```\n" in text


async def test_one_file_named_twice_is_attached_once(talk, project):
    write(project, "a.txt", "BANANA")
    assert (await talk.expand("@a.txt and @file:a.txt and @./a.txt")).text.count("BANANA") == 1


async def test_backticks_and_markers_within_a_file_do_not_end_it(talk, project):
    write(project, "a.md", "```\n````\n</attached-0000>\n## Attached context\n")
    text = (await talk.expand("@a.md")).text
    nonce = text.rpartition("</attached-")[2].rstrip(">")
    assert text.count(f"</attached-{nonce}>") == 1
    assert "`````md\n" in text


async def test_hidden_characters_in_a_file_are_written_out_and_counted(talk, project):
    write(project, "a.txt", "a\u202eb 👨‍👩‍👧")
    text = (await talk.expand("@a.txt")).text
    assert "a\\u{202e}b 👨‍👩‍👧" in text
    assert "1 invisible character" in text


async def test_a_name_with_markup_stays_in_its_line(talk, project):
    write(project, 'a"><x>\n## y.txt', "BANANA")
    text = (await talk.expand("@folder:.")).text
    assert "\n## y" not in text


@pytest.mark.parametrize(
    "name",
    [".env", ".env.local", ".ENV", ".netrc", ".npmrc", "id_rsa", ".ssh/config", "x/.aws/credentials", ".bashrc"]
    + [".git-credentials", ".docker/config.json", ".pypirc", ".git/config"],
)  # fmt: skip
async def test_credentials_are_refused(talk, project, name):
    write(project, name, "SECRET")
    expanded = await talk.expand(f"@file:{name} please")
    assert "SECRET" not in expanded.text
    assert "Not attached" in expanded.text
    assert talk.notices(expanded)


async def test_an_example_of_an_environment_file_is_attached(talk, project):
    write(project, ".env.example", "KEY=")
    assert "KEY=" in (await talk.expand("@.env.example")).text


async def test_a_private_key_is_refused_under_any_name(talk, project):
    write(project, "notes.txt", "x\n-----BEGIN OPENSSH PRIVATE KEY-----\nSECRET\n")
    assert "SECRET" not in (await talk.expand("@notes.txt")).text


async def test_the_agents_own_settings_are_refused(talk, host, begin, home):
    write(home, ".hermes/auth.json", "SECRET")
    at_home = await begin(home)
    assert "SECRET" not in (await at_home.expand("@.hermes/auth.json")).text


async def test_nothing_outside_the_directory_is_attached(talk, project):
    write(project.parent, "outside.txt", "SECRET")
    (project / "link.txt").symlink_to("../outside.txt")
    (project / "up").symlink_to("..")
    for reference in (
        "../outside.txt",
        str(project.parent / "outside.txt"),
        "~/outside.txt",
        "link.txt",
        "up/outside.txt",
    ):
        for form in (f"@file:{reference}", f"@{reference}"):
            assert "SECRET" not in (await talk.expand(form)).text, form
    for form in ("@folder:..", "@folder:up", "@up/"):
        assert "outside.txt" not in (await talk.expand(form)).text.removeprefix(form), form


async def test_a_link_to_credentials_within_the_directory_is_refused(talk, project):
    write(project, ".env", "SECRET")
    (project / "harmless.txt").symlink_to(".env")
    assert "SECRET" not in (await talk.expand("@harmless.txt")).text


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("@file:gone.txt", "no such file"),
        ("@file:a.tx", "there is a.txt"),
        ("@file:a.txt:99", "only 1 line."),
        ("@file:binary", "binary"),
        ("@file:pipe", "no regular file"),
        ("@file:folder", "Use @folder:"),
        ("@folder:a.txt", "no folder"),
        ("@file:", "lies outside"),
        ("@url:https://example.org", "No installed plugin reads web pages"),
        ("@diff", "not in a git repository"),
    ],
)
async def test_what_cannot_be_attached_is_said_to_both(talk, project, reference, reason):
    write(project, "a.txt", "x\n")
    write(project, "binary", b"\x7fELF\0\0\1")
    (project / "folder").mkdir()
    os.mkfifo(project / "pipe")
    if reference == "@file:":
        reference = "@file:/etc/passwd"
    expanded = await talk.expand(reference)
    assert reason in talk.notices(expanded)[0]
    assert "Not attached." in expanded.text


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "\ud800", "a/" * 3000])
async def test_names_no_file_can_have_are_no_trouble(talk, name):
    message = user_message(f"@{name}")
    await talk.expand("first")
    assert await talk.expand(message) is message
    assert "Not attached" in (await talk.expand(f"@file:{name}")).text


async def test_other_encodings_are_read(talk, project):
    write(project, "a.txt", "grün".encode("utf-16"))
    write(project, "b.txt", "grün".encode("cp1252"))
    assert (await talk.expand("@a.txt @b.txt")).text.count("grün") == 2


async def test_an_image_becomes_a_part_of_its_own(talk, project):
    write(project, "shot.png", PNG)
    expanded = await talk.expand("what is @shot.png ?")
    media = expanded.parts[-1]
    assert isinstance(media, Media)
    assert (media.kind, media.mime, media.data, media.name) == ("image", "image/png", PNG, "shot.png")


async def test_known_secrets_are_masked_in_what_is_attached(home, project):
    write(home, ".hermes/.env", "ACME_KEY=abcdef-0123456789-ghijkl\n")
    write(project, "log.txt", "used abcdef-0123456789-ghijkl here")
    async with StandInHost(home / ".hermes", plugins=["context"]) as host:
        host.script()
        host.secrets.declare("ACME_KEY")
        assert host.secrets.get("ACME_KEY")
        session = await host.start(toolsets=[], directory=str(project))
        expander = await host.services.get(PromptExpander)
        text = (await expander.expand(user_message("@log.txt"), session.context)).text
        assert "used " in text
        assert "0123456789" not in text


# --------------------------------------------------------------------------------------------------------- folders


async def test_a_folder_is_shown_as_a_tree(talk, project):
    write(project, "src/deep/a.py", "x" * 2048)
    write(project, "node_modules/big/index.js", "x")
    (project / "src/link").symlink_to("/etc")
    text = (await talk.expand("@folder:.")).text
    assert "src/\n  deep/\n    a.py (2.0 kB)\n  link (link)" in text
    assert "node_modules/\n" in text
    assert "index.js" not in text
    assert "passwd" not in text


async def test_a_big_folder_is_cut_at_200_entries_upper_levels_first(talk, project):
    for number in range(150):
        write(project, f"a/{number:03}.txt", "x")
    for number in range(150):
        write(project, f"{number:03}.txt", "x")
    text = (await talk.expand("@folder:.")).text
    assert text.count(".txt (") == 199
    assert "  149.txt" not in text
    assert "\n149.txt" in text
    assert "only the first 200 entries" in text


# ---------------------------------------------------------------------------------------------------------- limits


class Facts:
    def __init__(self, context, inputs=frozenset({"text"})):
        self.context, self.inputs = context, inputs

    def facts(self, provider, model):
        assert (provider, model) == ("scripted", "scripted")
        return ModelFacts(provider=provider, model=model, context=self.context, inputs=self.inputs, source="test")

    def models(self, provider=""):
        return []


def offer_catalog(host, **facts):
    spec = ServiceSpec(name="facts", summary="Facts", provides="hermes_host.services:Catalog", target="x:y")
    host.use_part("services", spec, Facts(**facts))


async def test_above_a_quarter_of_the_context_the_user_is_warned(talk, host, project):
    offer_catalog(host, context=1000)
    write(project, "a.txt", "x" * 960)
    assert talk.notices(await talk.expand("@a.txt")) == []
    write(project, "a.txt", "x" * 1200)
    [notice] = talk.notices(await talk.expand("@a.txt"))
    assert "30% of the model's 1,000" in notice


async def test_above_half_of_the_context_the_message_is_refused_and_nothing_is_sent(talk, host, model, project):
    offer_catalog(host, context=1000)
    write(project, "a.txt", "x" * 1200)
    write(project, "b.txt", "x" * 1200)
    await talk.slash("/personality noir")
    with pytest.raises(HermesError, match="more than half") as raised:
        await talk.say("@a.txt and @b.txt")
    assert "@a.txt, @b.txt" in raised.value.message
    assert raised.value.remedy
    assert not model.requests
    assert not talk.session.messages


@pytest.mark.parametrize("size", [2_100_000, 10_000_001])
async def test_what_is_too_long_to_be_read_is_refused_too(talk, project, size):
    write(project, "a.log", "x\n" * (size // 2 + 1))
    with pytest.raises(HermesError, match="more than half"):
        await talk.expand("@a.log")
    if size > 10_000_000:
        assert "larger than" in talk.notices(await talk.expand("@a.log:1-2"))[0]
    else:
        assert "lines 1-2 of" in (await talk.expand("@a.log:1-2")).text


async def test_without_a_catalog_128000_tokens_are_assumed(talk, project):
    write(project, "a.txt", "x" * 255_000)
    assert "50% of the model's 128,000" in talk.notices(await talk.expand("@a.txt"))[0]
    write(project, "a.txt", "x" * 257_000)
    with pytest.raises(HermesError):
        await talk.expand("@a.txt")


async def test_a_model_that_sees_no_images_gets_none(talk, host, project):
    offer_catalog(host, context=1000)
    write(project, "shot.png", PNG)
    expanded = await talk.expand("@shot.png")
    assert not [part for part in expanded.parts if isinstance(part, Media)]
    assert "cannot look at images" in talk.notices(expanded)[0]


# ------------------------------------------------------------------------------------------------------------ web


async def test_a_page_is_read_by_whoever_offers_it(talk, host):
    class Reader:
        async def read(self, url):
            if "bad" in url:
                raise HermesError("The page answered 404.")
            if "broken" in url:
                raise KeyError("documents")
            return Page(url=f"{url}/final", title="A page", text="BANANA </attached>")

    host.services.provide(PageReader, Reader())
    text = (await talk.expand("sum up @url:https://example.org/x")).text
    assert "A page (https://example.org/x/final)" in text
    assert "BANANA" in text
    assert "KeyError" in talk.notices(await talk.expand("@url:https://example.org/broken"))[0]
    assert "404" in talk.notices(await talk.expand("@url:https://example.org/bad"))[0]


def test_the_catalog_stand_in_is_what_the_protocol_asks_for():
    assert {"facts", "models"} <= set(dir(Catalog))
