"""Files in a container, without following links, by a few lines of shell.

A shell cannot open a file without following links. But it can look at what it has got: the kernel tells in
`/proc/self/cwd` and `/proc/self/fd/N` the real path of the directory or the file that is already open. Where that is
not exactly the path that was asked for, a link was followed, and nothing is done with it. Whoever swaps a link in comes
either too early (and is found out) or too late (what is open stays what it is).
"""

from __future__ import annotations

import errno
import os
import posixpath
import secrets
import stat as status
from typing import TYPE_CHECKING, Literal, Protocol

from hermes_host.protocols import FileInfo

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

__all__ = ["keep_script", "list_directory", "read", "remove", "resolve", "stat", "write"]


class Collect(Protocol):
    """Runs a script with arguments and input to its end: exit code, standard output, standard error."""

    def __call__(
        self, script: str, arguments: Sequence[str], stdin: bytes = b""
    ) -> Awaitable[tuple[int, bytes, bytes]]: ...


_FAILED = 64
"""Exit codes from here on are this and an errno."""

_STAT = "%f %s %Y %h %d:%i"

# $1 is the name in the directory, $2 and $3 belong to the method, the rest are directories to enter, one after the
# other: the last is where the name is, and those before it stand before a `..` in the path.
_ENTER = r"""
fail() { exit $((64 + $1)); }
why() {
  rest=${1#/} at=
  while [ -n "$rest" ]; do
    [ -x "${at:-/}" ] || fail 13
    at=$at/${rest%%/*}
    case $rest in */*) rest=${rest#*/} ;; *) rest= ;; esac
    [ ! -L "$at" ] || fail 40
    [ -e "$at" ] || { missing=$at; return; }
    [ -d "$at" ] || fail 20
  done
  fail 13
}
check() { here=$(readlink /proc/self/cwd; echo x); [ "$here" = "$1
x" ] || fail 40; }
enter() {
  cd -P -- "$1" 2>/dev/null || { why "$1"; [ -n "$make" ] || fail 2; build "$1"; }
  check "$1"
}
build() {
  at=${missing%/*} rest=${1#"${missing%/*}"/}
  cd -P -- "${at:-/}" && check "${at:-/}"
  while [ -n "$rest" ]; do
    part=${rest%%/*}
    case $rest in */*) rest=${rest#*/} ;; *) rest= ;; esac
    [ -d "./$part" ] || mkdir -- "$part" || [ -d "./$part" ] || exit 1
    cd -P -- "./$part" || why "$at/$part"
    at=$at/$part
    check "$at"
  done
}
name=$1 first=$2 second=$3
shift 3
for directory; do enter "$directory"; done
"""

_STAT_SCRIPT = (
    _ENTER
    + f"""
[ -e "./$name" ] || [ -L "./$name" ] || fail 2
stat -c '{_STAT}' "./$name"
"""
)

_READ_SCRIPT = (
    _ENTER
    + r"""
[ ! -L "./$name" ] || fail 40
[ -e "./$name" ] || fail 2
[ ! -d "./$name" ] || fail 21
[ -f "./$name" ] || fail 22
[ -r "./$name" ] || fail 13
exec 5<"./$name"
[ "$directory" != / ] || directory=
opened=$(readlink /proc/self/fd/5; echo x)
[ "$opened" = "$directory/$name
x" ] || [ "$opened" = "$directory/$name (deleted)
x" ] || fail 40
if [ "$second" = 0 ]; then exit 0
elif [ -n "$second" ]; then tail -c "+$((first + 1))" <&5 | head -c "$second"
elif [ "$first" -gt 0 ]; then tail -c "+$((first + 1))" <&5
else cat <&5; fi
"""
)

