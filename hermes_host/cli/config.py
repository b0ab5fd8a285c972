"""`hermes config`: see, check and change settings and secrets."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import count, json_option, print_json, print_table
from hermes_host.errors import ConfigError, NotFound
from hermes_host.visible import exact, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.config import Problem
    from hermes_host.config.editing import Draft
    from hermes_host.host import Host

__all__ = ["config"]

FAILED = 1


@click.group(invoke_without_command=True, epilog="Example: hermes config set model.default some-model")
@click.pass_context
def config(ctx: click.Context) -> None:
    """Show and change settings. Secrets go to .env, everything else to config.yaml."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(show, section="", everything=False, origins=False, as_json=False)


# ------------------------------------------------------------------------------------------------------------ look


@config.command(epilog="Example: hermes config show terminal --origins")
@click.argument("section", default="")
@click.option("--all", "everything", is_flag=True, help="Also settings that have their default.")
@click.option("--origins", is_flag=True, help="Name the file and line, or the variable, of each value.")
@json_option
@pass_host
def show(host: Host, section: str, everything: bool, origins: bool, as_json: bool) -> None:
    """Show the settings that differ from the defaults and the secrets that are set (masked), or all of one SECTION."""
    from hermes_host.config.listing import secrets_set, settings

    _declare_plugins(host)
    rows = list(settings(host.config, section))
    if not (section or everything):
        rows = [row for row in rows if row.origin != "default"]
    if not section:
        rows += secrets_set(host.config)
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo(f"Every setting has its default; {host.config.file} sets nothing. All of them: --all")
    else:
        shown = [
            (row.path, _text(row.value), (origins and row.where) or row.origin, " ".join(row.environment))
            for row in rows
        ]
        print_table(("setting", "value", "origin", "variable"), shown)
    _mention_problems(host)


@config.command(epilog="Example: hermes config get agent.max_turns")
@click.argument("key")
@json_option
@pass_host
def get(host: Host, key: str, as_json: bool) -> None:
    """Print one setting in force. Of a secret it only says whether it is set."""
    from hermes_host.config.assignment import is_secret_key, resolve_key
    from hermes_host.config.listing import masked
    from hermes_host.config.paths import split_path

    _declare_plugins(host)
    key = resolve_key(host.config, key)
    if is_secret_key(host.config, key) and "." not in key:
        origin = host.secrets.origin(key)
        value: Any = "***" if origin else ""
        if not origin and not as_json:
            raise NotFound(f"{key} is not set.", remedy=f"Set it: hermes config set {key} -")
    else:
        value, origin = masked(split_path(key), host.config.get(key)), host.config.origin(key)
    if as_json:
        print_json({"path": key, "value": value, "origin": origin})
    else:
        click.echo(_text(value))


@config.command(epilog="Example: hermes config check --json")
@json_option
@pass_host
@click.pass_context
def check(ctx: click.Context, host: Host, as_json: bool) -> None:
    """Report everything that is wrong with the settings, all at once. Exits with 1 when something is an error."""
    _declare_plugins(host)
    problems = list(host.config.problems)
    unclaimed = list(host.config.unclaimed)
    older_names = [change.summary for change in host.config.older_names]
    if as_json:
        print_json({"problems": problems, "unclaimed": unclaimed, "migrations": older_names})
    else:
        _print_problems(problems)
        if unclaimed:
            click.echo("Settings of Hermes Agent without an effect here:")
            for each in unclaimed:
                click.echo(f"  {each.path}: {each.message}")
        if older_names:
            click.echo(f"`hermes config migrate` would {'; '.join(older_names)}.")
        if not problems:
            click.echo(f"No problems found in {host.config.file}.")
    if any(problem.level == "error" for problem in problems):
        ctx.exit(FAILED)


