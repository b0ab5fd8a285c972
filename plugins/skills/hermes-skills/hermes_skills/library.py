"""All skills: the user's folder first, then further folders, then what plugins bring. Read in place, kept in an index.

The index remembers what each SKILL.md said together with its size and its times; a file is read again when one of them
has changed. What is hidden for a surface or for want of a tool is decided at every look and never kept.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hermes_host.errors import HermesError, NotFound
from hermes_host.visible import one_line
from hermes_skills.format import LARGEST_TEXT, Facts, FormatError, read_facts
from hermes_skills.names import skeleton
from hermes_skills.settings import SkillsSettings
from hermes_skills.tree import TreeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from hermes_host.context import PluginContext

    _Describe = Callable[[str, str], None]

__all__ = ["Collection", "Library", "Problem", "Skill", "connect", "skills_folder"]

log = logging.getLogger(__name__)

_VERSION = 3
_SKIPPED = frozenset({"node_modules", "__pycache__"})
_DEEPEST = 6


class Problem(msgspec.Struct, frozen=True):
    """A skill that cannot be used, or not as it is."""

    path: str
    message: str
    remedy: str = ""

    def line(self) -> str:
        """The problem in one line."""
        return f"{self.path}: {self.message} {self.remedy}".rstrip()


class Skill(msgspec.Struct, frozen=True, kw_only=True):
    """A skill and where it lies."""

    facts: Facts
    place: str
    """The absolute path of the folder that holds it."""
    file: str = "SKILL.md"
    """Its main file; another one for a skill that is a single file."""
    category: str = ""
    source: str = "local"
    """`local` for the user's folder, else the further folder or the plugin's source it comes from."""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.facts.name

    @property
    def folder(self) -> Path:
        """The folder that holds it."""
        return Path(self.place)

    @property
    def is_local(self) -> bool:
        """Whether it lies in the user's folder, where it may be changed."""
        return self.source == "local"

    def text(self) -> str:
        """The whole SKILL.md. Raises `NotFound` when it is gone or cannot be read."""
        from hermes_skills.linked import read_linked

        try:
            return read_linked(self.folder, self.file, limit=LARGEST_TEXT).decode("utf-8", "replace")
        except (OSError, TreeError) as error:
            raise NotFound(f"The skill {self.name!r} cannot be read: {error}") from error


@dataclass
class Collection:
    """What a look at all folders gave."""

    skills: list[Skill] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    categories: dict[str, str] = field(default_factory=dict)
    """The descriptions of categories."""

    def find(self, name: str) -> Skill:
        """By name, by `category/name`, or by the name of the folder. Raises `NotFound`, naming near ones."""
        for skill in self.skills:
            if name in (skill.name, f"{skill.category}/{skill.name}"):
                return skill
        for skill in self.skills:
            if skill.folder.name == name and skill.file == "SKILL.md":
                return skill
        raise NotFound(
            f"There is no skill {one_line(name, 80)!r}.", remedy=_near(name, [item.name for item in self.skills])
        )


