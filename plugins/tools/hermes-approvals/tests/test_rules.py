"""Rules at the gate: what they allow, ask about and deny, for whom and where."""

from __future__ import annotations

import datetime

import pytest

ALLOW = "rules:\n  ship: {verdict: allow, command: deploy prod}\n"


async def test_without_rules_what_is_unknown_is_asked_about(desk):
    answer = await desk.command("deploy prod", "once")
    assert len(answer.approver.requests) == 1
    assert "ran: prod" in answer.text


async def test_a_rule_answers_in_a_persons_place(make_desk):
    desk = await make_desk(ALLOW)
    answer = await desk.command("deploy prod")
    assert answer.approver.requests == []
    assert "ran: prod" in answer.text


@pytest.mark.parametrize(
    "text",
    [
        "cd sub && deploy prod",
        "deploy prod 2>&1 | tail -1",
        "echo begin; deploy prod; echo end",
        "if true; then deploy prod; fi",
    ],
)
async def test_harmless_company_does_not_void_a_rule(make_desk, text):
    desk = await make_desk(ALLOW)
    (desk.work / "sub").mkdir()
    answer = await desk.command(text)
    assert answer.approver.requests == []
    assert "ran: prod" in answer.text


@pytest.mark.parametrize(
    "text",
    [
        "deploy prod; other",
        "deploy prod now",
        "deploy 'prod '",
        "deploy $X",
        "deploy prod > log",
        "X=1 deploy prod",
        "deploy prod $(other)",
        "echo x | deploy prod",
        "cd link && deploy prod",
        "deploy() { other; }; deploy prod",
        "env deploy prod",
    ],
)
async def test_a_rule_covers_no_more_than_it_says(make_desk, text):
    desk = await make_desk(ALLOW)
    outside = desk.work.parent / "outside"
    outside.mkdir()
    (desk.work / "link").symlink_to(outside)
    answer = await desk.command(text)
    assert len(answer.approver.requests) == 1
    assert not answer.text.startswith("/")


async def test_a_link_in_the_harmless_part_is_followed(make_desk):
    desk = await make_desk(ALLOW)
    (desk.work / "link").symlink_to("/opt")
    answer = await desk.command("deploy prod && cp a link/b")
    assert len(answer.approver.requests) == 1


async def test_an_allow_rule_names_the_surface_where_nobody_can_be_asked(make_desk):
    desk = await make_desk(ALLOW)
    assert (await desk.command("deploy prod", attended=False, source="cron")).denied
    desk.file.write_text(
        "rules:\n  ship: {verdict: allow, command: deploy prod, surfaces: [api, cron]}\n", encoding="utf-8"
    )
    assert not (await desk.command("deploy prod", attended=False, source="cron")).denied
    assert (await desk.command("deploy prod", attended=False, source="batch")).denied


async def test_words_from_outside_need_a_rule_that_says_so(make_desk):
    desk = await make_desk(ALLOW)
    assert len((await desk.command("deploy prod", origin="external")).approver.requests) == 1
    assert len((await desk.command("deploy prod", origin="member")).approver.requests) == 1
    desk.file.write_text(ALLOW.replace("prod}", "prod, origin: any}"), encoding="utf-8")
    assert (await desk.command("deploy prod", origin="external")).approver.requests == []


async def test_deny_beats_ask_and_ask_beats_allow(make_desk):
    desk = await make_desk(
        "rules:\n"
        "  all: {verdict: allow, command: deploy ...}\n"
        "  careful: {verdict: ask, command: deploy prod, note: on Fridays}\n"
        "  never: {verdict: deny, command: deploy --force}\n"
    )
    assert (await desk.command("deploy test")).approver.requests == []
    assert "'careful' wants it to be asked about (on Fridays)" in (await desk.command("deploy prod")).reasons[0]
    denied = await desk.command("deploy prod --force", "once", yolo=True)
    assert denied.approver.requests == []
    assert "The rule 'never' forbids it" in denied.text


@pytest.mark.parametrize(
    "text", ["env X=1 deploy -v --force prod", "sh -c 'deploy --force'", "echo x | xargs deploy --force"]
)
async def test_a_denial_sees_through_wrappers_and_order(make_desk, text):
    desk = await make_desk("rules:\n  never: {verdict: deny, command: deploy --force}\n")
    assert "'never' forbids it" in (await desk.command(text, "once")).text


async def test_what_may_complete_a_denied_command_is_asked_about_each_time_it_is_known_only_then(make_desk):
    desk = await make_desk("rules:\n  never: {verdict: deny, command: echo secret}\n")
    answer = await desk.command("echo $WORD")
    assert "may forbid this" in answer.reasons[0]
    assert (await desk.command("echo plain")).approver.requests == []


async def test_paths_are_judged_where_links_lead(make_desk):
    desk = await make_desk("rules:\n  taxes: {verdict: deny, path: ~/taxes}\n  out: {verdict: allow, path: ~/out/**}\n")
    taxes, out = desk.work.parent / "taxes", desk.work.parent / "out"
    taxes.mkdir()
    out.mkdir()
    (desk.work / "innocent").symlink_to(taxes)
    (taxes / "2026.txt").write_text("x", encoding="utf-8")
    for path in ("~/taxes/2026.txt", "~/TAXES/2026.txt", "~/taxes/../taxes//2026.txt", "innocent/2026.txt"):
        assert "'taxes' forbids it" in (await desk.call("read_file", {"path": path})).text, path
    for command in (
        "cat ~/taxes/2026.txt",
        "cat innocent/2026.txt",
        "cd ~/taxes && cat 2026.txt",
        "cp x --target=innocent/",
    ):
        assert "'taxes' forbids it" in (await desk.command(command)).text, command
    written = await desk.call("write_file", {"path": "~/out/a/b.txt", "content": "x"})
    assert written.approver.requests == []
    (out / "a" / "away").symlink_to("/opt")
    assert (await desk.call("write_file", {"path": "~/out/a/away/x", "content": "x"})).approver.requests


