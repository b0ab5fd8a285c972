"""Programs with a language of their own for text and tables: `sed`, `awk` and database clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_terminal.rules.awk import harmless_awk
from hermes_terminal.rules.case import Case
from hermes_terminal.rules.program import Program, Table
from hermes_terminal.rules.sed import harmless_sed
from hermes_terminal.rules.sql import judge_sql
from hermes_terminal.shell.script import UNKNOWN, Word

if TYPE_CHECKING:
    from hermes_terminal.rules.state import Arguments

__all__ = ["PROGRAMS"]


def _sed(case: Case, arguments: Arguments) -> None:
    scripts = arguments.values("-e", "--expression")
    files = list(arguments.rest)
    from_file = arguments.value("-f", "--file")
    if from_file is not None:
        case.run_file(from_file)
    elif not scripts and files:
        scripts.append(files.pop(0))
    for script in scripts:
        if (
            not harmless_sed(script.text.replace(UNKNOWN, "x") if not script.leads_unknown else UNKNOWN)
            or script.leads_unknown
        ):
            case.ask("Its `sed` script may run programs or write files.")
        elif UNKNOWN in script.text:
            case.ask("Its `sed` script is known only when it runs.")
    if any(option.startswith(("-i", "--in-p")) for option, _ in arguments.options):
        if arguments.dynamic and not files:
            case.ask("It changes files known only when it runs.")
        for word in files:
            case.write(word, "changes")


class _Sed(Program):
    """`-i` may have a suffix attached, which no other option follows."""

    def apply(self, case: Case) -> None:
        words = [Word("-i") if word.text.startswith("-i") else word for word in case.words]
        inner = Case(tuple(words), case.state, case.judge)
        _sed(inner, inner.split("-e -f -l --expression --file --line-length"))


def _awk(case: Case, arguments: Arguments) -> None:
    if arguments.given(
        "-i",
        "--include",
        "-l",
        "--load",
        "-E",
        "--exec",
        "-D",
        "--debug",
        "-d",
        "--dump-variables",
        "-o",
        "--pretty-print",
        "-p",
        "--profile",
        "-e",
        "--source",
    ):
        case.ask("It loads code that is not judged or writes files.")
    from_file = arguments.value("-f", "--file")
    if from_file is not None:
        case.run_file(from_file)
        return
    if not arguments.rest:
        return
    program = arguments.rest[0]
    if not program.text or UNKNOWN in program.text:
        case.ask("Its `awk` program is known only when it runs.")
    elif not harmless_awk(program.text):
        case.ask("Its `awk` program may run programs or write files.")


def _sql_client(options: str, valued: str, *, positional: int, single: bool = False) -> Program:
    """`options` bring statements; `positional` is the index of the first argument that is a statement, -1 for none."""
    names = options.split()

    def then(case: Case, arguments: Arguments) -> None:
        statements = arguments.values(*names)
        if positional >= 0:
            statements += arguments.rest[positional:]
        for statement in statements:
            _statement(case, statement)
        if arguments.dynamic:
            case.ask("A variable stands where the database client takes options.")
        if statements or arguments.given("--version", "--help", "-V"):
            return
        stdin = case.state.stdin
        if stdin.kind == "text":
            _statement(case, stdin.word)
        elif stdin.kind != "none":
            case.ask("It gives a database statements that are not judged.")

    asks = dict.fromkeys(
        ("-f", "--file", "-o", "--output", "-L", "--log-file", "-init", "--init"),
        "It runs statements from a file or writes one.",
    )
    return Program(
        valued=f"{options} {valued} -f --file -o --output -L -init --init",
        asks=asks,
        variables=True,
        then=then,
        single=single,
    )


def _statement(case: Case, statement: Word) -> None:
    if UNKNOWN in statement.text:
        case.ask("It gives a database statements known only when they run.")
        return
    reason = judge_sql(statement.text)
    if reason:
        case.ask(reason)


def _redis(case: Case, arguments: Arguments) -> None:
    verb = arguments.rest[0].text.lower() if arguments.rest else ""
    if verb not in (
        "get",
        "mget",
        "keys",
        "scan",
        "info",
        "ping",
        "ttl",
        "type",
        "exists",
        "llen",
        "lrange",
        "hget",
        "hgetall",
        "smembers",
        "dbsize",
        "set",
        "incr",
    ):
        case.ask("It may delete or change what a database keeps.")


PROGRAMS: Table = {
    "sed gsed": _Sed(),
    "awk gawk mawk nawk": Program(
        valued="-F -v -f -i -l -E --file --assign --field-separator --include --load --exec",
        asks={},
        variables=False,
        then=_awk,
    ),
    "psql pgcli": _sql_client(
        "-c --command", "-h -p -U -d -v -F -R -P -T --host --port --username --dbname --set", positional=-1
    ),
    "mysql mariadb mycli": _sql_client(
        "-e --execute", "-h -P -u -D -S --host --port --user --database --socket", positional=-1
    ),
    "sqlite3 duckdb": _sql_client("-c -cmd", "-separator -newline", positional=1, single=True),
    "redis-cli valkey-cli": Program(valued="-h -p -a -n -u", then=_redis),
    "mongosh mongo clickhouse-client sqlcmd cqlsh bq": Program(
        always="It changes or reads a database in a language that is not judged."
    ),
    "dropdb dropuser createdb createuser pg_restore mysqladmin mongorestore mongodump": Program(
        always="It changes a database server."
    ),
    "pg_dump pg_dumpall mysqldump pg_isready": Program(
        writes="-f --file -r --result-file", valued="-h -p -U -d -u", variables=True
    ),
    "m4 dc": Program(always="Its language can run programs."),
    "bc": Program(),
    "envsubst": Program(),
}
