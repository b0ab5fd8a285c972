"""References are found where people mean them, and what was typed stays as it was typed."""

import pytest
from hermes_context.references import find_references
from hypothesis import given
from hypothesis import strategies as st

from hermes_host.events import Notice
from hermes_host.messages import Media, Text, user_message
from hermes_host.services import NOTICES
from hermes_host.testing import events_of

CODE = "def f(x):\n    if x:\n\treturn  [1,\t2]\r\n\n\n  # end\n"


def tokens(text):
    return [reference.token for reference in find_references(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see @file:a.py, then", ["@file:a.py"]),
        ("(@file:a.py:3-10)", ["@file:a.py:3-10"]),
        ('@file:"my file.txt":3-4 and', ['@file:"my file.txt":3-4']),
        ("@folder:src/ @diff @staged. @git:3", ["@folder:src/", "@diff", "@staged", "@git:3"]),
        ("@url:https://example.org/a?b=(c)", ["@url:https://example.org/a?b=(c)"]),
        ("看@file:文件.txt。", ["@file:文件.txt"]),
        ("mail me@example.org or me@diff", []),
        (
            "@different @diff-tool @diff.txt @gitter @git:x",
            ["@different", "@diff-tool", "@diff.txt", "@gitter", "@git:x"],
        ),
        ("`@diff` and ``@file:a``", []),
        ("```\n@diff\n```\n@staged", ["@staged"]),
        ("~~~py\n@property\n@file:a.py\n", []),
        ("@diff @diff @diff", ["@diff"]),
        ("@file: and @url:", ["@file", "@url"]),
        ("@", []),
    ],
)
def test_what_is_a_reference(text, found):
    assert tokens(text) == found


@given(st.text())
def test_any_text_can_be_searched(text):
    for reference in find_references(text):
        assert reference.token in text


# ---------------------------------------------------------------------------------------------- the typed text


@given(
    text=st.text(), reference=st.sampled_from(["", "@file:a.py", "@a.py", '@file:"b c.txt":1-2', "@folder:.", "@gone"])
)
async def test_the_users_text_is_a_prefix_of_the_expanded_message(text, reference):
    import tempfile
    from pathlib import Path

    from hermes_context.expander import Expander

    from hermes_host.context import PluginContext, SessionContext

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.py").write_text("x = 1\n", encoding="utf-8")
        (Path(folder) / "b c.txt").write_text("1\n2\n3\n", encoding="utf-8")
        expander = Expander(PluginContext("context", home=Path(folder) / "home"))
        message = user_message(f"{text} {reference}")
        expanded = await expander.expand(message, SessionContext("s", directory=folder))
        assert expanded.text.startswith(f"{text} {reference}")
        assert expanded.parts[: len(message.parts)] == message.parts


async def test_white_space_and_code_around_a_reference_stay_as_typed(talk, model, project):
    (project / "a.py").write_text("x = 1\n", encoding="utf-8")
    typed = f"Look at @file:a.py :\n\n```python\n{CODE}```\n\n   and\tsay   why\n"
    model.steps.append("ok")
    await talk.say(typed)
    sent = model.requests[0].messages[0]
    assert sent.parts[0] == Text(text=typed)
    assert sent.text.startswith(typed)
    assert "x = 1" in sent.text


async def test_a_message_without_references_is_the_same_object(talk):
    for text in ("hello", "mail me@example.org", "@nobody there", ""):
        message = user_message(text)
        await talk.expand("first")
        assert await talk.expand(message) is message


async def test_other_parts_of_a_message_stay_in_front(talk, project):
    (project / "a.py").write_text("x = 1\n", encoding="utf-8")
    image = Media(kind="image", mime="image/png", data=b"x")
    expanded = await talk.expand(user_message("one ", image, "two @a.py"))
    assert expanded.parts[:3] == (Text(text="one "), image, Text(text="two @a.py"))
    assert "x = 1" in expanded.text


async def test_words_from_outside_expand_nothing(talk, project):
    (project / "a.py").write_text("x = 1\n", encoding="utf-8")
    message = user_message("@file:a.py", provenance="external")
    assert await talk.expand(message) is message


async def test_a_message_that_is_sent_again_is_not_expanded_again(talk, model, project):
    (project / "a.py").write_text("# see @b.py\n", encoding="utf-8")
    (project / "b.py").write_text("BANANA\n", encoding="utf-8")
    model.steps += ["one", "two"]
    await talk.say("@a.py")
    taken = talk.session.undo()
    assert await talk.expand(taken) is taken
    assert "BANANA" not in taken.text


async def test_a_turn_tells_the_user_what_was_not_attached(talk, model, project):
    model.steps.append("ok")
    events = await events_of(talk.session.run("look at @file:gone.txt"))
    [notice] = [event.text for event in events if isinstance(event, Notice)]
    assert notice.startswith("@file:gone.txt: There is no such file")
    assert NOTICES not in talk.session.messages[0].meta
