"""The skills folder on disk: quarantine, the one moment in which a skill changes, and what a crash leaves behind.

A change is prepared in `.hub/quarantine/<name>-<random>/`, which the process holds a lock on; what nobody holds a lock
on is what a killed process left, and is removed by the next one. The change itself is written into `.hub/journal.json`,
then done by one rename (or one exchange of two folders), then recorded in the lock file. Whoever takes the lock next
and finds a journal compares the content on disk with the hash it names: the rename happened, and the record is
completed; or it did not, and nothing has happened.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from hermes_host.config.files import locked, read_text, write_private
from hermes_host.context import private_directory
from hermes_host.errors import ConfigError
from hermes_skillhub.bundles import content_hash, noise, path_fault
from hermes_skillhub.errors import BundleRefused, InstallRefused
from hermes_skillhub.lockfile import Installed, LockFile
from hermes_skillhub.protocol import BundleFile
from hermes_skillhub.swap import exchange, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["LocalState", "Staged", "Storage"]

_ENTRIES_AT_MOST = 5_000


class LocalState(msgspec.Struct, frozen=True, kw_only=True):
    """How a skill on disk differs from what was installed."""

    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing differs."""
        return not (self.missing or self.changed or self.added)


class Staged:
    """A folder in quarantine that this process holds."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self.folder = folder
        self.skill = folder / "skill"
        self._descriptor = descriptor

    def discard(self) -> None:
        """Remove it. May be called twice."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class _Journal(msgspec.Struct, frozen=True, kw_only=True):
    """What was about to happen. Paths are relative to the skills folder."""

    action: Literal["put", "remove"]
    name: str
    target: str
    staged: str
    content_hash: str = ""
    entry: Installed | None = None


