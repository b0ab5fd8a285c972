"""`hermes approvals`: rules, remembered approvals, and trying out what would happen."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click
import msgspec

from hermes_approvals.log_command import log
from hermes_approvals.rulefile import RuleFile
from hermes_approvals.rules import Rule, RuleVerdict, from_now
from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import count, json_option, moment, print_json, print_table
from hermes_host.errors import ConfigError, HermesError, NotFound

if TYPE_CHECKING:
    from hermes_approvals.patterns import CommandPattern
    from hermes_host.host import Host

__all__ = ["approvals", "described"]

_SHORT = 12
_RUNS_OTHERS = frozenset(
    (  # noqa: SIM905 - a list in one breath
        "sh bash dash zsh fish env sudo doas su xargs find ssh docker podman kubectl python python3 node perl ruby php "
        "eval exec nohup timeout nice watch parallel make npx uvx awk tar git"
    ).split()
)


@click.group(invoke_without_command=True, epilog="Example: hermes approvals list")
@click.pass_context
def approvals(ctx: click.Context) -> None:
    """Keep rules about what an agent may do, try them out, and read the log of all decisions."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_command, as_json=False)


approvals.add_command(log)


@approvals.command("list", epilog="Example: hermes approvals list --json")
@json_option
@pass_host
def list_command(host: Host, as_json: bool) -> None:
    """List the rules of approvals.yaml, and what was allowed with `always`."""
    file = RuleFile(host.home)
    rules, remembered = file.rules(), host.rules.list()
    if as_json:
        print_json({"rules": rules.rules, "problems": rules.problems, "remembered": remembered})
        return
    for problem in rules.problems:
        click.echo(f"hermes: {file.file} is broken, so nothing is allowed by it: {problem}", err=True)
    if rules.rules:
        now = datetime.now().astimezone()
        rows = [(rule.name, rule.verdict, rule.tool, *described(rule, now)) for rule in rules.rules]
        print_table(("rule", "verdict", "tool", "pattern", "only"), rows)
    if remembered:
        click.echo("\nAllowed with `always`, for exactly these actions:" if rules.rules else "Allowed with `always`:")
        print_table(
            ("id", "since", "tool", "action"),
            [(each.key[:_SHORT], moment(each.added), each.tool, each.shown) for each in remembered],
        )
    if not rules.rules and not remembered:
        click.echo("There are no rules: every action that needs consent is asked about. See `hermes approvals add`.")


def described(rule: Rule, now: datetime) -> tuple[str, str]:
    """What a rule looks at, and under which conditions, for a table."""
    patterns = [*rule.command, *rule.path, *(f"{name}={glob}" for name, glob in rule.arguments.items())]
    only = [*rule.surfaces, *rule.terminal]
    if rule.session:
        only.append(f"session {rule.session}")
    if rule.origin == "any":
        only.append("any origin")
    if rule.expires:
        only.append("EXPIRED" if rule.expired(now) else f"until {rule.expires}")
    return " | ".join(patterns) or "every call", ", ".join([*only, *([f"({rule.note})"] if rule.note else [])])


