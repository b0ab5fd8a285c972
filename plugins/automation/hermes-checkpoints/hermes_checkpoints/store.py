"""The snapshots of one workspace: a bare git repository of its own, beside and not in the workspace.

Each snapshot is a commit without parents, under `refs/checkpoints/<number>`, so that old ones can go. The index of the
last one stays: to see that nothing changed takes one look at every file's times. All work is done under one lock, which
holds across processes. Calls block: use them in a thread.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
from filelock import FileLock, Timeout

from hermes_checkpoints.changed import changed_paths, sorted_out
from hermes_checkpoints.git import Git, GitProblem, Stopped
from hermes_host.context import private_directory
from hermes_host.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hermes_checkpoints.settings import Settings

__all__ = ["Listed", "Restored", "Snapshot", "Store", "Taken"]

_REF = "refs/checkpoints"
_NAMED = 5
"""Changed files whose names are kept with a snapshot."""
_COLLECT_AFTER = 10
"""Deleted snapshots after which their content is deleted, too."""
_LOCK_SECONDS = 30.0
_PORTION = 1_000
"""Files that are taken in at once."""

_ATTRIBUTES = "* -text -ident !eol !filter !working-tree-encoding !diff !merge !export-subst\n"
"""Over everything a `.gitattributes` says: files are stored byte for byte, and no filter is run."""

_EXCLUDES = """\
.env
.env.*
!.env.example
!.env.sample
!.env.template
node_modules/
bower_components/
.venv/
venv/
__pycache__/
*.py[cod]
.mypy_cache/
.pytest_cache/
.ruff_cache/
.hypothesis/
.cache/
.tox/
.nox/
.next/
.nuxt/
.gradle/
.terraform/
.direnv/
/dist/
/build/
/target/
.hg/
.svn/
.jj/
.DS_Store
*.swp
"""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A state of the workspace. `changed` and `paths` say what differs from the snapshot before it."""

    number: int
    time: float
    tree: str = ""
    reason: str = ""
    session: str = ""
    files: int = 0
    changed: int = 0
    paths: tuple[str, ...] = ()


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """The snapshot that holds the present state: a new one, or the last one where nothing changed."""

    number: int
    new: bool
    skipped: int = 0
    """Files that could not be read."""
    collect: bool = False
    """It is time to call `collect`."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot and what was changed after it, until the next one or until now."""

    snapshot: Snapshot
    changed: int
    paths: tuple[str, ...]


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore did. `before` is the snapshot that holds the state from before it."""

    number: int
    before: int
    changed: int
    paths: tuple[str, ...]


class _State(msgspec.Struct, kw_only=True):
    workspace: str = ""
    next: int = 1
    clean: int = 0
    """The snapshot that the index holds; 0 while it may hold something else."""
    deleted: int = 0


class Store:
    """Used for one piece of work by one thread; `stop` may be called from another."""

    def __init__(self, folder: Path, workspace: Path, settings: Settings, *, home: Path) -> None:
        """`home` is `$HERMES_HOME`, which is never part of a snapshot."""
        self.folder = folder
        self.workspace = workspace
        self._settings = settings
        self._home = home
        self._git: Git | None = None
        self._stopped = False

    def stop(self) -> None:
        """End what runs."""
        self._stopped = True
        if self._git is not None:
            self._git.stop()

    # --------------------------------------------------------------------------------------------------- the work

    def take(self, reason: str, *, session: str = "") -> Taken:
        """Keep the present state. Raises `GitProblem`; nothing is then kept."""
        with self._working() as git:
            return self._take(git, reason, session)

    def listing(self) -> list[Listed]:
        """All snapshots, newest first. Raises `GitProblem`."""
        if not self.folder.is_dir():
            return []
        with self._working() as git:
            snapshots = self._snapshots(git)
            if not snapshots:
                return []
            if self.workspace.is_dir():
                self._stage(git, self._state())
            now = self._differing(git, "diff-index", "--cached", snapshots[-1].tree)
            listed = [Listed(snapshot=snapshots[-1], changed=len(now), paths=_named(now))]
            for snapshot, after in zip(snapshots[-2::-1], snapshots[:0:-1], strict=True):
                listed.append(Listed(snapshot=snapshot, changed=after.changed, paths=after.paths))
            return listed

    def diff(self, number: int, path: str = "") -> str:
        """What changed since a snapshot, as a unified diff. Raises `NotFound`, `GitProblem`."""
        with self._working() as git:
            snapshot = self._find(git, number)
            self._stage(git, self._state())
            what = ["--", path] if path else []
            options = ("--cached", "-p", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames")
            return git.run("diff-index", *options, snapshot.tree, *what).decode("utf-8", "replace")

    def restore(self, number: int, path: str = "", *, session: str = "") -> Restored:
        """Bring a snapshot's state back, of all files or of one path, after keeping the present one.

        Files that were made since go; what no snapshot holds (ignored files) stays. Raises `NotFound`, `GitProblem`.
        """
        with self._working() as git:
            snapshot = self._find(git, number)
            private_directory(self.workspace)  # it may be what was deleted
            what = f"{path} from " if path else ""
            before = self._take(git, f"before going back to {what}{number}", session)
            self._keep_state(clean=0)
            found = self._differing(git, "diff-index", "--cached", snapshot.tree, path)
            if path:
                self._restore_path(git, snapshot, path, bool(found))
            else:
                git.run("read-tree", "--reset", "-u", snapshot.tree)
            return Restored(number=number, before=before.number, changed=len(found), paths=_named(found))

    def prune(self, *, collect: bool = True) -> int:
        """Delete snapshots beyond the set number and age, then what only they held; gives how many."""
        with self._working() as git:
            gone = self._prune(git)
            if collect:
                self._collect(git)
            return gone

    def collect(self) -> None:
        """Delete content that no snapshot holds any more, and pack the rest."""
        with self._working() as git:
            self._collect(git)

    # ------------------------------------------------------------------------------------------------- the inside

    @contextmanager
    def _working(self) -> Iterator[Git]:
        private_directory(self.folder)
        lock = FileLock(self.folder / "lock", timeout=_LOCK_SECONDS, mode=0o600, poll_interval=0.01)
        try:
            lock.acquire()
        except Timeout:
            raise GitProblem(f"another process has been at work on it for {_LOCK_SECONDS:.0f} s.") from None
        except OSError as error:
            raise GitProblem(f"{self.folder} cannot be used: {error.strerror}.") from error
        try:
            git = self._git = Git(self.folder / "git", self.workspace, timeout=self._settings.timeout)
            if self._stopped:
                raise Stopped("it was interrupted.")
            self._prepare(git)
            yield git
        except OSError as error:
            raise GitProblem(f"{error.filename or self.folder}: {error.strerror}.") from error
        finally:
            self._git = None
            lock.release()

    def _prepare(self, git: Git) -> None:
        store = self.folder / "git"
        if not (self.folder / "state.json").exists():
            git.run(
                "init",
                "--quiet",
                "--bare",
                "--template=",
                str(store),
                environment=dict.fromkeys(("GIT_DIR", "GIT_WORK_TREE"), ""),
            )
            (store / "info").mkdir(exist_ok=True)
            (store / "info" / "attributes").write_text(_ATTRIBUTES, encoding="utf-8")
            self._keep_state()
        excludes = _EXCLUDES + self._own_excludes()
        file = store / "info" / "exclude"
        if not file.exists() or file.read_text(encoding="utf-8", errors="surrogateescape") != excludes:
            file.write_text(excludes, encoding="utf-8", errors="surrogateescape")
        # Whoever holds the lock is alone: a lock of git's own is left from a process that was killed.
        for left in ("index.lock", "packed-refs.lock", "HEAD.lock", "gc.pid"):
            (store / left).unlink(missing_ok=True)

    def _own_excludes(self) -> str:
        home = os.path.realpath(self._home)
        inside = os.path.relpath(home, self.workspace)
        if inside.startswith(os.pardir) or os.path.isabs(inside):
            return ""
        return f"/{_escaped(inside.replace(os.sep, '/'))}/\n"

    def _take(self, git: Git, reason: str, session: str) -> Taken:
        state = self._state()
        skipped, changed = self._stage(git, state)
        if not changed and state.clean:
            return Taken(number=state.clean, new=False, skipped=skipped)
        tree = git.run("write-tree").decode().strip()
        snapshots = self._snapshots(git)
        last = snapshots[-1] if snapshots else None
        if last is not None and last.tree == tree:
            self._keep_state(clean=last.number)
            return Taken(number=last.number, new=False, skipped=skipped)
        differing = self._differing(git, "diff-tree", last.tree, tree) if last else []
        snapshot = Snapshot(
            number=max(state.next, last.number + 1 if last else 1),
            time=time.time(),
            reason=reason,
            session=session,
            files=git.run("ls-files", "-z").count(b"\0"),
            changed=len(differing),
            paths=_named(differing),
        )
        commit = git.run("commit-tree", tree, stdin=msgspec.json.encode(snapshot)).decode().strip()
        git.run("update-ref", f"{_REF}/{snapshot.number:08d}", commit)
        self._keep_state(clean=snapshot.number, next=snapshot.number + 1)
        self._prune(git)
        return Taken(number=snapshot.number, new=True, skipped=skipped, collect=self._state().deleted >= _COLLECT_AFTER)

    def _stage(self, git: Git, state: _State) -> tuple[int, bool]:
        """Bring the index up to the workspace; gives how many files could not be read, and whether any changed."""
        found = changed_paths(git, self.workspace, limit=self._settings.max_files)
        changes = sorted_out(self.workspace, found)
        if changes.size > self._settings.max_megabytes * 1_000_000:
            raise GitProblem(
                f"{changes.size // 1_000_000:,} MB of files are new or changed (checkpoints.max_megabytes is "
                f"{self._settings.max_megabytes:,})."
            )
        if not changes.paths and not changes.replaced:
            return changes.unreadable, False
        if state.clean:
            self._keep_state(clean=0)
        if changes.replaced:
            git.run("update-index", "-z", "--force-remove", "--stdin", stdin=_listed(changes.replaced))
        # In portions: what is done stays done where time runs out, and the next snapshot goes on from there.
        for place in range(0, len(changes.paths), _PORTION):
            portion = _listed(changes.paths[place : place + _PORTION])
            git.run("update-index", "-z", "--add", "--remove", "--replace", "--stdin", stdin=portion)
        git.run("update-index", "-q", "--refresh", accept=(1,))
        return changes.unreadable, True

    def _restore_path(self, git: Git, snapshot: Snapshot, path: str, differs: bool) -> None:
        known = git.run("ls-tree", "-z", "--name-only", snapshot.tree, "--", path) or git.run(
            "ls-files", "-z", "--", path
        )
        if not known:
            raise NotFound(
                f"{path} is neither in snapshot {snapshot.number} nor in the workspace.",
                remedy=f"`/rollback diff {snapshot.number}` shows what changed since.",
            )
        if differs:
            git.run("restore", f"--source={snapshot.tree}", "--staged", "--worktree", "--", path)

    def _snapshots(self, git: Git) -> list[Snapshot]:
        listed = git.run("for-each-ref", "--format=%(tree)%00%(contents)%00", _REF).split(b"\0")
        found = []
        for tree, message in zip(listed[::2], listed[1::2], strict=False):
            snapshot = msgspec.json.decode(message, type=Snapshot)
            found.append(msgspec.structs.replace(snapshot, tree=tree.decode().strip()))
        return found

    def _find(self, git: Git, number: int) -> Snapshot:
        snapshots = self._snapshots(git)
        for snapshot in snapshots:
            if snapshot.number == number:
                return snapshot
        there = f"There are {snapshots[0].number} to {snapshots[-1].number}." if snapshots else "There are none."
        raise NotFound(f"There is no snapshot {number} of {self.workspace}.", remedy=there)

    def _differing(self, git: Git, command: str, *trees: str) -> list[str]:
        *options, path = trees if command == "diff-index" and len(trees) == 3 else (*trees, "")
        what = ["--", path] if path else []
        found = git.run(command, "-r", "--name-only", "-z", "--no-renames", *options, *what).split(b"\0")
        return [os.fsdecode(name) for name in found if name]

    def _prune(self, git: Git) -> int:
        snapshots = self._snapshots(git)
        oldest = time.time() - self._settings.max_days * 86_400
        beyond = len(snapshots) - self._settings.max_snapshots
        gone = [each for place, each in enumerate(snapshots) if place < beyond or each.time < oldest]
        if not gone:
            return 0
        lines = "".join(f"delete {_REF}/{each.number:08d}\n" for each in gone)
        git.run("update-ref", "--stdin", stdin=lines.encode())
        state = self._state()
        clean = 0 if state.clean in {each.number for each in gone} else state.clean
        self._keep_state(clean=clean, deleted=state.deleted + len(gone))
        return len(gone)

    def _collect(self, git: Git) -> None:
        git.run("gc", "--quiet", "--prune=now")
        self._keep_state(deleted=0)

    def _state(self) -> _State:
        try:
            return msgspec.json.decode((self.folder / "state.json").read_bytes(), type=_State)
        except (FileNotFoundError, msgspec.MsgspecError):
            return _State()

    def _keep_state(self, **changes: int) -> None:
        state = self._state()
        state.workspace = os.fsencode(self.workspace).decode("utf-8", "replace")
        for name, value in changes.items():
            setattr(state, name, value)
        temporary = self.folder / "state.new"
        temporary.write_bytes(msgspec.json.encode(state))
        temporary.replace(self.folder / "state.json")


def _listed(paths: Sequence[bytes]) -> bytes:
    return b"".join(path + b"\0" for path in paths)


def _named(paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(os.fsencode(path).decode("utf-8", "replace") for path in paths[:_NAMED])


def _escaped(pattern: str) -> str:
    return "".join(f"\\{char}" if char in "*?[]!# \\" else char for char in pattern)
