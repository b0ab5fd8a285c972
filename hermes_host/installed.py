"""What was agreed to when plugins were installed, held against what is there when they are loaded.

`plugins.lock` in the home directory (written by whatever installs plugins) names for each plugin its distribution, the
SHA-256 of its files and what a person agreed to. A plugin it names is loaded only as it was agreed to; plugins it does
not name are none of its business. `plugins.lock.seen` beside it remembers what the files looked like when they were
last read, so that a start costs a look at them and no reading.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import time
from typing import TYPE_CHECKING

import msgspec

from hermes_host.specs import Capabilities

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from hermes_host.plugins import PluginRecord

__all__ = ["LOCK", "Agreed", "Installed", "InstalledPlugin", "changed_files", "hash_of", "missing_agreement"]

LOCK = "plugins.lock"
"""The file's name in the home directory."""

VERSION = 1
"""The format this host reads."""

_SETTLED = 2.0
"""Seconds after which a file that changes again shows it in its times, whatever the clock of its file system."""

_IMPORTABLE = (".py", ".pyc", ".pyd", ".so")
_SHOWN = 3


class Agreed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person agreed that a plugin may have: names as in `Capabilities`, `SecretSpec`, the hooks, the effects."""

    network: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()


class InstalledPlugin(msgspec.Struct, frozen=True, kw_only=True):
    """Of an entry of the lock, what loading it needs."""

    distribution: str
    version: str
    isolated: bool = False
    """Whether it lives in an environment of its own; it is then never loaded into this process."""
    root: str = ""
    """The absolute folder that `files` are relative to: the `site-packages` of its environment."""
    files: dict[str, str] = {}
    """Relative path with `/`, to `sha256=` and 64 hexadecimal digits."""
    capabilities: Agreed = Agreed()
    revoked: str = ""
    """Why the catalogue withdrew this version; empty where it did not."""


class _Lock(msgspec.Struct, frozen=True):
    version: int
    plugins: dict[str, InstalledPlugin]


class _Seen(msgspec.Struct):
    """For each plugin a digest of how its files looked when their bytes were last found right."""

    plugins: dict[str, str] = {}


class Installed:
    """The lock of one home directory, read when plugins are loaded."""

    def __init__(self, path: Path) -> None:
        """`path` is the lock file; it need not exist."""
        self._path = path
        self._entries: dict[str, InstalledPlugin] = {}
        self.fault = ""
        """Why the lock cannot be used; then no plugin it could name may be loaded."""
        self._read()

    def _read(self) -> None:
        try:
            with self._path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                data = file.read()
        except FileNotFoundError:
            return
        except OSError as error:
            self.fault = f"it cannot be read ({error.strerror})."
            return
        if mode & (stat.S_IWGRP | stat.S_IWOTH):
            self.fault = "others than its owner may write it."
            return
        try:
            lock = msgspec.json.decode(data, type=_Lock)
        except (msgspec.DecodeError, RecursionError) as error:
            self.fault = f"it is damaged ({error})."
            return
        if lock.version != VERSION:
            self.fault = f"it is of format {lock.version}, this host reads {VERSION}."
            return
        self._entries = lock.plugins

    def owner(self, name: str) -> str:
        """The distribution that a plugin's name belongs to, empty where the lock does not say."""
        entry = self._applying(name)
        return entry.distribution if entry is not None else ""

    def isolated(self) -> dict[str, InstalledPlugin]:
        """What lives in an environment of its own, by name."""
        return {name: entry for name, entry in sorted(self._entries.items()) if entry.isolated}

    def refuse(self, records: Sequence[PluginRecord]) -> None:
        """Before anything is imported: switch off what is not as it was agreed to."""
        if self.fault:
            self._refuse_all(records)
        if not self._entries:
            return
        seen = self._read_seen()
        now = dict(seen)
        for record in records:
            if record.state == "loaded" and not record.builtin:
                self._judge(record, now)
        gone = now.keys() - self._entries.keys()
        if now != seen or gone:
            self._write_seen({name: digest for name, digest in now.items() if name not in gone})

    def exceeding(self, record: PluginRecord) -> str:
        """After it is imported: what the plugin asks for that nobody agreed to, in words; empty where all is well."""
        entry = self._applying(record.name)
        if entry is None or record.state != "loaded":
            return ""
        wanted = record.info.capabilities if record.info is not None else Capabilities()
        asked = Agreed(
            network=wanted.network,
            read=wanted.read,
            write=wanted.write,
            programs=wanted.programs,
            secrets=tuple(secret.name for secret in record.info.secrets) if record.info is not None else (),
            hooks=record.hooks,
        )
        # What runs isolated has its secrets asked for by the plugin that runs it; they were agreed to with it.
        guests = {name for each in self._entries.values() if each.isolated for name in each.capabilities.secrets}
        asked = msgspec.structs.replace(asked, secrets=tuple(name for name in asked.secrets if name not in guests))
        return missing_agreement(entry.capabilities, asked)

    def _refuse_all(self, records: Sequence[PluginRecord]) -> None:
        for record in records:
            if record.builtin:
                remedy = f"Put {self._path} right or move it away; until then only the host's own parts are loaded."
                record.add_problem("plugins.lock", self.fault, remedy)
            elif record.state == "loaded":
                record.state = "failed"

    def _judge(self, record: PluginRecord, seen: dict[str, str]) -> None:
        entry = self._applying(record.name)
        if entry is None:
            return
        message, remedy = self._fault_of(record, entry, seen)
        if message:
            record.state = "failed"
            record.add_problem("plugins.lock", message, remedy)

    def _fault_of(self, record: PluginRecord, entry: InstalledPlugin, seen: dict[str, str]) -> tuple[str, str]:
        again = (
            f"`hermes plugins update {record.name}`, or `hermes plugins accept {record.name}` if you made the change."
        )
        if entry.revoked:
            return f"it was revoked: {entry.revoked}", f"`hermes plugins remove {record.name}`."
        if entry.isolated:
            return "it is installed isolated, so it is not loaded here.", f"Uninstall {record.distribution} from here."
        if entry.version != record.version:
            return f"version {record.version} is there, agreed was {entry.version}.", again
        shadow = _shadow(record.module, entry.root)
        if shadow:
            return f"its code would come from {shadow}, not from {entry.root}.", "Take that away, or off PYTHONPATH."
        signature = _signature(entry)
        if signature and seen.get(record.name) == signature[0]:
            return "", ""
        seen.pop(record.name, None)
        changed = changed_files(entry)
        if changed:
            return f"changed since it was installed: {_listed(changed)}.", again
        if signature and signature[1] < time.time() - _SETTLED:
            seen[record.name] = signature[0]
        return "", ""

    def _applying(self, name: str) -> InstalledPlugin | None:
        """The entry of a plugin, unless it speaks of another environment than this one."""
        entry = self._entries.get(name)
        if entry is None or entry.isolated or entry.root in sys.path:
            return entry
        root = os.path.realpath(entry.root)
        return entry if any(os.path.realpath(path) == root for path in sys.path) else None

    @property
    def _seen_path(self) -> Path:
        return self._path.with_name(f"{self._path.name}.seen")

    def _read_seen(self) -> dict[str, str]:
        try:
            return msgspec.json.decode(self._seen_path.read_bytes(), type=_Seen).plugins
        except (OSError, msgspec.DecodeError):
            return {}

    def _write_seen(self, seen: Mapping[str, str]) -> None:
        temporary = self._seen_path.with_name(f".{self._seen_path.name}.{os.getpid()}.tmp")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(_Seen(dict(seen))))
            temporary.replace(self._seen_path)
        except OSError:
            temporary.unlink(missing_ok=True)  # without it the files are read again at the next start