@approvals.command(
    epilog="\b\nExamples:\n"
    '  hermes approvals add allow --command "git push origin main"\n'
    '  hermes approvals add allow --command "gh pr list *" --surface cron --expires 30d\n'
    '  hermes approvals add deny --path "~/taxes/**"\n'
    "  hermes approvals add ask --tool 'send_*' --argument to='*@example.org'"
)
@click.argument("verdict", type=click.Choice(["allow", "ask", "deny"]))
@click.option(
    "--command", multiple=True, metavar="PATTERN", help="One program with its arguments; `*`, `...` at the end."
)
@click.option("--path", multiple=True, metavar="GLOB", help="Resolved paths; `**` goes through folders.")
@click.option("--argument", multiple=True, metavar="NAME=GLOB", help="Another argument of the tool.")
@click.option("--tool", default="", help="A tool's name or a glob; `terminal` where there is --command.")
@click.option("--surface", "surfaces", multiple=True, help="cli, cron, api, batch, a chat platform, or any.")
@click.option("--terminal", multiple=True, help="A terminal backend.")
@click.option("--session", default="", help="The id of the one session it holds for.")
@click.option(
    "--origin", type=click.Choice(["owner", "any"]), default="owner", help="any: also for words from outside."
)
@click.option("--expires", default="", metavar="WHEN", help="30m, 2h, 7d, or a date such as 2027-01-31.")
@click.option("--note", default="", help="Why, for you.")
@click.option("--name", default="", help="What to call it; by default made from the pattern.")
@json_option
@pass_host
def add(host: Host, /, verdict: RuleVerdict, name: str, argument: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Add a rule to approvals.yaml. An allow rule without --surface holds only where a person could be asked."""
    fields: dict[str, Any] = {"verdict": verdict}
    for key, value in given.items():
        if value:
            fields[key] = (value[0] if len(value) == 1 else list(value)) if isinstance(value, tuple) else value
    if fields["origin"] == "owner":
        del fields["origin"]
    if argument:
        fields["arguments"] = dict(_pair(text) for text in argument)
    if fields.get("expires"):
        try:
            fields["expires"] = from_now(fields["expires"], datetime.now().astimezone())
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--expires") from None
    if not (fields.get("tool") or fields.get("command") or fields.get("path") or argument):
        raise click.UsageError("Say what the rule is about: --command, --path, --tool or --argument.")
    file = RuleFile(host.home)
    pattern = next((str(value[0]) for value in (given["command"], given["path"]) if value), fields.get("tool", "rule"))
    rule = file.add(name or file.free_name(pattern), fields)
    if as_json:
        print_json(rule)
        return
    click.echo(f"Added the rule {rule.name!r} to {file.file}.")
    if verdict == "allow" and (warning := _broad(rule.patterns())):
        click.echo(f"hermes: {warning}", err=True)


def _pair(text: str) -> tuple[str, str]:
    name, equals, glob = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r} is not NAME=GLOB.", param_hint="--argument")
    return name, glob


def _broad(patterns: list[CommandPattern]) -> str:
    for pattern in patterns:
        if pattern.rest == "..." and pattern.program in _RUNS_OTHERS:
            return (
                f"{pattern.text!r} allows whatever {pattern.program} can be made to run; name the arguments if you can."
            )
    return ""


@approvals.command(epilog="Example: hermes approvals remove git-push-origin-main")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@pass_host
def remove(host: Host, names: tuple[str, ...]) -> None:
    """Take rules out of approvals.yaml."""
    file = RuleFile(host.home)
    for name in names:
        file.remove(name)
    click.echo(f"Removed {count(len(names), 'rule')}.")


@approvals.command(epilog="\b\nExamples:\n  hermes approvals revoke 3f9c2a\n  hermes approvals revoke --all")
@click.argument("ids", nargs=-1, metavar="ID...")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@pass_host
def revoke(host: Host, ids: tuple[str, ...], everything: bool) -> None:
    """Forget what was allowed with `always`, by id or its beginning."""
    if bool(ids) == everything:
        raise click.UsageError("Give the ids, or --all.")
    keys = [rule.key for rule in host.rules.list()]
    chosen = keys if everything else [_one(keys, prefix) for prefix in ids]
    for key in chosen:
        host.rules.remove(key)
    click.echo(f"Revoked {count(len(set(chosen)), 'approval')}.")


def _one(keys: list[str], prefix: str) -> str:
    found = [key for key in keys if key.startswith(prefix)]
    if len(found) == 1:
        return found[0]
    what = "There is no remembered approval" if not found else "There are several remembered approvals"
    raise NotFound(f"{what} {prefix!r}.", remedy="`hermes approvals list` shows them.")


@approvals.command(
    epilog="\b\nExamples:\n"
    '  hermes approvals test "git push; rm -rf ~"\n'
    '  hermes approvals test --surface cron --json "git push origin main"\n'
    '  hermes approvals test --tool write_file --arguments \'{"path": "~/.bashrc", "content": ""}\''
)
@click.argument("command", required=False, default="")
@click.option("--tool", default="", help="Another tool than the terminal.")
@click.option("--arguments", default="", metavar="JSON", help="Its arguments.")
@click.option("--surface", default="cli", help="Where the session is: cli, cron, api, batch, a chat platform.")
@click.option("--unattended", is_flag=True, help="Nobody can be asked, also on this surface.")
@click.option("--terminal", default="", help="The terminal backend; by default the one that is configured.")
@click.option("--directory", default="", help="Where the session works; by default here.")
@click.option(
    "--origin", type=click.Choice(["owner", "member", "external"]), default="owner", help="Who may stand behind it."
)
@json_option
@pass_host
def test(
    host: Host, /, command: str, tool: str, arguments: str, surface: str, unattended: bool, **options: Any
) -> None:
    """Say what would happen to a shell command or to another tool's call. Nothing is run; `-` reads from the input."""
    from hermes_approvals.rehearsal import UNATTENDED, rehearse

    as_json = options.pop("as_json")
    name, given = _call(sys.stdin.read() if command == "-" else command, tool, arguments)
    attended = not unattended and surface not in UNATTENDED
    outcome = run_async(host, lambda: rehearse(host, name, given, surface=surface, attended=attended, **options))
    if as_json:
        print_json(outcome)
        return
    from hermes_host.visible import exact

    click.echo(f"{outcome.verdict}: {exact(outcome.shown)}")
    for reason in outcome.reasons:
        click.echo(f"  {exact(reason)}")


def _call(command: str, tool: str, arguments: str) -> tuple[str, dict[str, Any]]:
    if not tool:
        if not command or arguments:
            raise click.UsageError("Give a shell command, or --tool and --arguments.")
        return "terminal", {"command": command}
    if command:
        raise click.UsageError("Give a shell command or --tool, not both.")
    try:
        return tool, msgspec.json.decode(arguments or "{}", type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ConfigError(f"--arguments is no JSON object: {error}.", remedy="Put it in single quotes.") from None


def add_exact(file: RuleFile, *, patterns: list[str], surface: str, terminal: str, name: str) -> Rule:
    """A rule for exactly these commands, as `/approvals add` makes it. Raises `HermesError`."""
    fields: dict[str, Any] = {"verdict": "allow", "command": patterns[0] if len(patterns) == 1 else patterns}
    fields |= {"surfaces": surface, **({"terminal": terminal} if terminal else {})}
    try:
        return file.add(name or file.free_name(patterns[0]), fields)
    except ConfigError as error:
        raise HermesError(str(error)) from None
