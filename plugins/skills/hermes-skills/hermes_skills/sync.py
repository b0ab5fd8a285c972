"""The skills of this package, copied into the user's folder: new ones and new versions, never over what a user did.

The state is `skills/.bundled_manifest`, one `name:md5` in each line, as Hermes Agent has it.

============  ========================  =======  ==================================================
in manifest   on disk                   changed  what is done
============  ========================  =======  ==================================================
no            no                                 copied
no            yes                                the user's own: left, and noted so that it stays so
yes           no                                 the user deleted it: never brought back
yes           as it was copied          yes      replaced by the new version
yes           otherwise                          the user changed it: left
yes           not bundled any more               forgotten, the files stay
============  ========================  =======  ==================================================
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from hermes_host.context import private_directory
from hermes_skills.changes import local_parts, locked, swap
from hermes_skills.tree import Entry, ignored, read_tree, write_file, write_tree

__all__ = ["IN_PLACE", "Synced", "bundled_folder", "bundled_skills", "sync_bundled"]

_MANIFEST = ".bundled_manifest"

IN_PLACE = "hermes"
"""The category that is not copied but read where it lies: what the host says about itself is never out of date."""


class Synced(msgspec.Struct, kw_only=True):
    """What a sync did, by the names of skills."""

    copied: list[str] = []
    updated: list[str] = []
    skipped: list[str] = []
    """Nothing to do, or deleted by the user."""
    user_modified: list[str] = []
    cleaned: list[str] = []
    total_bundled: int = 0


def bundled_folder() -> Path:
    """Where the bundled skills lie: `$HERMES_BUNDLED_SKILLS`, else in this package."""
    named = os.environ.get("HERMES_BUNDLED_SKILLS")
    return Path(named).expanduser() if named else Path(__file__).parent / "bundled"


def bundled_skills(folder: Path) -> dict[str, tuple[str, ...]]:
    """The names of the bundled skills and where each lies below `folder`."""
    found = {}
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and not ignored(name))
        if "SKILL.md" in files:
            parts = Path(place).relative_to(folder).parts
            if parts:
                found[parts[-1]] = parts
            folders.clear()
    return found


def sync_bundled(home: Path, *, force: bool = False) -> Synced | None:
    """Bring the user's folder up to date; None when nothing has changed since the last time. Raises `OSError`."""
    source = bundled_folder()
    stamp = _stamp(source)
    stamp_file = home / "plugins" / "skills" / "bundled.stamp"
    if not force and stamp_file.is_file() and stamp_file.read_text(encoding="utf-8") == stamp:
        return None
    if not source.is_dir():
        return None
    with locked(home) as root:
        result = _sync(home, source, root)
    write_file(private_directory(stamp_file.parent), (stamp_file.name,), stamp.encode())
    return result


def _sync(home: Path, source: Path, root: Path) -> Synced:
    bundled = {name: parts for name, parts in bundled_skills(source).items() if parts[0] != IN_PLACE}
    manifest = _read_manifest(root / _MANIFEST)
    result = Synced(total_bundled=len(bundled))
    kept = dict(manifest)
    for name, parts in sorted(bundled.items()):
        entries = read_tree(source, parts)
        kept[name] = _one(home, root, name, parts, entries, manifest.get(name), result)
    for name in manifest.keys() - bundled.keys():
        del kept[name]
        result.cleaned.append(name)
    for parts in {parts[:-1] for parts in bundled.values()}:
        _copy_description(source, root, parts)
    if kept != manifest:
        lines = "".join(f"{name}:{value}\n" for name, value in sorted(kept.items()))
        write_file(root, (_MANIFEST,), lines.encode("utf-8"))
    return result


def _one(
    home: Path,
    root: Path,
    name: str,
    parts: tuple[str, ...],
    entries: dict[str, Entry],
    noted: str | None,
    result: Synced,
) -> str:
    """Handle one skill; gives what the manifest is to say."""
    fresh = tree_md5(entries)
    present = local_parts(home, name)
    if noted is None:
        if present is None:
            write_tree(root, parts, entries)
            result.copied.append(name)
        else:
            result.skipped.append(name)
        return fresh
    if present is None:
        result.skipped.append(name)
        return noted
    if noted and tree_md5(read_tree(root, present)) != noted:
        result.user_modified.append(name)
        return noted
    if noted == fresh or not noted:
        result.skipped.append(name)
        return noted if noted else fresh
    swap(root, present, True, entries)
    result.updated.append(name)
    return fresh


def tree_md5(entries: dict[str, Entry]) -> str:
    """A fingerprint of a skill's files and their names."""
    total = hashlib.md5(usedforsecurity=False)
    for path, entry in sorted(entries.items()):
        total.update(path.encode("utf-8", "surrogatepass"))
        total.update(entry.data)
    return total.hexdigest()


def _copy_description(source: Path, root: Path, parts: tuple[str, ...]) -> None:
    file = source.joinpath(*parts, "DESCRIPTION.md")
    if parts and file.is_file() and root.joinpath(*parts).is_dir() and not root.joinpath(*parts, file.name).exists():
        write_file(root, (*parts, file.name), file.read_bytes())


def _read_manifest(file: Path) -> dict[str, str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    # Lines without a hash are from the first form of the file: such a skill is left as it is once.
    pairs = (line.strip().rpartition(":") if ":" in line else (line.strip(), "", "") for line in lines)
    return {name: value for name, _, value in pairs if name}


def _stamp(source: Path) -> str:
    total = hashlib.md5(str(source).encode(), usedforsecurity=False)
    for place, folders, files in os.walk(source):
        folders[:] = sorted(name for name in folders if not ignored(name))
        for file in sorted(files):
            if not ignored(file):
                status = os.stat(f"{place}/{file}")
                total.update(f"{place}/{file}:{status.st_mtime_ns}:{status.st_size}\n".encode())
    return total.hexdigest()