@config.command(epilog="Example: hermes config schema --json > schema.json")
@json_option
@pass_host
def schema(host: Host, as_json: bool) -> None:
    """List every setting there is, with type and default; with --json as a JSON schema."""
    _declare_plugins(host)
    if as_json:
        from hermes_host.config.schema import json_schema

        print_json(json_schema(host.config))
        return
    from hermes_host.config.listing import known_settings

    rows = [
        (row.path, row.expected, _text(row.default), " ".join(row.environment), row.description)
        for row in known_settings(host.config)
    ]
    print_table(("setting", "type", "default", "variable", "what it is for"), rows)


@config.command(epilog="Example: less $(hermes config path)")
@pass_host
def path(host: Host) -> None:
    """Print where config.yaml is (it need not exist)."""
    click.echo(host.config.file)


@config.command("env-path", epilog="Example: ls -l $(hermes config env-path)")
@pass_host
def env_path(host: Host) -> None:
    """Print where the file with the secrets is (it need not exist)."""
    click.echo(host.secrets.file)


# ---------------------------------------------------------------------------------------------------------- change


@config.command("set", epilog="Example: hermes config set agent.max_turns 40")
@click.argument("key")
@click.argument("value", required=False)
@click.option("--force", is_flag=True, help="Also where no such setting is known.")
@pass_host
def set_value(host: Host, key: str, value: str | None, force: bool) -> None:
    """Set one setting or secret; every other line of the file stays as it is.

    With - as the VALUE it is read from standard input, and without one you are asked for it: a secret given in the
    command itself can be seen by other users in the list of processes, and stays in the shell's history. So better:

    \b
      hermes config set EXAMPLE_API_KEY -     < key.txt
      hermes config set EXAMPLE_API_KEY

    Secrets (names that end in _API_KEY, _TOKEN, _SECRET or _PASSWORD, and those plugins declare) go to .env.
    Values are read as YAML: true, 12, [a, b]. A value that begins with - comes after --.
    """
    from hermes_host.config.assignment import assign, is_secret_key, resolve_key

    _declare_plugins(host)
    key = resolve_key(host.config, key)
    secret = is_secret_key(host.config, key)
    typed = value not in (None, "-")
    done = assign(host.config, key, _value_for(key, value, secret), force=force)
    host.secrets.reload()
    if done.file == ".env":
        where = f" {done.referrer} refers to it." if done.referrer else ""
        click.echo(f"Stored {done.name} in {host.secrets.file}.{where}")
        if typed and secret and sys.stdin.isatty():
            click.echo("It may be in your shell's history now; next time leave the value out.", err=True)
        return
    click.echo(f"Set {done.name} in {host.config.file}.")
    _mention_override(host, done.name)


@config.command(epilog="Example: hermes config unset agent.max_turns")
@click.argument("key")
@pass_host
def unset(host: Host, key: str) -> None:
    """Take one setting out of config.yaml, or one secret out of .env."""
    from hermes_host.config.assignment import resolve_key

    _declare_plugins(host)
    key = resolve_key(host.config, key)
    if key in host.config.secrets.variables:
        host.config.secrets.unset(key)
        host.secrets.reload()
        click.echo(f"Removed {key} from {host.secrets.file}.")
        return
    host.config.unset(key)
    click.echo(f"Removed {key} from {host.config.file}.")
    _mention_override(host, key)


@config.command(epilog="Example: EDITOR=vim hermes config edit")
@pass_host
def edit(host: Host) -> None:
    """Open config.yaml in $VISUAL or $EDITOR, and check it before it takes effect."""
    from hermes_host.config.editing import Draft

    _declare_plugins(host)
    draft = Draft(host.config)
    while True:
        _run_editor(draft)
        problems = draft.problems()
        _print_problems(problems)
        errors = [problem for problem in problems if problem.level == "error"]
        if not errors:
            break
        if not _interactive() or not click.confirm("Edit again?", default=True):
            raise ConfigError(f"{host.config.file} is unchanged.", remedy=f"What you wrote is kept in {draft.file}.")
    click.echo(f"Saved {host.config.file}." if draft.save() else "Nothing was changed.")


