"""One program call under judgement: its words, what is known of its surroundings, and the findings so far."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hermes_terminal.places import Place, matches_protected, protected
from hermes_terminal.rules.state import Arguments, State, same_option
from hermes_terminal.shell.script import UNKNOWN, Word

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_terminal.judge import Judge

__all__ = ["Arguments", "Case", "show"]


@dataclass(slots=True)
class Case:
    """A program and its arguments. Rules call `ask`, `deny`, `write`, `delete`, `run_file` …; silence means allow."""

    words: tuple[Word, ...]
    state: State
    judge: Judge

    @property
    def name(self) -> str:
        """The program's name without its folder."""
        return posixpath.basename(self.words[0].text)

    @property
    def arguments(self) -> tuple[Word, ...]:
        """The words after the program."""
        return self.words[1:]

    @property
    def place(self) -> Place:
        """Where it runs."""
        return self.judge.place

    def ask(self, reason: str) -> None:
        """A person should decide."""
        self.judge.add("ask", reason)

    def deny(self, reason: str) -> None:
        """Nobody may."""
        self.judge.add("deny", reason)

    def inner(self, words: Iterable[Word], *, state: State | None = None) -> None:
        """Judge the program this one starts."""
        inner = tuple(words)
        if inner:
            self.judge.words(inner, self.state if state is None else state)

    def script(self, text: Word, what: str, *, state: State | None = None) -> None:
        """Judge shell code given as text."""
        if not text.known and not (text.glob and UNKNOWN not in text.text):
            self.ask(f"{what} runs code that is known only when it runs.")
        else:
            self.judge.script(text.text, replace(self.state) if state is None else state)

    def split(self, valued: str = "", *, stop_early: bool = False, single: bool = False) -> Arguments:
        """Sort the arguments.

        `valued` names options that take the next word, `stop_early` ends at the first other word, `single` reads
        `-name` as one option (as `find` and `go` do).
        """
        takes = frozenset(valued.split())
        result = Arguments(rest_at=len(self.arguments))
        words = list(self.arguments)
        index = 0
        while index < len(words):
            word, index = words[index], index + 1
            text = word.text
            if word.leads_unknown:
                result.dynamic = True
            if text == "--":
                result.rest_at = min(result.rest_at, index) if not result.rest else result.rest_at
                result.rest += words[index:]
                break
            if len(text) < 2 or text[0] not in "-" or word.leads_unknown:
                if not result.rest:
                    result.rest_at = index - 1
                result.rest.append(word)
                if stop_early:
                    result.rest += words[index:]
                    break
            elif text.startswith("--") or single:
                name, equals, value = text.partition("=")
                name = f"-{name.lstrip('-')}" if single else name
                if equals:
                    result.options.append((name, replace(word, text=value)))
                elif any(same_option(name, option) for option in takes) and index < len(words):
                    result.options.append((name, words[index]))
                    index += 1
                else:
                    result.options.append((name, None))
            else:
                index = self._cluster(word, takes, words, index, result)
        return result

    @staticmethod
    def _cluster(word: Word, takes: frozenset[str], words: list[Word], index: int, result: Arguments) -> int:
        for position, letter in enumerate(word.text[1:], 2):
            option = f"-{letter}"
            if option not in takes:
                result.options.append((option, None))
                continue
            attached = word.text[position:]
            if attached:
                result.options.append((option, replace(word, text=attached)))
            elif index < len(words):
                result.options.append((option, words[index]))
                index += 1
            break
        return index

    # --------------------------------------------------------------------------------------------------- files

    def paths(self, word: Word) -> list[str]:
        """The absolute paths a word may mean."""
        return [self.place.join(directory, word.text) for directory in self.state.directories]

    def write(self, word: Word, verb: str = "writes") -> None:
        """A file is created or changed."""
        for path in self.paths(word):
            if self._guarded(path, word, verb):
                continue
            zone = self.place.zone(path)
            if zone == "unknown" or (word.glob and zone != "workspace"):
                self.ask(f"It {verb} a file whose name is known only when it runs ({show(word)}).")
            elif zone not in ("workspace", "temporary"):
                self.ask(f"It {verb} {word.text!r}, outside the workspace.")
            self.note(path)

    def note(self, path: str) -> None:
        """Remember what is written."""
        if UNKNOWN not in path:
            self.judge.written[path] = None
            self.state.made.add(path)

    def _guarded(self, path: str, word: Word, verb: str) -> bool:
        why = protected(path, self.place)
        if why or (word.glob and matches_protected(path, self.place)):
            self.deny(f"It {verb} {show(word)}, {why or 'start files of the shell'}; an agent must not change that.")
            return True
        if self.place.zone(path) == "device":
            self.deny(f"It {verb} the device {word.text!r}.") if _is_disk(path) else self.ask(
                f"It {verb} the system file {word.text!r}."
            )
            return True
        return False

    def put(self, sources: Iterable[Word], target: Word, verb: str) -> None:
        """Files are put at or into `target`."""
        self.write(target, verb)
        base = target.text.rstrip("/")
        for source in sources:
            name = posixpath.basename(source.text.rstrip("/"))
            if name and name not in (".", "..") and not source.leads_unknown:
                for path in self.paths(replace(target, text=f"{base}/{name}")):
                    why = protected(path, self.place)
                    if why:
                        self.deny(f"It {verb} {name!r} into {target.text!r}: {why}; an agent must not change that.")

    def delete(self, word: Word, *, recursive: bool) -> None:
        """A file or a tree goes away."""
        for path in self.paths(word):
            self._delete(path, word, recursive=recursive)

    def _delete(self, path: str, word: Word, *, recursive: bool) -> None:
        folder, _, last = path.rpartition("/")
        everything = word.glob and last.strip("*.?") == "" and last != ""
        if recursive:
            target = (folder or "/") if everything else path
            zone = self.place.zone(target)
            if zone in ("root", "home"):
                self.deny(f"It deletes {word.text!r}, which is everything of yours or of the system.")
                return
        if posixpath.basename(path) == ".git" and recursive:
            self.ask("It deletes a repository with its history.")
        elif not self._guarded(path, word, "deletes"):
            zone = self.place.zone(path)
            if zone == "unknown":
                self.ask(f"It deletes something known only when it runs ({show(word)}).")
            elif zone not in ("workspace", "temporary") or (zone == "temporary" and recursive):
                self.ask(f"It deletes {word.text!r}, outside the workspace.")
            elif path == self.place.workspace or (everything and (folder == self.place.workspace or not recursive)):
                self.ask(f"It deletes everything here ({word.text!r}).")
            elif recursive and (self._here(path) or (word.glob and "*" in word.text.split("/")[0])):
                self.ask(f"It deletes {word.text!r} with all it contains.")
            elif recursive and self.place.workspace == self.place.home:
                self.ask(f"It deletes {word.text!r} in your home directory.")
            elif recursive and "/.git/" in f"{path}/":
                self.ask("It deletes a part of a repository's history.")
            self.note(path)

    def _here(self, path: str) -> bool:
        """Whether the path is a directory it runs in, or one above."""
        return any(d is None or d == path or d.startswith(path + "/") for d in self.state.directories)

    # ---------------------------------------------------------------------------------------------------- code

    def run_file(self, word: Word) -> None:
        """A file of the workspace is run as a program."""
        if word.text == "-" or word.text.startswith("/dev/") or "://" in word.text:
            self.ask(f"It runs code that is not in a file of the workspace ({show(word)}).")
            return
        for path in self.paths(word):
            if not word.known or UNKNOWN in path:
                self.ask(f"It runs a file known only when it runs ({show(word)}).")
            elif path in self.state.made:
                self.ask(f"It writes {word.text!r} and runs it.")
            elif not self.place.workspace or not path.startswith(self.place.workspace + "/"):
                self.ask(f"It runs {word.text!r}, a file outside the workspace.")
            elif "/.git/" in path:
                self.ask(f"It runs {word.text!r}, a file inside a repository's own data.")
        self.runs_project()

    def runs_from(self, words: Iterable[Word]) -> None:
        """Ask when one of these words names something outside the workspace: the program runs what it is given."""
        for word in words:
            text = word.text.rpartition("=")[2]
            if text.startswith(("/", "~", "..")) and any(
                self.place.zone(self.place.join(directory, text)) != "workspace" for directory in self.state.directories
            ):
                self.ask(f"It may run code from {show(word)}, outside the workspace.")

    def runs_project(self) -> None:
        """Code of the project is run: fine, unless this very script brought it in."""
        if self.state.fetched:
            self.ask("It brings in something from elsewhere and then runs code.")

    def reads_code(self, what: str) -> None:
        """The program takes code from its standard input."""
        stdin = self.state.stdin
        if stdin.kind == "file":
            self.run_file(stdin.word)
        elif stdin.kind == "text":
            self.ask(f"{what} runs code from a here-document.")
        elif stdin.kind != "none":
            self.ask(f"{what} runs what another program prints.")


def show(word: Word) -> str:
    """A word for people, with `…` for what is not known."""
    return repr(word.text.replace(UNKNOWN, "…"))


_DISKS = (
    "/dev/sd",
    "/dev/hd",
    "/dev/vd",
    "/dev/xvd",
    "/dev/nvme",
    "/dev/mmcblk",
    "/dev/disk",
    "/dev/rdisk",
    "/dev/mapper",
    "/dev/dm-",
    "/dev/md",
    "/dev/loop",
    "/dev/mem",
    "/dev/kmem",
    "/dev/port",
    "/proc/sysrq",
    "/dev/zvol",
    "/dev/nbd",
)


def _is_disk(path: str) -> bool:
    return path.startswith(_DISKS)
