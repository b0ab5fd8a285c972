"""Git: what loses work, what runs programs, what reaches others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hermes_terminal.rules.case import Case
from hermes_terminal.rules.program import Program, commands
from hermes_terminal.shell.script import UNKNOWN, Word

if TYPE_CHECKING:
    from hermes_terminal.rules.state import Arguments

__all__ = ["PROGRAMS"]

_LOSES = "It throws away changes that are not committed."
_HISTORY = "It rewrites or deletes history."
_RUNS = "It makes git run another program."
_PUBLISHES = "It publishes commits to another machine."
_REMOTE = "It changes where code comes from or goes to."

_SAFE_SETTINGS = (
    "user.name",
    "user.email",
    "color.",
    "advice.",
    "init.defaultbranch",
    "core.quotepath",
    "core.abbrev",
    "log.",
    "diff.renames",
    "diff.context",
    "diff.algorithm",
    "merge.conflictstyle",
    "commit.gpgsign",
    "tag.gpgsign",
    "pull.rebase",
    "pull.ff",
    "rerere.enabled",
    "column.",
    "status.",
    "grep.",
    "blame.",
    "core.autocrlf",
    "core.safecrlf",
    "push.default",
    "http.version",
)
_GLOBAL_VALUED = "-C -c --git-dir --work-tree --namespace --exec-path --config-env --super-prefix --attr-source"


def _with(reason: str, *options: str) -> dict[str, str]:
    return dict.fromkeys(options, reason)


def _remote_helper(case: Case, arguments: Arguments) -> None:
    for word in arguments.rest:
        if "::" in word.text:
            case.ask(_RUNS)
        elif UNKNOWN in word.text and ("/" in word.text or ":" in word.text):
            case.ask("It asks for an address known only when it runs, which could carry data away.")


def _checkout(case: Case, arguments: Arguments) -> None:
    words = case.arguments
    if (
        any(word.text == "--" for word in words)
        or any(word.text in (".", ":/") or word.text.startswith(("./", "*")) for word in arguments.rest)
        or any(word.text.rpartition(".")[2].isalpha() and "." in word.text for word in arguments.rest)
        or len(arguments.rest) > 1
        and not arguments.given("-b", "--orphan", "-t", "--track")
    ):
        case.ask(_LOSES)


def _restore(case: Case, arguments: Arguments) -> None:
    if not arguments.given("--staged", "-S") or arguments.given("--worktree", "-W"):
        case.ask(_LOSES)


def _clean(case: Case, arguments: Arguments) -> None:
    if not arguments.given("-n", "--dry-run"):
        case.ask("It deletes files git does not know, which cannot be brought back.")


def _config(case: Case, arguments: Arguments) -> None:
    reads = ("--get", "--get-all", "--get-regexp", "--list", "-l", "--get-urlmatch", "--get-color")
    verb = arguments.rest[0].text if arguments.rest else ""
    if arguments.given(*reads) or verb in ("list", "get"):
        return
    key = arguments.rest[0].text.lower() if arguments.rest else ""
    if len(arguments.rest) == 1 and not any(
        option.startswith(("--unset", "--remove", "--rename", "-e", "--edit", "--add", "--replace"))
        for option, _ in arguments.options
    ):
        return
    if key in ("user.name", "user.email") and not arguments.given("--global", "--system", "-f", "--file"):
        return
    case.ask("It changes git's settings, which can name programs to run.")


def _clone(case: Case, arguments: Arguments) -> None:
    _remote_helper(case, arguments)
    case.state.fetched = True
    if len(arguments.rest) > 1:
        case.write(arguments.rest[1], "clones into")
    else:
        case.write(Word("clone"), "clones into")


def _push(case: Case, arguments: Arguments) -> None:
    _remote_helper(case, arguments)
    if arguments.given(
        "--force", "-f", "--force-with-lease", "--force-if-includes", "--mirror", "--delete", "-d", "--prune"
    ) or any(word.text.startswith(("+", ":")) for word in arguments.rest):
        case.ask("It overwrites or deletes what others see on another machine.")


def _branch(case: Case, arguments: Arguments) -> None:
    if arguments.given("-D", "-M", "-C", "-f", "--force"):
        case.ask(_HISTORY)


def _submodule_foreach(case: Case, arguments: Arguments) -> None:
    words = [word for word in case.arguments if word.text not in ("--recursive", "--quiet", "-q")]
    case.ask(_RUNS)
    case.script(Word(" ".join(word.text for word in words)), "`git submodule foreach`")


def _remove(case: Case, arguments: Arguments) -> None:
    if arguments.given("-f", "--force"):
        case.ask(_LOSES)
    if not arguments.given("--cached"):
        for word in arguments.rest:
            case.delete(word, recursive=arguments.given("-r"))


def _move(case: Case, arguments: Arguments) -> None:
    if len(arguments.rest) > 1:
        case.put(arguments.rest[:-1], arguments.rest[-1], "moves files to")


def _worktree_add(case: Case, arguments: Arguments) -> None:
    for word in arguments.rest[:1]:
        case.write(word, "makes a working tree in")


_EXTERNAL = {**_with(_RUNS, "--ext-diff", "--textconv")}
_DIFFS = Program(asks=_EXTERNAL, writes="--output", valued="-U -S -G -O -n -L", variables=True)
_FETCHES = Program(asks=_with(_RUNS, "--upload-pack", "-u"), then=_remote_helper, valued="-o -j --depth")

_COMMANDS = commands(
    "status add commit describe shortlog rev-parse rev-list ls-files ls-tree merge-base name-rev show-ref "
    "for-each-ref var count-objects blame annotate merge revert cherry-pick check-ignore check-attr cherry "
    "verify-commit verify-tag show-branch fsck range-diff version stripspace merge-tree get-tar-commit-id "
    "hash-object mktree write-tree commit-tree apply am column check-ref-format",
    diff=_DIFFS,
    log=_DIFFS,
    show=_DIFFS,
    diff_tree=_DIFFS,
    diff_index=_DIFFS,
    diff_files=_DIFFS,
    whatchanged=_DIFFS,
    format_patch=Program(writes="-o --output-directory", asks=_EXTERNAL),
    cat_file=Program(asks=_with(_RUNS, "--textconv", "--filters")),
    grep=Program(
        asks=_with(_RUNS, "-O", "--open-files-in-pager", "--ext-grep"), valued="-e -A -B -C -f -m", variables=True
    ),
    help=Program(asks=_with(_RUNS, "-w", "-m", "-i", "--web", "--man", "--info")),
    branch=Program(then=_branch, variables=True),
    tag=Program(asks={**_with(_HISTORY, "-d", "--delete", "-f", "--force")}, valued="-m -F -u", variables=True),
    stash=Program(
        commands=commands("list show push pop apply save branch create", drop=_LOSES, clear=_LOSES), variables=True
    ),
    fetch=_FETCHES,
    pull=Program(
        asks={**_with(_RUNS, "--upload-pack"), **_with(_LOSES, "--force", "-f")}, then=_remote_helper, valued="-s -X -o"
    ),
    ls_remote=_FETCHES,
    push=Program(
        always=_PUBLISHES, asks=_with(_RUNS, "--receive-pack", "--exec"), valued="-o --push-option --repo", then=_push
    ),
    checkout=Program(
        asks=_with(_LOSES, "-f", "--force", "-B", "-p", "--ours", "--theirs"), valued="-b --orphan", then=_checkout
    ),
    switch=Program(asks=_with(_LOSES, "-f", "--force", "--discard-changes", "-C", "--force-create"), valued="-c"),
    restore=Program(then=_restore, valued="-s --source"),
    reset=Program(asks=_with(_LOSES, "--hard", "--merge", "--keep"), variables=False),
    clean=Program(then=_clean, valued="-e"),
    rebase=Program(
        asks={**_with(_RUNS, "--exec", "-x"), **_with("It opens an editor.", "-i", "--interactive")}, valued="-s -X"
    ),
    reflog=Program(commands=commands("show exists", expire=_HISTORY, delete=_HISTORY)),
    remote=Program(
        commands=commands(
            "show get-url -v", add=_REMOTE, remove=_REMOTE, rm=_REMOTE, rename=_REMOTE, update="", prune=""
        ),
        other=_REMOTE,
    ),
    config=Program(then=_config, valued="-f --file --type --default --blob"),
    clone=Program(
        asks=_with(_RUNS, "-c", "--config", "-u", "--upload-pack", "--template", "--recurse-submodules", "--recursive"),
        valued="-b --branch --depth -o --origin -j --reference --filter --separate-git-dir",
        then=_clone,
    ),
    init=Program(asks=_with(_RUNS, "--template", "--separate-git-dir"), valued="-b --initial-branch"),
    worktree=Program(
        commands=commands(
            "list", add=Program(valued="-b -B --reason", then=_worktree_add), remove=_LOSES, prune="", move=_LOSES
        )
    ),
    submodule=Program(
        commands=commands("status summary", foreach=Program(then=_submodule_foreach)),
        other="It fetches or changes submodules.",
    ),
    bisect=Program(commands=commands("start good bad skip reset log old new terms", run=_RUNS)),
    rm=Program(then=_remove),
    mv=Program(then=_move),
    archive=Program(asks=_with(_RUNS, "--exec", "--remote"), writes="-o --output", valued="--format --prefix"),
    notes=Program(commands=commands("list show add append")),
    gc=Program(asks=_with(_HISTORY, "--prune", "--aggressive")),
)

_BY_CHANCE = "It is a git command that can run programs or lose history."


def _git(case: Case, arguments: Arguments) -> None:
    words = case.arguments
    directories = case.state.directories
    inner_state = replace(case.state)
    for option, value in arguments.options:
        if option == "-c" and value is not None:
            key = value.text.partition("=")[0].lower()
            if UNKNOWN in key or not key.startswith(_SAFE_SETTINGS):
                case.ask(f"It runs git with the setting {key.replace(UNKNOWN, '…')!r}, which can name programs to run.")
        elif option == "-C":
            inner_state.directories = tuple(
                None if value is None or UNKNOWN in value.text else case.place.join(directory, value.text)
                for directory in directories
            )
    if not arguments.rest:
        return
    if any(path is None or not case.place.contains(path) for path in inner_state.directories):
        case.ask("Git obeys the settings of a repository outside the workspace.")
    name = words[arguments.rest_at]
    if name.text == "reflog" and len(arguments.rest) == 1:
        return
    Program(commands=_COMMANDS, other=_BY_CHANCE).apply(
        Case((Word("git"), *words[arguments.rest_at :]), inner_state, case.judge)
    )
    case.state.fetched |= inner_state.fetched


class _Git(Program):
    def apply(self, case: Case) -> None:
        arguments = case.split(_GLOBAL_VALUED, stop_early=True)
        if arguments.dynamic and arguments.rest and arguments.rest[0].leads_unknown:
            case.ask("The git command is known only when it runs.")
            return
        for option, reason in self.asks.items():
            if arguments.given(option):
                case.ask(reason)
        _git(case, arguments)


PROGRAMS: dict[str, Program] = {
    "git": _Git(
        asks={
            **_with("It points git at another repository.", "--git-dir", "--work-tree", "--namespace"),
            **_with(_RUNS, "--exec-path", "--config-env"),
        }
    ),
    "tig gitk git-gui lazygit": Program(always="It takes over the terminal until somebody leaves it."),
    "gh glab hub": Program(
        commands=commands(
            "status",
            pr=Program(
                commands=commands("list view status diff checks"), other="It changes something on another machine."
            ),
            issue=Program(commands=commands("list view status"), other="It changes something on another machine."),
            repo=Program(commands=commands("view list"), other="It changes something on another machine."),
            run=Program(commands=commands("list view watch"), other="It changes something on another machine."),
            auth=Program(commands=commands("status"), other="It changes or shows credentials."),
        ),
        other="It reaches another machine.",
        variables=False,
    ),
}