@config.command(epilog="Example: hermes config migrate --dry-run")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@pass_host
def migrate(host: Host, dry_run: bool) -> None:
    """Bring config.yaml up to date: older names are renamed, nothing is lost, a backup is kept."""
    from hermes_host.config.editing import migrate as carry_out

    done = carry_out(host.config, dry_run=dry_run)
    if not done.summaries:
        click.echo(f"{host.config.file} is up to date.")
        return
    click.echo(done.diff, nl=False)
    click.echo(f"{'Would' if dry_run else 'Done:'} {'; '.join(done.summaries)}.")
    if done.backup:
        click.echo(f"The old file is kept in {done.backup}.")


@config.command(epilog="Example: hermes config trust . --yes")
@click.argument("project", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_host
def trust(host: Host, project: Path, yes: bool) -> None:
    """Let the settings in PROJECT/.hermes/config.yaml count, as they stand now; a changed file is asked about again."""
    from hermes_host.config import trust as trusted

    _declare_plugins(host)
    file = trusted.read_project(project)
    if file is None:
        raise NotFound(f"There is no {project / '.hermes' / 'config.yaml'}.", remedy="There is nothing to trust.")
    wanted, refused = host.config.preview(file)
    _print_problems(refused)
    if any(problem.level == "error" for problem in refused):
        raise ConfigError(f"{file.path} cannot be used.", remedy="Nothing was trusted.")
    for setting, value in wanted:
        click.echo(f"  {exact(setting)} = {exact(_text(value))}")
    if not wanted:
        raise ConfigError(f"{file.path} sets nothing that a project may set.", remedy="Nothing was trusted.")
    if trusted.is_trusted(host.home, file):
        click.echo(f"{file.path} is trusted already.")
        return
    if not yes:
        if not _interactive():
            raise click.UsageError("Nobody can be asked here; use --yes.")
        if not click.confirm(f"Use these settings whenever you work in {project.resolve()}?", default=False):
            raise ConfigError("Nothing was trusted.")
    trusted.trust(host.home, file)
    click.echo(f"Trusted {file.path}.")


# --------------------------------------------------------------------------------------------------------- pieces


def _declare_plugins(host: Host) -> None:
    """Have all plugins loaded, so that their sections and secrets are known."""
    for record in host.plugins.records:
        if record.info is not None and record.state == "loaded":
            names = [secret.name for secret in record.info.secrets]
            host.secrets.declare(*names)
            host.config.secrets.declare(*names)


def _value_for(key: str, value: str | None, secret: bool) -> str:
    if value == "-":
        return sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if value is not None:
        return value
    if not _interactive():
        raise click.UsageError(f"No value for {key}. Give one, or - to read it from standard input.")
    answer: str = click.prompt(f"Value for {key}", hide_input=secret, err=True)
    return answer


def _run_editor(draft: Draft) -> None:
    try:
        if not (os.environ.get("VISUAL") or os.environ.get("EDITOR") or _interactive()):
            raise click.UsageError("Set $EDITOR to a program that edits files.")
        click.edit(filename=str(draft.file))
    except click.ClickException:
        draft.discard()
        raise


def _mention_problems(host: Host) -> None:
    problems = host.config.problems
    if problems:
        click.echo(f"{count(len(problems), 'problem')}: see `hermes config check`.", err=True)


def _mention_override(host: Host, key: str) -> None:
    origin = host.config.origin(key)
    if origin not in ("default", "file"):
        click.echo(f"But {host.config.where(key)} sets it at present, and wins.", err=True)


def _print_problems(problems: Sequence[Problem]) -> None:
    for problem in problems:
        click.echo(f"{problem.level}: {visible(problem.line())}")


def _interactive() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    import msgspec

    return msgspec.json.encode(value).decode("utf-8") if value is not None else ""
