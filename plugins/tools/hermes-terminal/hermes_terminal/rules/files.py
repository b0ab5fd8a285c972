"""Programs that create, change, copy and delete files."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from hermes_terminal.rules.program import Program
from hermes_terminal.shell.script import UNKNOWN, Word, names

if TYPE_CHECKING:
    from hermes_terminal.rules.case import Case
    from hermes_terminal.rules.state import Arguments

__all__ = ["PROGRAMS"]

_REASONS = {"touch": "touches", "mkdir": "makes"}


def _each_written(case: Case, arguments: Arguments) -> None:
    for word in arguments.rest:
        case.write(word, _REASONS.get(case.name, "changes"))


def _copy(case: Case, arguments: Arguments) -> None:
    folder = arguments.value("-t", "--target-directory")
    sources = list(arguments.rest)
    if case.name == "install" and arguments.given("-d", "--directory"):
        _each_written(case, arguments)
        return
    if folder is None:
        if len(sources) < 2 and case.name == "ln" and sources:
            folder = Word(".")
        elif len(sources) < 2:
            return
        else:
            folder = sources.pop()
    if arguments.dynamic:
        case.ask(f"A variable stands where {case.name!r} takes options or file names.")
    verb = {"mv": "moves files to", "ln": "links"}.get(case.name, "copies to")
    case.put(sources, folder, verb)
    if case.name == "mv":
        for source in sources:
            case.delete(source, recursive=True) if case.words and _whole_tree(case, source) else case.write(
                source, "moves"
            )
    if case.name == "ln":
        for source in sources:
            _link_target(case, source, folder if arguments.given("-s", "--symbolic") else None)
    if case.name == "install" and arguments.given("-m", "--mode"):
        mode = arguments.value("-m", "--mode")
        if mode is not None and _sets_user_id(mode.text):
            case.ask("It makes a program that runs as its owner.")


def _whole_tree(case: Case, source: Word) -> bool:
    return any(case.place.zone(path) in ("root", "home") or path == case.place.workspace for path in case.paths(source))


def _link_target(case: Case, source: Word, link: Word | None) -> None:
    """A symbolic link's text is read from the folder the link is in."""
    seen = source
    if link is not None and not source.text.startswith(("/", UNKNOWN)):
        seen = Word(posixpath.join(posixpath.dirname(link.text), source.text))
    for path in case.paths(seen):
        if case.place.zone(path) not in ("workspace", "temporary"):
            case.ask(f"It links to {source.text.replace(UNKNOWN, '…')!r}, outside the workspace.")


def _remove(case: Case, arguments: Arguments) -> None:
    recursive = arguments.given("-r", "-R", "--recursive") or arguments.dynamic
    if arguments.given("--no-preserve-root"):
        case.deny("It asks `rm` to delete even the root directory.")
    for word in arguments.rest:
        case.delete(word, recursive=recursive)


def _mode(case: Case, arguments: Arguments) -> None:
    words = arguments.rest
    recursive = arguments.given("-R", "--recursive") or arguments.dynamic
    plain = [option for option, _ in arguments.options if option.startswith("-") and not option.startswith("--")]
    if arguments.given("--reference") or not words or any(option in ("-r", "-w", "-x") for option in plain):
        files, mode = words, ""
    else:
        files, mode = words[1:], words[0].text
    if UNKNOWN in mode or _sets_user_id(mode):
        case.ask("It may make programs that run as their owner.")
    if _world_writable(mode):
        case.ask("It lets everybody write the files." if not recursive else "It lets everybody write everything below.")
    for word in files:
        if recursive and any(
            case.place.zone(path) not in ("workspace",) or path == case.place.workspace for path in case.paths(word)
        ):
            case.ask("It changes the rights of everything below a folder.")
        case.write(word, "changes the rights of")


def _sets_user_id(mode: str) -> bool:
    if mode.isdigit():
        return len(mode.lstrip("0")) > 3
    return "s" in mode


def _world_writable(mode: str) -> bool:
    if mode.isdigit():
        return int(mode[-1]) & 2 != 0
    for clause in mode.split(","):
        who, sign, rights = clause.partition("+") if "+" in clause else clause.partition("=")
        if sign and "w" in rights and ("o" in who or "a" in who):
            return True
    return False


def _owner(case: Case, arguments: Arguments) -> None:
    case.ask("It gives files to another owner.")
    for word in arguments.rest[1:]:
        case.write(word, "changes the owner of")


def _dd(case: Case, arguments: Arguments) -> None:
    for word in case.arguments:
        name, equals, value = word.text.partition("=")
        if word.leads_unknown or not equals:
            case.ask("`dd` is told what to do by a variable.")
        elif name == "of":
            case.write(Word(value, word.glob), "overwrites")
            case.ask("`dd` overwrites without asking.")