_WRITE_SCRIPT = (
    "make=1 token=$1 size=$2 move=$3\nshift 3\n"
    + _ENTER
    + f"""
[ ! -L "./$name" ] || fail 40
old= owner=
if [ -e "./$name" ]; then
  [ ! -d "./$name" ] || fail 21
  [ -f "./$name" ] || fail 22
  [ -w "./$name" ] || fail 13
  old=$(stat -c %a "./$name") owner=$(stat -c %u:%g "./$name")
fi
mode=${{first:-$old}} new=.hermes-$token.tmp
trap 'rm -f "./$new"' EXIT
trap 'exit 1' TERM HUP INT
( set -C; [ -z "$mode" ] || umask 077; cat > "./$new" ) || exit 1
[ "$(stat -c %s "./$new")" = "$size" ] || fail 5
[ -z "$owner" ] || [ "$owner" = "$(stat -c %u:%g "./$new")" ] || chown "$owner" "./$new" 2>/dev/null
[ -z "$mode" ] || chmod "$mode" "./$new" || exit 1
stat -c '{_STAT}' "./$new"
mv $move "./$new" "./$name" || exit 1
trap - EXIT
"""
)

_REMOVE_SCRIPT = (
    _ENTER
    + r"""
if [ -d "./$name" ] && [ ! -L "./$name" ]; then rmdir "./$name" || exit 1
elif [ -e "./$name" ] || [ -L "./$name" ]; then rm -f "./$name" || exit 1
else fail 2; fi
"""
)

_LIST_SCRIPT = (
    _ENTER
    + f"""
[ -r . ] || fail 13
find . ! -name . -prune -exec stat -c "$first {_STAT} %n" {{}} + || :
"""
)

_RESOLVE_SCRIPT = r"""
rest=$1 at= followed=0
while [ -n "$rest" ]; do
  part=${rest%%/*}
  case $rest in */*) rest=${rest#*/} ;; *) rest= ;; esac
  case $part in
    ''|.) ;;
    ..) at=${at%/*} ;;
    *)
      if [ -L "$at/$part" ] && [ $followed -lt 40 ]; then
        followed=$((followed + 1))
        target=$(readlink "$at/$part"; echo x)
        target=${target%?x}
        case $target in /*) at= ;; esac
        rest=$target/$rest
      else
        at=$at/$part
      fi ;;
  esac
done
printf %s "${at:-/}"
"""


async def resolve(collect: Collect, path: str) -> str:
    """The absolute `path` with `..` and links resolved; the last parts need not exist. A loop of links stays in it."""
    code, out, err = await collect(_RESOLVE_SCRIPT, (_text(path),))
    if code:
        raise _error(code, err, path)
    return out.decode("utf-8", "surrogateescape")


