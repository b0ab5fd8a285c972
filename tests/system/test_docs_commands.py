"""Every command, option, setting and environment variable that the documentation names exists."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), ROOT / "README.md", *ROOT.glob("plugins/*/*/README.md")])
EXAMPLES = {"greet"}
"""Commands of plugins that the documentation lets its readers write."""

DUMP = """
import json, sys
import click
from hermes_host.cli.application import Application
from hermes_host.cli.group import hermes
from hermes_host.config.listing import known_settings

def described(command, context):
    if hasattr(command, "_target"):  # a plugin's subcommand, imported when it runs
        from hermes_host.plugins import import_foreign
        command = import_foreign(command._target)
    options, least, most = {}, 0, 0
    for param in command.get_params(context):
        if isinstance(param, click.Argument):
            least += param.required
            most = -1 if param.nargs == -1 or most == -1 else most + param.nargs
        if isinstance(param, click.Option):
            values = 0 if param.is_flag or param.count else param.nargs
            options |= dict.fromkeys([*param.opts, *param.secondary_opts], values)
    children = {}
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            with click.Context(child, info_name=name, parent=context) as inner:
                children[name] = described(child, inner)
    return {"options": options, "children": children, "arguments": [least, most]}

with click.Context(hermes, info_name="hermes", obj=Application()) as context:
    json.dump({"commands": described(hermes, context),
               "adapters": {item.name: item.spec.environment for item in context.obj.host.registry("adapters")},
               "settings": [row.path for row in known_settings(context.obj.host.config)]}, sys.stdout)
"""

CHECK = """
import json, os, sys
from pathlib import Path
from hermes_host.cli.entry import run

for place, text in json.load(sys.stdin):
    Path(os.environ["HERMES_HOME"], "config.yaml").write_text(text, encoding="utf-8")
    if run(["config", "check"]):
        print(place)