async def test_searching_above_a_denied_place_is_asked_about(make_desk):
    desk = await make_desk("rules:\n  taxes: {verdict: deny, path: taxes/**}\n")
    (desk.work / "taxes").mkdir()
    (desk.work / "src").mkdir()
    assert "may forbid this" in (await desk.call("search_files", {"pattern": "x"})).reasons[0]
    assert (await desk.call("search_files", {"pattern": "x", "path": "src"})).approver.requests == []
    assert "forbids it" in (await desk.call("search_files", {"pattern": "x", "path": "taxes"})).text


async def test_a_rule_about_files_does_not_send_them(make_desk):
    desk = await make_desk("rules:\n  out: {verdict: allow, path: out/**}\n")

    @desk.host.tool(effects=("send",))
    async def send_file(path: str, to: str) -> str:
        """Send."""
        return "sent"

    assert (await desk.call("send_file", {"path": "out/a", "to": "x"})).denied
    desk.file.write_text("rules:\n  out: {verdict: allow, tool: send_file, path: out/**}\n", encoding="utf-8")
    assert (await desk.call("send_file", {"path": "out/a", "to": "x"})).text == "sent"


async def test_every_file_of_a_patch_must_be_covered(make_desk):
    desk = await make_desk("rules:\n  out: {verdict: allow, path: ~/out/**}\n")
    text = "*** Begin Patch\n*** Add File: ~/out/a\n+x\n*** Add File: ~/other/b\n+x\n*** End Patch\n"
    assert (await desk.call("patch", {"mode": "patch", "patch": text})).approver.requests
    alone = text.replace("~/other/b", "~/out/b")
    assert (await desk.call("patch", {"mode": "patch", "patch": alone})).approver.requests == []


async def test_other_tools_are_matched_by_name_and_arguments(make_desk):
    desk = await make_desk("rules:\n  team: {verdict: allow, tool: 'send_*', arguments: {to: '#team-*', count: 1}}\n")

    @desk.host.tool(effects=("send",))
    async def send_message(to: str, count: int = 1) -> str:
        """Send."""
        return f"sent to {to}"

    assert (await desk.call("send_message", {"to": "#team-a", "count": 1})).text == "sent to #team-a"
    assert (await desk.call("send_message", {"to": "#team-a"})).denied
    assert (await desk.call("send_message", {"to": "#all", "count": 1})).denied


async def test_a_rule_ends(make_desk):
    today = datetime.date.today()
    desk = await make_desk(ALLOW.replace("prod}", f"prod, expires: {today}}}"))
    assert (await desk.command("deploy prod")).approver.requests == []
    desk.file.write_text(ALLOW.replace("prod}", f"prod, expires: {today - datetime.timedelta(1)}}}"), encoding="utf-8")
    assert len((await desk.command("deploy prod")).approver.requests) == 1


async def test_a_rule_holds_for_its_session_and_terminal(make_desk):
    desk = await make_desk(ALLOW.replace("prod}", "prod, terminal: docker}"))
    assert len((await desk.command("deploy prod")).approver.requests) == 1
    desk.file.write_text(ALLOW.replace("prod}", "prod, terminal: local}"), encoding="utf-8")
    assert (await desk.command("deploy prod")).approver.requests == []
    assert desk.session is not None
    desk.file.write_text(ALLOW.replace("prod}", f"prod, session: {desk.session.id}}}"), encoding="utf-8")
    approver = await desk.start()
    assert len((await desk.again("terminal", {"command": "deploy prod"}, approver)).approver.requests) == 1
    desk.file.write_text(ALLOW.replace("prod}", f"prod, session: {desk.session.id}}}"), encoding="utf-8")
    assert "ran: prod" in (await desk.again("terminal", {"command": "deploy prod"}, approver)).text


async def test_mode_off_runs_what_is_asked_and_not_what_a_person_must_see(make_desk):
    desk = await make_desk(**{"approvals.mode": "off"})
    assert "ran: prod" in (await desk.command("deploy prod")).text
    answer = await desk.command("deploy 'unclosed")
    assert "A person has to look at this each time" in answer.text


async def test_a_long_text_for_a_file_is_written_where_nobody_is_asked(make_desk):
    desk = await make_desk()
    long = "a line of text\n" * 2_000
    await desk.call("write_file", {"path": str(desk.work / "long.txt"), "content": long}, yolo=True)
    assert (desk.work / "long.txt").read_text(encoding="utf-8") == long


async def test_a_person_is_asked_in_the_leaders_place_and_rules_of_its_surface_count(make_desk):
    desk = await make_desk(ALLOW.replace("prod}", "prod, surfaces: cron}"))
    leader = await desk.host.start(source="cron", directory=str(desk.work))
    answer = await desk.command("deploy prod", attended=False, source="subagent", behind=leader.id)
    assert "ran: prod" in answer.text
    await leader.close()