def _near(name: str, names: Sequence[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(map(repr, near))}?"
    return f"There are: {', '.join(names[:20])}{' …' if len(names) > 20 else ''}." if names else "There are none."


class Parsed(msgspec.Struct, array_like=True, omit_defaults=True):
    """What is remembered of a file."""

    stamp: tuple[int, int, int]
    facts: Facts | None = None
    message: str = ""
    remedy: str = ""


class Index(msgspec.Struct, array_like=True):
    """The file that is kept."""

    version: int
    files: dict[str, Parsed]


def skills_folder(home: Path) -> Path:
    """The user's own skills."""
    return home / "skills"


@dataclass(frozen=True)
class _Place:
    folder: str  # paths are kept as text: making a Path costs more than looking at the file
    file: str
    category: str
    source: str


async def connect(context: PluginContext, spec: object) -> Library:
    """The service."""
    return Library(context)


class Library:
    """The skills of one host."""

    def __init__(self, context: PluginContext) -> None:
        self.context = context
        self.home = context.home
        self._files: dict[str, Parsed] | None = None
        self._lock = threading.Lock()
        self._synced = False

    @property
    def settings(self) -> SkillsSettings:
        """The section `skills`."""
        return self.context.section(SkillsSettings)

    async def load(self) -> Collection:
        """All skills as they are now, by category and name. Never fails for what lies in a folder."""
        collection = Collection()
        brought = [place async for place in self._brought(collection.problems)]
        await asyncio.to_thread(self._read, collection, brought)
        return collection

    async def _brought(self, problems: list[Problem]) -> AsyncIterator[_Place]:
        for item in self.context.registry("skill_sources"):
            try:
                source = await self.context.part(item)
                folders = list(source.folders())
            except Exception as error:  # noqa: BLE001 - the boundary to another plugin: the other skills stay
                problems.append(Problem(f"plugin {item.plugin!r}", f"Its skills cannot be listed: {error}"))
                continue
            for folder in folders:
                yield _Place(folder.path.rstrip("/"), "SKILL.md", folder.category, f"{item.plugin}:{item.name}")

    def _read(self, collection: Collection, brought: list[_Place]) -> None:
        with self._lock:
            self._sync()
            known = self._index()
            fresh: dict[str, Parsed] = {}
            seen: dict[str, Skill] = {}
            for place in (*self._local(collection, fresh, known), *brought):
                self._take(place, collection, known, fresh, seen)
            collection.skills.sort(key=lambda skill: (skill.category, skill.name))
            if fresh != known:
                self._keep(fresh)
            self._files = fresh

    def _sync(self) -> None:
        if self._synced or not self.settings.bundled:
            return
        from hermes_skills.sync import sync_bundled

        self._synced = True
        try:
            sync_bundled(self.home)
        except (HermesError, OSError) as error:
            log.warning("the bundled skills could not be copied: %s", error)

    def _local(self, collection: Collection, fresh: dict[str, Parsed], known: dict[str, Parsed]) -> Iterator[_Place]:
        roots = [(skills_folder(self.home), "local")]
        for text in self.settings.external_dirs:
            roots.append((Path(os.path.expandvars(text)).expanduser(), text))  # noqa: PERF401 - reads better than a tuple
        for root, source in roots:
            yield from _walk(
                os.path.realpath(root),
                os.path.realpath(root),
                (),
                source,
                collection,
                self._describe(collection, fresh, known),
            )

    def _describe(self, collection: Collection, fresh: dict[str, Parsed], known: dict[str, Parsed]) -> _Describe:
        def describe(folder: str, category: str) -> None:
            parsed = self._parsed(folder, "DESCRIPTION.md", known, fresh)
            if parsed.facts is not None and not parsed.facts.suspicious and category:
                collection.categories.setdefault(category, parsed.facts.description)

        return describe

    def _take(
        self,
        place: _Place,
        collection: Collection,
        known: dict[str, Parsed],
        fresh: dict[str, Parsed],
        seen: dict[str, Skill],
    ) -> None:
        parsed = self._parsed(place.folder, place.file, known, fresh)
        shown = f"{place.folder}/{place.file}"
        if parsed.facts is None:
            if parsed.message:
                collection.problems.append(Problem(shown, parsed.message, parsed.remedy))
            return
        skill = Skill(
            facts=parsed.facts, place=place.folder, file=place.file, category=place.category, source=place.source
        )
        earlier = seen.get(skeleton(skill.name))
        if earlier is not None:
            if earlier.name != skill.name:
                message = f"Its name {skill.name!r} looks like {earlier.name!r} in {earlier.folder}, so it is left out."
                collection.problems.append(Problem(shown, message, "Rename one of them."))
            elif earlier.source == skill.source:
                message = f"There is a skill {skill.name!r} in {earlier.folder} already, so it is left out."
                collection.problems.append(Problem(shown, message, "Rename or delete one of them."))
            return
        seen[skeleton(skill.name)] = skill
        if parsed.facts.warning:
            collection.problems.append(Problem(shown, parsed.facts.warning))
        if parsed.facts.suspicious:
            message = "Its description tries to tell the agent what to do; the list shows only its name."
            collection.problems.append(Problem(shown, message, f"Look at it: hermes skills validate {skill.name}"))
        collection.skills.append(skill)

    def _parsed(self, folder: str, file: str, known: dict[str, Parsed], fresh: dict[str, Parsed]) -> Parsed:
        path = f"{folder}/{file}"
        try:
            status = os.stat(path)
        except OSError as error:
            return Parsed((0, 0, 0), None, f"It cannot be read: {error.strerror}.")
        stamp = (status.st_mtime_ns, status.st_ctime_ns, status.st_size)
        parsed = known.get(path)
        if parsed is None or parsed.stamp != stamp:
            parsed = _parse(folder, file, stamp)
        fresh[path] = parsed
        return parsed

    # ------------------------------------------------------------------------------------------------- the index

    @property
    def _file(self) -> Path:
        return self.context.cache_directory / "index.msgpack"

    def _index(self) -> dict[str, Parsed]:
        if self._files is None:
            try:
                index = msgspec.msgpack.decode(self._file.read_bytes(), type=Index)
                self._files = index.files if index.version == _VERSION else {}
            except (OSError, msgspec.MsgspecError):
                self._files = {}
        return self._files

    def _keep(self, files: dict[str, Parsed]) -> None:
        temporary = self._file.with_name(f".index.{os.getpid()}.{threading.get_ident()}")
        try:
            temporary.write_bytes(msgspec.msgpack.encode(Index(_VERSION, files)))
            temporary.replace(self._file)
        except OSError as error:
            log.info("the index of skills cannot be kept: %s", error)


def _parse(place: str, file: str, stamp: tuple[int, int, int]) -> Parsed:
    from hermes_skills.linked import read_linked

    folder = Path(place)
    try:
        text = read_linked(folder, file, limit=LARGEST_TEXT).decode("utf-8")
        name = folder.name if file in ("SKILL.md", "DESCRIPTION.md") else file.removesuffix(".md")
        return Parsed(stamp, read_facts(text, name))
    except UnicodeDecodeError:
        return Parsed(stamp, None, "It is not UTF-8 text.", "Save it as UTF-8.")
    except (FormatError, TreeError) as error:
        return Parsed(stamp, None, error.message, error.remedy)
    except OSError as error:
        return Parsed(stamp, None, f"It cannot be read: {error.strerror}.")


def _walk(
    root: str, folder: str, parts: tuple[str, ...], source: str, collection: Collection, describe: _Describe
) -> Iterator[_Place]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    names = {entry.name for entry in entries}
    if parts and "SKILL.md" in names:
        yield _Place(folder, "SKILL.md", "/".join(parts[:-1]), source)
        return
    if "DESCRIPTION.md" in names:
        describe(folder, "/".join(parts))
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _SKIPPED:
            continue
        if entry.is_symlink():
            target = os.path.realpath(entry.path)
            if os.path.isdir(target) and os.path.commonpath([target, root]) != root:
                message = "It is a link that leaves the folder of skills, so it is not followed."
                collection.problems.append(Problem(entry.path, message, f"Add {target} to skills.external_dirs."))
        elif entry.is_dir():
            if not entry.name.isprintable() or len(entry.name) > 64:
                message = "The name of this folder is too long or has characters that cannot be seen."
                collection.problems.append(Problem(repr(entry.path), message, "Rename it."))
            elif len(parts) < _DEEPEST:
                yield from _walk(root, entry.path, (*parts, entry.name), source, collection, describe)
        elif source == "local" and len(parts) < 2 and _is_flat(entry):
            yield _Place(folder, entry.name, "/".join(parts), source)


def _is_flat(entry: os.DirEntry[str]) -> bool:
    """Whether it is a skill of an older kind: a single file with frontmatter, and no folder."""
    if not entry.name.endswith(".md") or entry.name in ("DESCRIPTION.md", "README.md"):
        return False
    try:
        with open(entry.path, "rb") as file:  # noqa: PTH123 - one call less for each file
            return file.read(4) == b"---\n"
    except OSError:
        return False