def missing_agreement(agreed: Agreed, asked: Agreed) -> str:
    """What `asked` has beyond `agreed`, such as `secrets: ACME_KEY; network: *`; empty where that is nothing."""
    parts = []
    for field in Agreed.__struct_fields__:
        have = getattr(agreed, field)
        more = [name for name in getattr(asked, field) if name not in have and "*" not in have]
        if more:
            parts.append(f"{field}: {', '.join(more)}")
    return "; ".join(parts)


def changed_files(entry: InstalledPlugin) -> list[str]:
    """Files of a plugin whose bytes are not those of the lock: changed, missing, or new where Python would import
    them. All of them are read."""
    found = []
    for relative, expected in sorted(entry.files.items()):
        try:
            if hash_of(os.path.join(entry.root, relative)) != expected:
                found.append(relative)
        except OSError:
            found.append(f"{relative} (missing)")
    return found + [f"{relative} (new)" for relative in _added_files(entry)]


def hash_of(path: str | os.PathLike[str]) -> str:
    """`sha256=` and the digest of a file that is no link. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is not a regular file.")
        return f"sha256={hashlib.file_digest(file, 'sha256').hexdigest()}"


def _added_files(entry: InstalledPlugin) -> Iterator[str]:
    """What lies in the plugin's packages, would be imported, and is not in the lock.

    `plugin.so`, or a folder `plugin`, beside `plugin.py` would be imported in its place.
    """
    folders = _folders(entry)
    for folder in folders:
        try:
            names = sorted(os.scandir(os.path.join(entry.root, folder)), key=lambda item: item.name)
        except OSError:
            continue
        for item in names:
            relative = f"{folder}/{item.name}"
            if item.is_dir():
                added = item.name != "__pycache__" and relative not in folders
            else:
                added = item.name.endswith(_IMPORTABLE) and relative not in entry.files
            if added:
                yield relative


def _folders(entry: InstalledPlugin) -> list[str]:
    """The folders of its own packages: below a top-level one with an `__init__.py` of its own."""
    found = set()
    for relative in entry.files:
        top, separator, _ = relative.partition("/")
        if separator and f"{top}/__init__.py" in entry.files:
            folder = relative.rpartition("/")[0]
            while folder:
                found.add(folder)
                folder = folder.rpartition("/")[0]
    return sorted(found)


def _signature(entry: InstalledPlugin) -> tuple[str, float] | None:
    """A digest of what the lock says and of how the files and folders look, and the time of their latest change; None
    when one is missing."""
    looks = []
    latest = 0.0
    try:
        for relative in (*entry.files, *_folders(entry)):
            look = os.lstat(f"{entry.root}/{relative}")
            latest = max(latest, look.st_ctime)
            looks.append((look.st_mode, look.st_ino, look.st_size, look.st_mtime_ns, look.st_ctime_ns))
    except OSError:
        return None
    material = repr((entry.root, entry.files, looks)).encode()
    return hashlib.blake2b(material, digest_size=16).hexdigest(), latest


def _shadow(module: str, root: str) -> str:
    """Where the top package of `module` would really be imported from, when that is not below `root`."""
    from importlib.util import find_spec

    top = module.partition(":")[0].partition(".")[0]
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return ""
    if spec is None:
        return ""  # the import itself will say so
    origin = spec.origin if spec.has_location else next(iter(spec.submodule_search_locations or ()), None)
    if origin is None:
        return f"the built-in module {top!r}"
    folder = os.path.realpath(root) + os.sep
    return "" if os.path.realpath(origin).startswith(folder) else str(origin)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
