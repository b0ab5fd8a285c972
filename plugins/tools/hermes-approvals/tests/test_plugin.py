"""What the plugin offers."""

from __future__ import annotations

from hermes_host.services import ApprovalPolicy


async def test_the_plugin_offers_the_policy_commands_and_a_check(desk):
    host = desk.host
    assert host.plugins.record("approvals").problems == []
    assert type(await host.services.get(ApprovalPolicy)).__name__ == "Policy"
    assert host.commands.get("approvals").plugin == "approvals"
    assert "approvals" in host.slash_commands


async def test_doctor_finds_a_broken_file_and_a_changed_log(make_desk):
    from hermes_approvals.checks import sound

    desk = await make_desk("rules: {a: {verdict: deny, command: deploy}}\n")
    await desk.command("ls")
    context = desk.host.context("approvals")
    assert [each.status for each in await sound(context)] == ["ok", "ok"]
    desk.file.write_text("rules: [", encoding="utf-8")
    (desk.home / "logs" / "approvals.jsonl").write_text("x\n", encoding="utf-8")
    assert [each.status for each in await sound(context)] == ["error", "error"]
