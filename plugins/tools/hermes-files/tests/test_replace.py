from __future__ import annotations

import pytest

from hermes_host.errors import ToolError


async def edit(session, before, old, new, *, read=True, **more):
    """Write `before`, read it, replace, and give the new content with what the model is told."""
    path = session.write("f.py", before)
    if read:
        await session.use("read_file", path="f.py")
    told = await session.text("patch", path="f.py", old_string=old, new_string=new, **more)
    return path.read_bytes().decode(), told


async def refused(session, before, old, new, *, read=True, **more):
    path = session.write("f.py", before)
    if read:
        await session.use("read_file", path="f.py")
    with pytest.raises(ToolError) as caught:
        await session.use("patch", path="f.py", old_string=old, new_string=new, **more)
    assert path.read_bytes() == before.encode()
    return str(caught.value)


async def test_an_exact_text_is_replaced_without_reading_first(session):
    after, told = await edit(session, "a\nb\nc\n", "b", "B", read=False)
    assert after == "a\nB\nc\n"
    assert told == "Replaced 1 place in f.py (line 2)."


async def test_an_exact_match_wins_over_a_loose_one(session):
    after, _ = await edit(session, "  x = 1\nx = 1\n", "\nx = 1", "\nx = 2")
    assert after == "  x = 1\nx = 2\n"


async def test_several_occurrences_are_an_error_that_names_their_lines(session):
    error = await refused(session, "x\ny\nx\ny\nx\n", "x", "z")
    assert "occurs 3 times in f.py, at lines 1, 3, 5" in error
    assert "replace_all" in error


async def test_overlapping_occurrences_are_ambiguous(session):
    assert "occurs 2 times" in await refused(session, "aaa\n", "aa", "b")


async def test_replace_all_replaces_every_occurrence(session):
    after, told = await edit(session, "x\ny\nx\n", "x", "zz", replace_all=True)
    assert after == "zz\ny\nzz\n"
    assert "2 places" in told


async def test_replace_all_takes_overlapping_places_from_the_left(session):
    assert (await edit(session, "aaaa\n", "aa", "b", replace_all=True))[0] == "bb\n"


async def test_a_miss_shows_the_nearest_place(session):
    before = "def one():\n    return 1\n\n\ndef two():\n    return compute(2)\n"
    error = await refused(session, before, "def two():\n    return calculate(3)\n", "x")
    assert "The nearest place:\n5|def two():\n6|    return compute(2)" in error


async def test_a_repeated_edit_is_recognised(session):
    error = await refused(session, "a\nthe new text\n", "the old text", "the new text")
    assert "new_string is there already, at line 2" in error


@pytest.mark.parametrize(("old", "new", "reason"), [("", "x", "empty"), ("a", "a", "the same")])
async def test_senseless_arguments_are_refused(session, old, new, reason):
    assert reason in await refused(session, "a\n", old, new)


async def test_missing_arguments_are_named(session):
    with pytest.raises(ToolError, match="missing: old_string, new_string"):
        await session.use("patch", path="f.py")


async def test_trailing_white_space_may_differ(session):
    after, told = await edit(session, "a  \nb\t\nc\n", "a\nb\n", "a\nB\n")
    assert after == "a  \nB\nc\n"
    assert "by line_trimmed" in told
    assert "+B" in told


async def test_indentation_may_differ_and_the_replacement_is_indented_as_the_file(session):
    before = "class A:\n    def f(self):\n        if x:\n            return 1\n"
    after, told = await edit(
        session,
        before,
        "def f(self):\n    if x:\n        return 2 - 1\n".replace("2 - 1", "1"),
        "def f(self):\n    if y:\n        go()\n        return 1\n",
    )
    assert "exact" not in told or "not found exactly" in told
    assert after == "class A:\n    def f(self):\n        if y:\n            go()\n            return 1\n"


async def test_spaces_become_the_tabs_of_the_file(session):
    before = "def f():\n\tif x:\n\t\treturn 1\n"
    after, told = await edit(
        session,
        before,
        "    if x:\n        return 1\n",
        "    if x:\n        if y:\n            return 2\n        return 1\n",
    )
    assert after == "def f():\n\tif x:\n\t\tif y:\n\t\t\treturn 2\n\t\treturn 1\n"
    assert "indentation_flexible" in told


