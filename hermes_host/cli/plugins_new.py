"""`hermes plugins new`: a distribution of one's own, copied from `hermes_host/template/`.

A template is a project that works as it stands, with names that are words of its own. Copying it means replacing those
words, in texts and in names of files; nothing else is different in a copy.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import json_option, print_json
from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermes_host.host import Host

__all__ = ["KINDS", "MadePlugin", "make_plugin", "new"]

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST_NAME = 32
_AUTHOR = re.compile(r"(?P<name>[^<>\"\\\x00-\x1f\x7f]+?)\s*(?:<(?P<email>[^<>\"\\\s@]+@[^<>\"\\\s@]+)>)?")
KINDS = ("adapter", "command", "memory", "provider", "service", "skill-source", "terminal", "tool")
"""What there is a template for; its folder has the same name, with underscores."""

_SHARED = "shared"
_SKIPPED = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
_PLACEHOLDER_AUTHOR = "Example Author"


class MadePlugin(msgspec.Struct, frozen=True, kw_only=True):
    """What was made."""

    name: str
    kind: str
    distribution: str
    package: str
    folder: str
    files: list[str]


@click.command(epilog="Example: hermes plugins new weather --kind tool")
@click.argument("name")
@click.option("--kind", required=True, type=click.Choice(KINDS), help="What it brings.")
@click.option(
    "--directory", type=click.Path(path_type=Path), default=Path(), metavar="D", help="Where the folder is made."
)
@click.option("--author", default="", metavar="'NAME <MAIL>'", help="Who has written it.")
@json_option
@pass_host
def new(host: Host, name: str, kind: str, directory: Path, author: str, as_json: bool) -> None:
    """Make a plugin of your own: a folder hermes-NAME that can be installed, tested and published as it is."""
    for record in host.plugins.records:
        if record.name == name.removeprefix("hermes-"):
            owner = f"{record.distribution} {record.version}".strip() or "the host itself"
            raise HermesError(
                f"There is a plugin {record.name!r} already, from {owner}.", remedy="Choose another name."
            )
    made = make_plugin(name, kind, directory, author=author)
    if as_json:
        print_json(made)
        return
    folder = Path(made.folder)
    shown = folder.name if directory == Path() else str(folder)
    click.echo(f"Made {shown}:")
    for path in made.files:
        click.echo(f"  {path}")
    click.echo(f"Next:\n  cd {shown}\n  uv pip install -e '.[testing]'\n  hermes plugins check .")


def make_plugin(name: str, kind: str, directory: Path, *, author: str = "") -> MadePlugin:
    """Make the folder `hermes-NAME` in `directory`, for one of `KINDS`. Raises `HermesError`; then nothing was made."""
    name = _checked_name(name)
    template = _templates() / KINDS[KINDS.index(kind)].replace("-", "_")
    words = _words(template.name, name, author)
    target = directory / f"hermes-{name}"
    if target.exists() or target.is_symlink():
        raise HermesError(f"{str(target)!r} exists already.", remedy="Choose another name, or another --directory.")
    if not directory.is_dir():
        raise HermesError(f"There is no directory {str(directory)!r}.", remedy="Make it first.")
    written = []
    try:
        # Beside its final place and then renamed: a half-made folder is never seen.
        with tempfile.TemporaryDirectory(prefix=".hermes-new-", dir=directory) as scratch:
            made = Path(scratch) / "made"
            for source in (_templates() / _SHARED, template):
                for path in _files_of(source):
                    relative = _replaced(path.relative_to(source).as_posix(), words)
                    written.append(relative)
                    (made / relative).parent.mkdir(parents=True, exist_ok=True)
                    text = _replaced(path.read_text(encoding="utf-8"), words)
                    (made / relative).write_text(text, encoding="utf-8")
            shutil.move(made, target)
    except OSError as error:
        raise HermesError(f"{str(target)!r} cannot be written: {error.strerror or error}.") from error
    return MadePlugin(
        name=name,
        kind=kind,
        distribution=f"hermes-{name}",
        package=f"hermes_{name.replace('-', '_')}",
        folder=str(target),
        files=sorted(written),
    )


def _checked_name(name: str) -> str:
    name = name.removeprefix("hermes-")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise HermesError(
            f"{name!r} cannot be the name of a plugin.",
            remedy=f"Use lower-case letters, digits and single hyphens, a letter first, at most {_LONGEST_NAME}"
            " characters, such as 'weather' or 'my-tool'.",
        )
    if name == "host":
        raise HermesError("'host' is the host's own name.", remedy="Choose another name.")
    return name


def _words(kind: str, name: str, author: str) -> dict[str, str]:
    """What is replaced by what."""
    placeholder, wanted = f"example_{kind}", name.replace("-", "_")
    words = {
        placeholder.replace("_", "-"): name,
        placeholder: wanted,
        placeholder.upper(): wanted.upper(),
    }
    said = _AUTHOR.fullmatch(author.strip() or f"The authors of hermes-{name}")
    if said is None:
        raise HermesError(f"{author!r} cannot be an author.", remedy="Say it as 'NAME' or 'NAME <MAIL>'.")
    if said["email"]:
        words[f'name = "{_PLACEHOLDER_AUTHOR}"'] = f'name = "{said["name"]}", email = "{said["email"]}"'
    words[_PLACEHOLDER_AUTHOR] = said["name"]
    return words


def _replaced(text: str, words: dict[str, str]) -> str:
    # In one go, so that what was put in is not replaced again.
    pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.sub(pattern, lambda found: words[found.group()], text)


def _templates() -> Path:
    return Path(str(files("hermes_host"))) / "template"


def _files_of(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not _SKIPPED & set(parts) and path.suffix != ".pyc":
            yield path