async def stat(collect: Collect, path: str) -> FileInfo | None:
    """The file itself, or None where there is none."""
    try:
        name, *directories = _taken_apart(path)
        code, out, err = await collect(_STAT_SCRIPT, (name, "", "", *directories))
        if code:
            raise _error(code, err, path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _info(path, out.decode("ascii", "replace"))


async def read(collect: Collect, path: str, offset: int, limit: int | None) -> bytes:
    """Bytes of a regular file from `offset` on, at most `limit`."""
    name, *directories = _taken_apart(path)
    wanted = "" if limit is None else str(limit)
    code, out, err = await collect(_READ_SCRIPT, (name, str(offset), wanted, *directories))
    if code:
        raise _error(code, err, path)
    return out


async def write(collect: Collect, path: str, data: bytes, mode: int | None, move: str) -> FileInfo:
    """Replace or create a regular file: the new content appears under the name all at once or not at all."""
    name, *directories = _taken_apart(path)
    arguments = (
        secrets.token_hex(8),
        str(len(data)),
        move,
        name,
        "" if mode is None else f"{mode:o}",
        "",
        *directories,
    )
    code, out, err = await collect(_WRITE_SCRIPT, arguments, bytes(data))
    if code:
        raise _error(code, err, path)
    return _info(path, out.decode("ascii", "replace"))


async def remove(collect: Collect, path: str) -> None:
    """Remove a file, a link or an empty directory."""
    name, *directories = _taken_apart(path)
    code, _, err = await collect(_REMOVE_SCRIPT, (name, "", "", *directories))
    if code:
        raise _error(code, err, path)


async def list_directory(collect: Collect, path: str) -> list[FileInfo]:
    """What a directory holds, by name."""
    directories = _directories(path)
    mark = secrets.token_hex(16)
    code, out, err = await collect(_LIST_SCRIPT, (".", mark, "", *directories))
    if code:
        raise _error(code, err, path)
    found = []
    for entry in f"\n{out.decode('utf-8', 'surrogateescape')}".split(f"\n{mark} ")[1:]:
        *numbers, name = entry.removesuffix("\n").split(" ", 5)
        found.append(_info(posixpath.join(path, name.removeprefix("./")), " ".join(numbers)))
    found.sort(key=lambda info: info.path)
    return found


async def keep_script(collect: Collect, path: str, script: str) -> None:
    """Put a long script into a new private file."""
    code, _, err = await collect(
        'umask 077; set -C; cat > "$1"', (path,), script.encode("utf-8", "surrogateescape") + b"\n"
    )
    if code:
        raise _error(code, err, path)


# ------------------------------------------------------------------------------------------------------- paths


def _taken_apart(path: str) -> list[str]:
    """The last part of a path, then the directories to enter."""
    folder, _, name = path.rstrip("/").rpartition("/")
    if name in ("", ".", ".."):
        return [".", *_directories(path)]
    directories = _directories(folder)
    if path.endswith("/"):
        # "name/" means a directory, whatever is to be done with it.
        directories = [*_directories(path), *directories]
    return [_text(name), *directories]


def _directories(path: str) -> list[str]:
    """The directory `path` last, and before it those that a `..` in it goes up from."""
    visited = []
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            visited.append("/" + "/".join(parts))
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return [_text(each) for each in (*visited, "/" + "/".join(parts))]


def _text(path: str) -> str:
    if "\0" in path:
        raise ValueError("A path cannot hold NUL characters.")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise OSError(errno.EILSEQ, "The container service takes names in UTF-8 alone", path) from None
    return path


# ------------------------------------------------------------------------------------------------------ answers

_MESSAGES = (
    ("No space left", errno.ENOSPC),
    ("quota exceeded", errno.EDQUOT),
    ("not empty", errno.ENOTEMPTY),
    ("Read-only file system", errno.EROFS),
    ("Permission denied", errno.EACCES),
    ("not permitted", errno.EPERM),
    ("File name too long", errno.ENAMETOOLONG),
    ("resource busy", errno.EBUSY),
)
"""What programs say, for there is no number behind their exit codes."""


def _error(code: int, said: bytes, path: str) -> OSError:
    number = code - _FAILED
    if code > _FAILED and number in errno.errorcode:
        return OSError(number, "Not a regular file" if number == errno.EINVAL else os.strerror(number), path)
    text = said.decode("utf-8", "replace").strip()
    for part, number in _MESSAGES:
        if part.lower() in text.lower():
            return OSError(number, os.strerror(number), path)
    return OSError(errno.EIO, text.splitlines()[-1] if text else f"the container's shell gave {code}", path)


_KINDS: dict[int, Literal["file", "directory", "link"]] = {
    status.S_IFREG: "file",
    status.S_IFDIR: "directory",
    status.S_IFLNK: "link",
}


def _info(path: str, line: str) -> FileInfo:
    try:
        mode, size, modified, links, identity = line.split()
        found = int(mode, 16)
        return FileInfo(
            path=path,
            kind=_KINDS.get(status.S_IFMT(found), "other"),
            size=int(size),
            modified=float(modified),
            mode=status.S_IMODE(found),
            links=int(links),
            identity=identity,
        )
    except ValueError:
        raise OSError(errno.EIO, f"`stat` in the container says {line!r}", path) from None