def _tar(case: Case, arguments: Arguments) -> None:
    words = case.arguments
    letters = words[0].text if words and not words[0].text.startswith("-") else ""
    letters += "".join(option[1] for option, _ in arguments.options if len(option) == 2)
    if any(word.glob and word.text.startswith(("*", "?", "[")) for word in words):
        case.ask("A file name that looks like an option could make `tar` run a program; write `./*`.")
    archive = arguments.value("-f", "--file")
    extracts = "x" in letters or arguments.given("--extract", "--get")
    writes = any(letter in letters for letter in "cruA") or arguments.given("--create", "--append", "--update")
    if not extracts and not writes:
        return
    if writes:
        old = archive is None and letters and "f" in letters and len(words) > 1
        target = words[1] if old else archive
        if target is None and "f" in letters:
            case.ask("It cannot be told which file `tar` writes.")
        elif target is not None and target.text != "-":
            case.write(target)
            if ":" in target.text:
                case.ask("`tar` would reach another machine.")
    if extracts:
        case.state.fetched = True
        folder = arguments.value("-C", "--directory")
        case.write(Word((folder.text if folder is not None else ".").rstrip("/") + "/*", False, ()), "unpacks into")


def _unzip(case: Case, arguments: Arguments) -> None:
    folder = arguments.value("-d", "-o")
    if not arguments.given("-l", "-t", "-Z", "-v"):
        case.state.fetched = True
        case.write(Word((folder.text if folder is not None else ".").rstrip("/") + "/*"), "unpacks into")


def _split(case: Case, arguments: Arguments) -> None:
    for word in arguments.rest[1:]:
        case.write(word)


def _zip(case: Case, arguments: Arguments) -> None:
    for word in arguments.rest[:1]:
        case.write(word)


def _rsync(case: Case, arguments: Arguments) -> None:
    if any(":" in word.text for word in arguments.rest):
        case.ask("It copies files from or to another machine.")
    if len(arguments.rest) > 1:
        case.put(arguments.rest[:-1], arguments.rest[-1], "copies to")


def _find(case: Case, arguments: Arguments) -> None:
    words = case.arguments
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word.leads_unknown:
            case.ask("A variable stands where `find` takes actions.")
        elif word.text == "-delete":
            case.ask("`find` deletes everything it finds.")
        elif word.text in ("-fprint", "-fprint0", "-fls", "-fprintf") and index < len(words):
            case.write(words[index])
        elif word.text in ("-exec", "-execdir", "-ok", "-okdir"):
            end = index
            while end < len(words) and words[end].text not in (";", "+"):
                end += 1
            inner = [Word(w.text.replace("{}", UNKNOWN)) if "{}" in w.text else w for w in words[index:end]]
            case.inner(inner)
            index = end + 1


def _truncate(case: Case, arguments: Arguments) -> None:
    case.ask("It cuts files, and what is cut is lost.")
    _each_written(case, arguments)


def _patch(case: Case, arguments: Arguments) -> None:
    case.write(Word("*"), "patches files in")


_TAR_RUNS = "`tar` runs another program through an option."
_TAR_OPTIONS = names(
    "--checkpoint-action --to-command --use-compress-program -I --rsh-command --rmt-command -F "
    "--info-script --new-volume-script"
)

PROGRAMS: dict[str, Program] = {
    "mkdir": Program(valued="-m --mode -Z", then=_each_written),
    "touch": Program(valued="-d -r -t --date --reference", then=_each_written),
    "tee": Program(then=_each_written),
    "cp mv ln install": Program(valued="-t --target-directory -S --suffix -m --mode -o --owner -g --group", then=_copy),
    "rm unlink rmdir": Program(then=_remove),
    "chmod": Program(then=_mode),
    "chown chgrp chattr chflags setfacl setfattr xattr": Program(then=_owner),
    "dd": Program(then=_dd),
    "tar gtar bsdtar": Program(
        asks={
            **dict.fromkeys(_TAR_OPTIONS, _TAR_RUNS),
            "-P": "It unpacks outside the folder.",
            "--absolute-names": "It unpacks outside the folder.",
            "--remove-files": "It deletes what it packs.",
            "--delete": "It deletes from the archive.",
        },
        valued="-f --file -C --directory -T -X --exclude --transform --strip-components",
        then=_tar,
    ),
    "unzip unrar": Program(valued="-d -x", then=_unzip),
    "7z 7za": Program(always="It packs or unpacks in ways that are not judged."),
    "zip": Program(
        asks={
            **dict.fromkeys(("-T", "-TT", "--unzip-command"), "`zip` runs another program through an option."),
            "-m": "It deletes what it packs.",
        },
        valued="-i -x",
        then=_zip,
    ),
    "gzip gunzip bzip2 bunzip2 xz unxz zstd unzstd lz4": Program(writes="-o", valued="-S", then=_each_written),
    "rsync": Program(
        asks={
            **dict.fromkeys(("-e", "--rsh", "--rsync-path", "--daemon"), "It runs another program through an option."),
            **dict.fromkeys(
                (
                    "--delete",
                    "--del",
                    "--remove-source-files",
                    "--delete-before",
                    "--delete-after",
                    "--delete-excluded",
                ),
                "It deletes files.",
            ),
        },
        valued="-f --exclude --include --filter",
        then=_rsync,
    ),
    "find": Program(single=True, variables=True, then=_find),
    "truncate shred wipe srm": Program(valued="-s --size -r -n", then=_truncate),
    "split csplit": Program(
        asks={"--filter": "It runs a program for every piece."}, writes="-f", valued="-l -b -n -a", then=_split
    ),
    "patch": Program(asks={"-o": "It writes another file."}, valued="-p -i -d", writes="-o -r", then=_patch),
    "mktemp": Program(valued="-p --tmpdir --suffix", then=_each_written),
    "mkfifo mknod": Program(always="It makes a special file."),
    "trash gio": Program(always="It moves files to the wastebasket."),
}