"""

_VARIABLE = re.compile(r"\b(?:HERMES|TELEGRAM|EMAIL|API_SERVER|WEBHOOK|GATEWAY|SESSION)_[A-Z0-9_]*[A-Z0-9]\b")
_OF_PLATFORMS = ("ALLOWED_USERS", "ALLOW_ALL_USERS")
_HERMES = re.compile(
    r"(?:^|[|;&(]|[A-Za-z]=\S*|\$|sudo|run|   )\s*hermes(?=$|[ \t])"  # at the beginning, after a pipe, in a column
    r"""((?:'[^'\n]*'|"[^"\n]*"|[^'"\n])*?)"""
    r"(?=$| # |  |[|;&>`<)]|\d>|\$\()",
    re.MULTILINE,
)
_PLACEHOLDER = re.compile(r"[A-Z][A-Z0-9_:|-]*|.*[…<>{}*].*|\.\.\.")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `hermes` has with all plugins of this repository: commands with their options, adapters, plugins."""
    home = tmp_path_factory.mktemp("home")
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "HERMES_HOME": str(home / "hermes"), "LANG": "C.UTF-8"}
    outcome = subprocess.run(
        [sys.executable, "-c", DUMP], env=environ, cwd=home, capture_output=True, text=True, encoding="utf-8"
    )
    assert outcome.returncode == 0, outcome.stderr
    found: dict[str, Any] = json.loads(outcome.stdout)
    return found


def test_every_command_and_option_named_exists(installation):
    wrong = [
        f"{page.relative_to(ROOT)}: {problem}: hermes {' '.join(words)}"
        for page in PAGES
        for words in commands_of(page.read_text(encoding="utf-8"))
        if (problem := problem_of(words, installation["commands"]))
    ]
    assert wrong == []


def test_every_environment_variable_named_is_known_to_the_code(installation):
    known = _known_variables()
    for name, prefix in installation["adapters"].items():
        known |= {f"{prefix or name.upper().replace('-', '_')}_{word}" for word in _OF_PLATFORMS}
    wrong = [
        f"{page.relative_to(ROOT)}: {name}"
        for page in PAGES
        for name in sorted(set(_VARIABLE.findall(re.sub(r"\$\{\w+\}", "", page.read_text(encoding="utf-8")))))
        if name not in known and "__" not in name
    ]
    assert wrong == []


def test_every_setting_named_by_a_variable_with_two_underscores_exists(installation):
    used = {name for page in PAGES for name in re.findall(r"\bHERMES__[A-Z0-9_]+\b", page.read_text(encoding="utf-8"))}
    assert used
    settings = {f"HERMES__{path.upper().replace('.', '__')}" for path in installation["settings"]}
    assert sorted(used - settings) == []


def test_every_block_of_settings_shown_is_valid(tmp_path):
    shown = [
        (str(page.relative_to(ROOT)), re.sub(r"\$\{\w+\}", "a-word", text))
        for page in PAGES
        if "reference" not in page.parts
        for text in settings_of(page.read_text(encoding="utf-8"))
    ]
    assert shown
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HERMES_HOME": str(tmp_path), "LANG": "C.UTF-8"}
    outcome = subprocess.run(
        [sys.executable, "-c", CHECK],
        input=json.dumps(shown),
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert outcome.returncode == 0, outcome.stderr
    assert {line for line in outcome.stdout.splitlines() if "No problems" not in line} == set()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Run `hermes gateway start`, then wait.", [["gateway", "start"]]),
        ("```console\n$ df -h | hermes gateway send ops -  # with a pipe\n```", [["gateway", "send", "ops", "-"]]),
        (
            "    hermes mcp list [--json]      hermes mcp logs NAME\n",
            [["mcp", "list", "--json"], ["mcp", "logs", "NAME"]],
        ),
        (
            "```\nhermes chat -q 'call it {\"a\": 1}' \\\n    --yolo\n```",
            [["chat", "-q", 'call it {"a": 1}', "--yolo"]],
        ),
        ("    hermes approvals test 'a; b' 2>&1  whatever", [["approvals", "test", "a; b"]]),
        ("hermes is a program, and `hermes-acp` another.", []),
    ],
)
def test_commands_are_found_in_a_page(text, found):
    assert commands_of(text) == found


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("gateway start", ""),
        ("-m PROVIDER:MODEL gateway logs -n 100", ""),
        ("gateway outbox retry 12", ""),
        ("COMMAND --help", ""),
        ("gateway begin", "no command 'begin'"),
        ("gateway start --soon", "no option '--soon'"),
        ("pairing approve 7KQ2MXWF --owner", "1 arguments, where 2 are taken"),
        ("gateway start now", "1 arguments, where 0 are taken"),
    ],
)
def test_what_is_wrong_with_a_command_is_said(line, problem, installation):
    assert problem_of(line.split(), installation["commands"]) == problem


def commands_of(text: str) -> list[list[str]]:
    """The words after `hermes` of every command in code: blocks, indented blocks and spans."""
    joined = (re.sub(r"[ \t]*\\\n\s*", " ", code) for code in _code(text))
    found = [_words(match.group(1)) for code in joined for match in _HERMES.finditer(code)]
    return [words for words in found if words]


def settings_of(text: str) -> list[str]:
    """The blocks of code that look like parts of config.yaml."""
    found = []
    for code in map(textwrap.dedent, _code(text)):
        if code.lstrip().startswith("{"):
            continue  # JSON, of somebody else's file
        try:
            value = yaml.safe_load(code)
        except yaml.YAMLError:
            continue
        if isinstance(value, dict) and all(re.fullmatch("[a-z_]+", str(key)) for key in value) and "rules" not in value:
            found.append(code)
    return found


def problem_of(words: list[str], node: dict[str, Any]) -> str:
    """What does not exist of a command line; empty when all does."""
    root, arguments = node, 0
    left = iter(words)
    for word in left:
        if word == "--":
            break
        if word.startswith("-") and word != "-":
            name = word.partition("=")[0]
            options = {"--help": 0, "-h": 0, **node["options"], "-p": root["options"].get("-p", 1)}
            if name not in options:
                return f"no option {name!r}"
            for _ in range(0 if "=" in word else options[name]):
                next(left, None)
        elif node["children"]:
            if word in node["children"]:
                node = node["children"][word]
            elif _PLACEHOLDER.fullmatch(word) or word in EXAMPLES:
                break
            else:
                return f"no command {word!r}"
        else:
            arguments += 1
    least, most = node["arguments"]
    if not node["children"] and arguments and (arguments < least or arguments > most >= 0):
        # Without any it is only named, not shown.
        return f"{arguments} arguments, where {least if arguments < least else most} are taken"
    return ""


def _code(text: str) -> list[str]:
    fences = re.compile(r"^([ \t]*)(```+|~~~+)[^\n]*\n(.*?)^\1\2[ \t]*$", re.MULTILINE | re.DOTALL)
    blocks = [match.group(3) for match in fences.finditer(text)]
    rest = fences.sub("\n", text)
    blocks += re.findall(r"(?:^(?: {4}|\t)[^\n]*\n?|^\n(?= {4}))+", rest, re.MULTILINE)
    spans = re.findall(r"(?<!`)`([^`]+)`(?!`)", rest)
    return [*blocks, *(" ".join(span.split("\n")) for span in spans if span.startswith("hermes "))]


def _words(text: str) -> list[str]:
    import shlex

    plain = re.sub(r"[\[\]]", "", text)
    try:
        return shlex.split(plain)
    except ValueError:
        return plain.split()


def _known_variables() -> set[str]:
    known: set[str] = set()
    for path in [*ROOT.glob("hermes_host/**/*.py"), *ROOT.glob("plugins/*/*/hermes_*/**/*.py")]:
        text = path.read_text(encoding="utf-8")
        if _VARIABLE.search(text):
            strings = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
            known.update(name for item in strings if isinstance(item, str) for name in _VARIABLE.findall(item))
    return known
