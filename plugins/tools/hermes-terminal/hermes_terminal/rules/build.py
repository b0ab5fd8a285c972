"""Programs that build, test and check the project: they run its code, which is what they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_terminal.rules.program import Program, commands

if TYPE_CHECKING:
    from hermes_terminal.rules.case import Case
    from hermes_terminal.rules.state import Arguments

__all__ = ["PROGRAMS"]

_PUBLISHES = "It publishes to others."
_OTHER_RUNNER = "It makes the tool run another program."
_ADDS = "It brings in a package by name; a name can belong to somebody else's package."
_REMOVES = "It removes packages."
_INSTALLS = "It installs programs outside the project."
_FAR_TARGETS = ("install", "uninstall", "deploy", "publish", "release", "upload", "distclean-all", "destroy")


def _make(case: Case, arguments: Arguments) -> None:
    for word in arguments.rest:
        text = word.text
        if text.startswith(_FAR_TARGETS):
            case.ask(f"The target {text!r} reaches beyond the project.")
        elif text.startswith(("SHELL=", ".SHELLFLAGS", "MAKEFLAGS=")) or "$(" in text or _assigns_command(text):
            case.ask(_OTHER_RUNNER)
    name = arguments.value("-f", "--file", "--makefile")
    if name is not None and (name.text in ("-", "/dev/stdin") or not _inside(case, name.text)):
        case.ask("It builds by rules from outside the workspace.")
    folder = arguments.value("-C", "--directory")
    if folder is not None and not _inside(case, folder.text):
        case.ask("It builds a project outside the workspace.")


def _assigns_command(text: str) -> bool:
    """`CC=sh -c x` and the like; `CFLAGS=-O2 -g` is none."""
    name, equals, value = text.partition("=")
    return bool(equals) and not value.startswith("-") and any(char in value for char in " ;|&`<>\n")


def _inside(case: Case, text: str) -> bool:
    return all(
        case.place.zone(case.place.join(d, text)) == "workspace" or case.place.join(d, text) == case.place.workspace
        for d in case.state.directories
    )


def _just(case: Case, arguments: Arguments) -> None:
    for word in arguments.rest:
        if word.text.startswith(_FAR_TARGETS):
            case.ask(f"The target {word.text!r} reaches beyond the project.")


def _go_run(case: Case, arguments: Arguments) -> None:
    if any("@" in word.text for word in arguments.rest):
        case.ask(_ADDS)
    case.runs_project()


_GO_RUNS = dict.fromkeys(("-toolexec", "-exec", "-vettool", "-overlay", "-modfile"), _OTHER_RUNNER)
_GO_VALUED = "-C -o -run -bench -count -timeout -tags -p -mod -coverprofile -ldflags -gcflags"
_GO = Program(single=True, asks=_GO_RUNS, valued=_GO_VALUED, writes="-o", runs=True, then=_go_run, variables=True)
_CARGO_BUILD = Program(
    asks={"--config": _OTHER_RUNNER},
    valued="-p --package --features --target --bin --test -j",
    runs=True,
    variables=True,
)


def _node_install(case: Case, arguments: Arguments) -> None:
    if arguments.rest:
        case.ask(_ADDS)
    case.runs_project()


_NODE_INSTALL = Program(
    asks={
        **dict.fromkeys(("-g", "--global", "--location"), _INSTALLS),
        **dict.fromkeys(("--prefix", "--script-shell", "--registry"), _OTHER_RUNNER),
    },
    then=_node_install,
)
_NODE_RUN = Program(runs=True, variables=True, asks={"--script-shell": _OTHER_RUNNER})
_NODE = Program(
    asks={
        **dict.fromkeys(
            ("--script-shell", "--prefix", "-C", "--userconfig", "--globalconfig", "--cwd", "--dir"), _OTHER_RUNNER
        ),
        **dict.fromkeys(("-g", "--global"), _INSTALLS),
    },
    variables=False,
    commands=commands(
        "ls list ll outdated view info show search why explain audit pack root bin prefix help version "
        "doctor fund ping -v",
        test=_NODE_RUN,
        t=_NODE_RUN,
        tst=_NODE_RUN,
        start=_NODE_RUN,
        run=_NODE_RUN,
        run_script=_NODE_RUN,
        build=_NODE_RUN,
        lint=_NODE_RUN,
        dev=_NODE_RUN,
        format=_NODE_RUN,
        typecheck=_NODE_RUN,
        check=_NODE_RUN,
        rebuild=_NODE_RUN,
        dedupe=_NODE_RUN,
        prune="",
        install=_NODE_INSTALL,
        i=_NODE_INSTALL,
        ci=_NODE_INSTALL,
        clean_install=_NODE_INSTALL,
        add=_ADDS,
        update=_ADDS,
        upgrade=_ADDS,
        create="It downloads a package and runs it.",
        init="It may download a package and run it.",
        exec="It may download a package and run it.",
        x="It may download a package and run it.",
        dlx="It downloads a package and runs it.",
        uninstall=_REMOVES,
        remove=_REMOVES,
        rm=_REMOVES,
        un=_REMOVES,
        publish=_PUBLISHES,
        unpublish=_PUBLISHES,
        deprecate=_PUBLISHES,
    ),
)


def _test_runner(case: Case, arguments: Arguments) -> None:
    case.runs_project()


def _writes_report(case: Case, arguments: Arguments) -> None:
    case.runs_project()
    for option, value in arguments.options:
        if (
            option in ("--junitxml", "--junit-xml", "--cov-report", "--basetemp", "--html")
            and value is not None
            and "/" in value.text
        ):
            case.write(value)


PROGRAMS: dict[str, Program] = {
    "make gmake": Program(
        asks=dict.fromkeys(("--eval", "-E"), _OTHER_RUNNER),
        valued="-C -f -j -l -o -W -I --directory --file --makefile",
        variables=True,
        runs=True,
        then=_make,
    ),
    "just task invoke inv nox tox rake": Program(variables=True, runs=True, then=_just, valued="-f -d -e -s -n -m"),
    "ninja meson": Program(variables=True, runs=True, then=_just, valued="-C -f -j"),
    "cmake ctest": Program(
        asks={"-P": "It runs a CMake script.", "-E": "CMake's tool mode changes files.", "--install": _INSTALLS},
        valued="-S -B -G -D -j -R --build --target",
        runs=True,
    ),
    "pytest py.test": Program(runs=True, variables=True, then=_writes_report, valued="-k -m -n -p -c -o -W --rootdir"),
    "mypy ruff flake8 pylint pyright black isort coverage bandit vulture pyflakes pycodestyle pydocstyle "
    "djlint pre-commit lint-imports shellcheck shfmt yamllint hadolint actionlint clang-format clang-tidy "
    "cppcheck golangci-lint gofmt goimports rustfmt tsc eslint prettier jest vitest mocha biome stylelint "
    "markdownlint vale typos codespell": Program(runs=True, variables=True),
    "gcc g++ cc c++ clang clang++ rustc javac kotlinc nasm as ld ar ranlib strip": Program(
        asks={
            **dict.fromkeys(("-wrapper", "-plugin", "-B", "-specs"), _OTHER_RUNNER),
            **dict.fromkeys(("-fplugin", "-Xclang", "-load"), _OTHER_RUNNER),
        },
        single=True,
        writes="-o",
        valued="-I -L -l -D -x -include -MF -C",
        variables=True,
        runs=True,
    ),
    "cargo": Program(
        asks={"--config": _OTHER_RUNNER, "-Z": _OTHER_RUNNER},
        valued="-C --color",
        commands=commands(
            "tree metadata search version pkgid locate-project verify-project read-manifest help fetch "
            "generate-lockfile init new -V",
            build=_CARGO_BUILD,
            b=_CARGO_BUILD,
            check=_CARGO_BUILD,
            c=_CARGO_BUILD,
            test=_CARGO_BUILD,
            t=_CARGO_BUILD,
            run=_CARGO_BUILD,
            r=_CARGO_BUILD,
            fmt=_CARGO_BUILD,
            clippy=_CARGO_BUILD,
            doc=_CARGO_BUILD,
            bench=_CARGO_BUILD,
            nextest=_CARGO_BUILD,
            fix=_CARGO_BUILD,
            clean="",
            update="",
            vendor="",
            add=_ADDS,
            install=_ADDS,
            remove=_REMOVES,
            uninstall=_REMOVES,
            publish=_PUBLISHES,
            yank=_PUBLISHES,
        ),
    ),
    "go": Program(
        single=True,
        commands=commands(
            "version list doc help",
            build=_GO,
            test=_GO,
            run=_GO,
            vet=_GO,
            fmt=_GO,
            generate=_GO,
            mod=Program(commands=commands("tidy download graph verify why vendor init")),
            env=Program(asks={"-w": _INSTALLS, "-u": _INSTALLS}, single=True),
            clean=Program(asks={"-modcache": "It deletes a cache that all projects share."}, single=True),
            work=Program(commands=commands("init use sync")),
            get=_ADDS,
            install=_ADDS,
        ),
    ),
    "npm pnpm yarn bun": _NODE,
    "mvn mvnw gradle gradlew ant sbt": Program(variables=True, runs=True, then=_just, valued="-f -pl -D -P"),
    "dotnet": Program(
        commands=commands(
            "build test run restore clean format list --info --version",
            publish="",
            new="",
            add=_ADDS,
            remove=_REMOVES,
            nuget=_PUBLISHES,
            tool=_INSTALLS,
        )
    ),
    "bundle": Program(
        commands=commands("check list show info outdated lock", install="", add=_ADDS, remove=_REMOVES, update="")
    ),
    "mkdocs sphinx-build hugo jekyll": Program(runs=True, variables=True),
}
