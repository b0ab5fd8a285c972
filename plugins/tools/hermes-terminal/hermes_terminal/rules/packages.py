"""Package managers. What a project declares may be installed; a package by name is for a person to check, since a name
that a model made up can belong to somebody else's package, and installing runs its code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_terminal.rules.program import Program, commands

if TYPE_CHECKING:
    from hermes_terminal.rules.case import Case
    from hermes_terminal.rules.state import Arguments

__all__ = ["PROGRAMS", "pip"]

_ADDS = "It brings in a package by name; a name can belong to somebody else's package."
_REMOVES = "It removes packages."
_ELSEWHERE = "It takes packages from another place than usual or puts them elsewhere."
_SYSTEM = "It installs or removes software of the machine."
_PUBLISHES = "It publishes to others."


def _pip_install(case: Case, arguments: Arguments) -> None:
    for word in arguments.rest:
        if not word.known or not word.text.startswith((".", "/")):
            case.ask(_ADDS)
        else:
            case.run_file(word) if word.text not in (".", "./") and not word.text.startswith(
                ".["
            ) else case.runs_project()
    editable = arguments.value("-e", "--editable")
    if editable is not None and (not editable.text.startswith(".") or not editable.known):
        case.ask(_ADDS)
    listed = arguments.value("-r", "--requirement")
    if listed is not None:
        case.run_file(listed)
    case.runs_project()


_PIP_OPTIONS = dict.fromkeys(
    (
        "--index-url",
        "-i",
        "--extra-index-url",
        "--find-links",
        "-f",
        "--trusted-host",
        "--target",
        "-t",
        "--prefix",
        "--root",
        "--user",
        "--break-system-packages",
        "--proxy",
        "--config-settings",
        "--global-option",
        "--python",
        "--system",
    ),
    _ELSEWHERE,
)
_PIP_INSTALL = Program(
    asks=_PIP_OPTIONS,
    valued="-r --requirement -e --editable -c --constraint -i -f -t --index-url --extra-index-url --find-links",
    then=_pip_install,
)
pip = Program(
    valued="--python --log --proxy",
    asks={"--python": _ELSEWHERE},
    commands=commands(
        "list show freeze check search help debug inspect index -V --version",
        install=_PIP_INSTALL,
        download=_PIP_INSTALL,
        wheel=_PIP_INSTALL,
        uninstall=_REMOVES,
        cache=Program(commands=commands("dir info list"), other="It deletes a cache that all projects share."),
        config=Program(commands=commands("list get debug"), other="It changes pip's settings."),
    ),
)


def _run(case: Case, arguments: Arguments) -> None:
    case.inner(arguments.rest)


class _Run(Program):
    """`uv run`, `poetry run`: the rest is a program; options that bring packages in are looked at."""

    def apply(self, case: Case) -> None:
        arguments = case.split(self.valued, stop_early=True)
        if arguments.given(
            "--with", "--with-requirements", "--with-editable", "--script", "-s", "--index", "--index-url"
        ):
            case.ask(_ADDS)
        if arguments.given("-m", "--module"):
            case.ask("It runs a module that is not judged.")
        case.runs_project()
        rest = arguments.rest
        if rest and rest[0].text.endswith(".py"):
            case.run_file(rest[0])
        else:
            case.inner(rest)


_RUN = _Run(
    valued="--with --with-requirements --with-editable --python -p --extra --group --package --project "
    "--env-file --directory --index"
)

PROGRAMS: dict[str, Program] = {
    "pip pip3": pip,
    "uv": Program(
        valued="--directory --project --config-file --color",
        asks={"--directory": _ELSEWHERE, "--config-file": _ELSEWHERE},
        commands=commands(
            "lock tree version export help venv build format --version",
            sync=Program(asks=_PIP_OPTIONS),
            pip=pip,
            run=_RUN,
            add=_ADDS,
            remove=_REMOVES,
            publish=_PUBLISHES,
            tool=Program(commands=commands("list dir"), other=_ADDS),
            python=Program(commands=commands("list find dir pin"), other=_SYSTEM),
            cache=Program(commands=commands("dir"), other="It deletes a cache that all projects share."),
        ),
    ),
    "poetry pdm hatch rye pipenv": Program(
        commands=commands(
            "show lock check version install sync build list info search graph dep status --version",
            run=_RUN,
            test=Program(runs=True, variables=True),
            fmt=Program(runs=True),
            add=_ADDS,
            remove=_REMOVES,
            publish=_PUBLISHES,
        )
    ),
    "conda mamba micromamba": Program(
        commands=commands("list info search", run=_RUN, activate="", deactivate=""), other=_SYSTEM
    ),
    "apt apt-get aptitude": Program(
        commands=commands("list search show policy depends rdepends changelog moo --version", update=_SYSTEM),
        other=_SYSTEM,
    ),
    "apt-cache dpkg-query rpm-query": Program(),
    "dpkg": Program(
        asks=dict.fromkeys(
            ("-i", "--install", "-r", "--remove", "-P", "--purge", "--configure", "--unpack", "-a"), _SYSTEM
        ),
        variables=False,
    ),
    "rpm": Program(
        asks=dict.fromkeys(
            ("-i", "-U", "-F", "-e", "--install", "--upgrade", "--erase", "--import", "--rebuilddb"), _SYSTEM
        )
    ),
    "dnf yum zypper": Program(commands=commands("list search info repolist provides"), other=_SYSTEM),
    "pacman": Program(asks=dict.fromkeys(("-S", "-R", "-U", "-D", "-F"), _SYSTEM), variables=False),
    "apk": Program(commands=commands("info list search policy"), other=_SYSTEM),
    "brew port": Program(
        commands=commands("list info search deps outdated doctor config leaves --prefix --version"), other=_SYSTEM
    ),
    "snap flatpak": Program(commands=commands("list info search find"), other=_SYSTEM),
    "gem": Program(commands=commands("list search info environment which query"), other=_ADDS),
    "pipx": Program(commands=commands("list environment"), other=_ADDS),
    "composer": Program(
        commands=commands("show validate outdated install diagnose dump-autoload", require=_ADDS, remove=_REMOVES),
        other=_ADDS,
    ),
    "easy_install cpan cpanm luarocks opam cabal stack": Program(always=_ADDS),
}