async def test_indentation_that_differs_from_line_to_line_is_no_indentation_match(session):
    after, told = await edit(session, "a:\n  b:\n      c: 1\n", "a:\nb:\nc: 1\n", "a:\nb:\nc: 2\n")
    assert "indentation_flexible" not in told
    assert after == "a:\n  b:\n      c: 2\n"


async def test_runs_of_white_space_may_differ(session):
    after, told = await edit(session, "x   =  1\ny = 2\n", "x = 1\ny = 2", "x = 1\ny = 3")
    assert after == "x   =  1\ny = 3\n"
    assert "whitespace_normalized" in told


async def test_typographic_characters_may_differ(session):
    before = "He said \u201cyes\u201d \u2013 and left\u00a0us\nnext\n"
    after, told = await edit(session, before, 'He said "yes" - and left us\nnext', 'He said "yes" - and left us\nlast')
    assert after == before.replace("next", "last")
    assert "punctuation_normalized" in told


async def test_needless_escapes_are_undone(session):
    after, told = await edit(session, 'print("a")\nx = 1\n', 'print(\\"a\\")\\nx = 1', 'print(\\"b\\")\\nx = 2')
    assert after == 'print("b")\nx = 2\n'
    assert "escape_normalized" in told


async def test_blank_lines_around_may_be_too_many(session):
    after, told = await edit(session, "a\nb\nc\n", "\n\nb\n\n", "\n\nB\n\n")
    assert after == "a\nB\nc\n"
    assert "trimmed_boundary" in told


async def test_line_numbers_copied_from_read_file_are_removed(session):
    after, told = await edit(session, "a\nb\nc\n", "2|b\n3|c", "2|B\n3|c")
    assert after == "a\nB\nc\n"
    assert "line_numbers_removed" in told


async def test_a_block_is_found_by_its_first_and_last_line(session):
    before = "def f():\n    first = compute(alpha)\n    second = 2\n    return first\n"
    old = "def f():\n    first = compute(alpha, beta)\n    second = 2\n    return first\n"
    new = "def f():\n    first = compute(gamma)\n    second = 2\n    return first\n"
    after, told = await edit(session, before, old, new)
    assert after == before.replace("alpha", "gamma")
    assert "block_anchor" in told


async def test_context_may_be_wrong_but_not_the_lines_to_be_changed(session):
    before = "one\ntwo\nthree\nfour\nfive\n"
    after, told = await edit(session, before, "ONE!\ntwo\nthree\nfour", "ONE!\ntwo\n3\nfour")
    assert after == "one\ntwo\n3\nfour\nfive\n"
    assert "context_aware" in told
    error = await refused(session, before, "one\ntwo\nTHREE WHICH IS QUITE ANOTHER\nfour\n", "one\ntwo\n3\nfour\n")
    assert "does not occur" in error


async def test_loose_matches_must_be_unique(session):
    error = await refused(session, "  a\n  b\n\n    a\n    b\n", "a\nb\n", "c\nb\n")
    assert "occurs 2 times" in error
    assert "at lines 1, 4" in error
    assert "indentation_flexible" in error


async def test_a_loose_match_in_a_file_that_was_never_read_is_refused(session):
    error = await refused(session, "a  \nb\n", "a\nb\n", "c\n", read=False)
    assert "Read it first" in error


async def test_replace_all_works_with_loose_matches_but_not_the_loosest(session):
    after, _ = await edit(session, "a  b\nx\na   b\n", "a b", "c", replace_all=True)
    assert after == "c\nx\nc\n"
    error = await refused(
        session, "ZERO\ntwo\nthree\nfour\n", "one\ntwo\nthree\nfour", "one\ntwo\n3\nfour", replace_all=True
    )
    assert "does not occur" in error


async def test_deleting_lines_loosely_takes_them_whole(session):
    after, _ = await edit(session, "a\n  b  \nc\n", "b\n", "")
    assert after == "a\nc\n"


async def test_a_patched_file_is_checked_for_syntax(session):
    after, told = await edit(session, "x = 1\n", "x = 1", "x = (1")
    assert after == "x = (1\n"
    assert "Warning: the file now has a syntax error, line 1" in told


async def test_a_loose_match_in_a_crlf_file_keeps_its_endings(session):
    after, _ = await edit(session, "if a:\r\n    b()\r\n    c()\r\n", "b()\nc()", "b()\nd()\nc()")
    assert after == "if a:\r\n    b()\r\n    d()\r\n    c()\r\n"