class Storage:
    """The skills folder of one home."""

    def __init__(self, skills: Path) -> None:
        self.skills = skills
        self.hub = skills / ".hub"
        self.lock_file = LockFile(self.hub / "lock.json")
        self.audit_log = self.hub / "audit.log"
        self.taps = self.hub / "taps.json"
        self._journal = self.hub / "journal.json"

    @contextmanager
    def held(self) -> Iterator[LockFile]:
        """Be the only process that changes anything, after completing what a killed one had begun."""
        private_directory(self.hub)
        with locked(self.lock_file.path):
            self._recover()
            self.clean_quarantine()
            yield self.lock_file

    def installed(self) -> dict[str, Installed]:
        """What the lock file has."""
        room = self.hub / "quarantine"
        if self._journal.exists() or (room.is_dir() and any(room.iterdir())):
            with self.held() as lock:
                return lock.read()
        return self.lock_file.read()

    # ----------------------------------------------------------------------------------------------- quarantine

    def stage(self, name: str, files: Sequence[BundleFile]) -> Staged:
        """Write checked files into quarantine. Nothing there is ever read as a skill."""
        room = private_directory(self.hub / "quarantine")
        # The lock is taken before the folder has its name, so that no other process takes it for a leftover.
        folder = room / f"{name}-{secrets.token_hex(6)}"
        staged = self._claimed(room, folder)
        try:
            self._write_all(staged.skill, files)
        except OSError as error:
            staged.discard()
            raise BundleRefused(f"The skill cannot be written: {error.strerror}.") from error
        except BaseException:
            staged.discard()
            raise
        return staged

    def _claimed(self, room: Path, folder: Path) -> Staged:
        with locked(room):
            folder.mkdir(mode=0o700)
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        return Staged(folder, descriptor)

    def _write_all(self, folder: Path, files: Sequence[BundleFile]) -> None:
        folder.mkdir(mode=0o700)
        for file in files:
            if path_fault(file.path):
                raise BundleRefused(f"{file.path!r} cannot be written.")
            path = folder / file.path
            private_directory(path.parent)
            descriptor = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o700 if file.executable else 0o600
            )
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(file.data)
                stream.flush()
                os.fsync(stream.fileno())
        for parent, _, _ in os.walk(folder, topdown=False):
            sync_folder(Path(parent))

    def clean_quarantine(self) -> None:
        """Remove what killed processes left; what a living one holds stays."""
        room = self.hub / "quarantine"
        if not room.is_dir():
            return
        with locked(room):
            for folder in list(room.iterdir()):
                self._remove_leftover(folder)

    def _remove_leftover(self, folder: Path) -> None:
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            folder.unlink(missing_ok=True)
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not self._journal_names(folder):
                shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)

    def _journal_names(self, folder: Path) -> bool:
        text = read_text(self._journal)
        return text is not None and folder.name in text

    # -------------------------------------------------------------------------------------------------- changes

    def put(self, staged: Staged, entry: Installed) -> None:
        """Make a staged skill the installed one; an older one in its place goes into quarantine and is removed.

        Only within `held`.
        """
        target = self.folder_of(entry)
        self._refuse_links(target)
        private_directory(target.parent)
        self._begin(_Journal(action="put", staged=self._relative(staged.skill), entry=entry, **_of(entry)))
        if target.exists():
            exchange(target, staged.skill)
        else:
            staged.skill.rename(target)
            sync_folder(target.parent)
            sync_folder(staged.folder)
        self.lock_file.put(entry)
        self._end()
        staged.discard()

    def remove(self, entry: Installed, keep: Sequence[str] = ()) -> None:
        """Take an installed skill away. The files named in `keep` stay where they are; only within `held`."""
        target = self.folder_of(entry)
        self._refuse_links(target)
        if keep:
            self._remove_files(entry, target)
        elif target.exists():
            room = private_directory(self.hub / "quarantine")
            folder = room / f"{entry.name}-{secrets.token_hex(6)}"
            staged = self._claimed(room, folder)
            self._begin(_Journal(action="remove", staged=self._relative(staged.skill), **_of(entry)))
            target.rename(staged.skill)
            sync_folder(target.parent)
            self.lock_file.drop(entry.name)
            self._end()
            staged.discard()
        self.lock_file.drop(entry.name)
        self._drop_empty_category(target.parent)

    def _remove_files(self, entry: Installed, target: Path) -> None:
        """What the lock file names, and folders that are then empty. SKILL.md first: from then on it is no skill."""
        for path in sorted(entry.files, key=lambda name: (name != "SKILL.md", name)):
            (target / path).unlink(missing_ok=True)
        for parent, _, _ in os.walk(target, topdown=False):
            try:
                Path(parent).rmdir()
            except OSError:
                continue

    def _drop_empty_category(self, folder: Path) -> None:
        if folder != self.skills and folder.is_relative_to(self.skills):
            try:
                folder.rmdir()
            except OSError:
                pass

    def folder_of(self, entry: Installed) -> Path:
        """Where an entry's skill lies. Raises `InstallRefused` for a path that leads elsewhere."""
        if path_fault(entry.install_path):
            raise InstallRefused(f"{entry.install_path!r} is not a place for a skill.")
        return self.skills / entry.install_path

    def _refuse_links(self, target: Path) -> None:
        """No part of the way below the skills folder may be a link that leads away."""
        current = target
        while current != self.skills:
            if current.is_symlink():
                raise InstallRefused(f"{current} is a link.", remedy="Put a folder in its place.")
            current = current.parent

    # ------------------------------------------------------------------------------------------------- recovery

    def _begin(self, journal: _Journal) -> None:
        write_private(self._journal, msgspec.json.encode(journal).decode() + "\n")

    def _end(self) -> None:
        self._journal.unlink(missing_ok=True)

    def _recover(self) -> None:
        text = read_text(self._journal)
        if text is None:
            return
        try:
            journal = msgspec.json.decode(text, type=_Journal)
        except msgspec.MsgspecError as error:
            raise ConfigError(f"{self._journal} is damaged.", remedy="Move it away.") from error
        if path_fault(journal.target) or path_fault(journal.staged.removeprefix(".hub/")):
            raise ConfigError(f"{self._journal} names a place outside.", remedy="Move it away.")
        target, staged = self.skills / journal.target, self.skills / journal.staged
        aside = staged.with_name(f"{staged.name}.aside")
        if aside.exists() and not target.exists():
            aside.rename(target)
        if journal.action == "remove" and not target.exists():
            self.lock_file.drop(journal.name)
        elif journal.entry is not None and target.is_dir() and self.hash_of(target) == journal.content_hash:
            self.lock_file.put(journal.entry)
        self._end()

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.skills).as_posix()

    # ---------------------------------------------------------------------------------------------------- looks

    def files_of(self, folder: Path) -> dict[str, str]:
        """The SHA-256 of every file below `folder`, by path; links are named and hashed by where they point."""
        found: dict[str, str] = {}
        for parent, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if not noise(name))
            links = [name for name in folders if (Path(parent) / name).is_symlink()]
            for name in [*(name for name in names if not noise(name)), *links]:
                path = Path(parent) / name
                found[path.relative_to(folder).as_posix()] = _hash(path)
                if len(found) > _ENTRIES_AT_MOST:
                    raise InstallRefused(f"{folder} holds more than {_ENTRIES_AT_MOST} files.")
        return found

    def hash_of(self, folder: Path) -> str:
        """The content hash of a folder."""
        return content_hash(self.files_of(folder))

    def local_state(self, entry: Installed) -> LocalState:
        """How the skill on disk differs from what was installed. What cannot be known counts as unchanged."""
        folder = self.folder_of(entry)
        found = self.files_of(folder) if folder.is_dir() else {}
        known = entry.hashes or dict.fromkeys(entry.files, "")
        return LocalState(
            missing=tuple(sorted(set(known) - set(found))),
            changed=tuple(
                sorted(path for path in known if known[path] and found.get(path, known[path]) != known[path])
            ),
            added=tuple(sorted(set(found) - set(known))),
        )

    def read(self, folder: Path, *, strict: bool = True) -> tuple[BundleFile, ...]:
        """The files of a skill that lies on disk. What is no plain file is left out, or with `strict` an error."""
        files = []
        for name in sorted(self.files_of(folder)):
            path = folder / name
            mode = path.lstat().st_mode
            if strict and not stat.S_ISREG(mode):
                raise BundleRefused(f"{path} is a link or a device.")
            if not stat.S_ISREG(mode):
                continue
            files.append(BundleFile(name, path.read_bytes(), bool(mode & 0o111)))
        return tuple(files)


def _of(entry: Installed) -> dict[str, Any]:
    return {"name": entry.name, "target": entry.install_path, "content_hash": entry.content_hash}


def _hash(path: Path) -> str:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return f"link:{path.readlink()}"
    if not stat.S_ISREG(mode):
        return "device:"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
