"""Files by a POSIX script, without following a link.

The script walks to the folder of a path part by part (`cd`), then asks the kernel (`/proc/self/cwd`) where it is: only
when that is the very path it was told has no link been followed, also none that was put there meanwhile. What it opens
for reading is judged in the same way (`/proc/self/fd`). Paths travel as octal escapes, so that any bytes are a name.
"""

from __future__ import annotations

import errno
import os
import stat as modes
from typing import TYPE_CHECKING, Literal

from hermes_host.protocols import FileInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PROGRAM", "SECONDS", "encoded", "entries", "error", "info"]

SECONDS = 600.0
"""What one action may take, a large file over a slow line included."""

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-")
_CODES = {
    101: errno.ELOOP,
    102: errno.ENOENT,
    103: errno.ENOTDIR,
    104: errno.EISDIR,
    106: errno.EACCES,
    107: errno.ENOTEMPTY,
    108: errno.EIO,
    109: errno.ENOSPC,
}
_NOT_REGULAR = 105

# $1 action, $2 path, $3 … what the action needs.
PROGRAM = r"""
export LC_ALL=C
path=$(printf '%b.' "$2"); path=${path%.}
here() {
  where=$(readlink /proc/self/cwd; printf .); where=${where%??}
  [ "$where" = "${at:-/}" ] || exit 101
}
walk() {
  at= rest=$path make=$1
  cd -P / || exit 108
  while :; do
    case $rest in /*) rest=${rest#/}; continue ;; esac
    case $rest in */*) part=${rest%%/*}; rest=${rest#*/} ;; *) break ;; esac
    case $part in
      .) continue ;;
      ..) at=${at%/*}; cd -P .. || exit 106; continue ;;
    esac
    [ ! -L "./$part" ] || exit 101
    if [ ! -d "./$part" ]; then
      [ ! -e "./$part" ] || exit 103
      [ "$make" = make ] || exit 102
      here
      mkdir "./$part" 2>/dev/null || [ -d "./$part" ] || exit 106
      [ ! -L "./$part" ] || exit 101
    fi
    cd -P "./$part" 2>/dev/null || exit 106
    at=$at/$part
  done
  name=$rest
  case $name in
    ''|.) name=. ;;
    ..) at=${at%/*}; cd -P .. || exit 106; name=. ;;
  esac
  here
}
look() { stat -c '%f %s %Y %h %d:%i' -- "./$1" 2>/dev/null; }
regular() {
  [ ! -L "./$name" ] || exit 101
  [ ! -d "./$name" ] || exit 104
  [ -e "./$name" ] || exit 102
  [ -f "./$name" ] || exit 105
}
case $1 in
  resolve)
    done= rest=$path turns=0
    while [ -n "$rest" ]; do
      case $rest in */*) part=${rest%%/*}; rest=${rest#*/} ;; *) part=$rest; rest= ;; esac
      case $part in ''|.) continue ;; ..) done=${done%/*}; continue ;; esac
      if [ -L "$done/$part" ]; then
        turns=$((turns + 1))
        [ $turns -le 40 ] || exit 101
        target=$(readlink "$done/$part"; printf .); target=${target%??}
        case $target in /*) done= ;; esac
        rest=$target/$rest
      else
        done=$done/$part
      fi
    done
    printf %s "${done:-/}" ;;
  stat)
    walk no
    [ -e "./$name" ] || [ -L "./$name" ] || exit 102
    look "$name" || exit 102 ;;
  read)
    walk no
    regular
    [ -r "./$name" ] || exit 106
    exec 9<"./$name" || exit 106
    opened=$(readlink /proc/self/fd/9; printf .); opened=${opened%??}
    case $opened in "$at/$name"|"$at/$name (deleted)") ;; *) exit 101 ;; esac
    if [ -n "$4" ]; then tail -c "+$3" <&9 | head -c "$4"
    elif [ "$3" = 1 ]; then cat <&9
    else tail -c "+$3" <&9; fi ;;
  write)
    walk make
    new=./.hermes-$5 mode=$4
    [ ! -L "./$name" ] || exit 101
    [ ! -d "./$name" ] || exit 104
    if [ -e "./$name" ]; then
      [ -f "./$name" ] || exit 105
      [ -n "$mode" ] || mode=$(stat -c %a -- "./$name")
    fi
    trap 'rm -f "$new"' EXIT
    umask 077
    set -C
    { cat > "$new"; } || { [ -w . ] || exit 106; exit 108; }
    [ "$(wc -c < "$new")" -eq "$3" ] || exit 109
    chmod "${mode:-644}" "$new" || exit 108
    [ -n "$4" ] || chown --reference="./$name" "$new" 2>/dev/null
    mv -fT "$new" "./$name" 2>/dev/null || { [ ! -d "./$name" ] && mv -f "$new" "./$name"; } || exit 108
    trap - EXIT
    look "$name" || exit 102 ;;
  remove)
    walk no
    if [ -d "./$name" ] && [ ! -L "./$name" ]; then
      rmdir "./$name" 2>/dev/null && exit
      [ -z "$(ls -A "./$name" 2>/dev/null)" ] || exit 107
      exit 106
    fi
    [ -e "./$name" ] || [ -L "./$name" ] || exit 102
    rm -f "./$name" 2>/dev/null || exit 106 ;;
  list)
    path=$path/
    walk no
    find . ! -name . -prune -exec stat -c "$3%f %s %Y %h %d:%i %n" {} + ;;
esac
"""


def encoded(path: str) -> str:
    """The path for `printf %b`. Raises `ValueError` for one with NUL."""
    data = os.fsencode(path)
    if b"\0" in data:
        raise ValueError("A path cannot hold NUL characters.")
    return "".join(chr(byte) if byte in _PLAIN else f"\\0{byte:03o}" for byte in data)


def error(code: int, path: str) -> OSError:
    """What an exit code of the script means."""
    if code == _NOT_REGULAR:
        return OSError(errno.EINVAL, "Not a regular file", path)
    number = errno.ETIMEDOUT if code == 124 else _CODES.get(code, errno.EIO)
    return OSError(number, os.strerror(number), path)


def info(line: bytes, path: str) -> FileInfo:
    """One line of the script's `stat`."""
    raw, size, modified, links, identity = line.decode("ascii").split()
    mode = int(raw, 16)
    return FileInfo(
        path=path,
        kind=_kind(mode),
        size=int(size),
        modified=float(modified),
        mode=modes.S_IMODE(mode),
        links=int(links),
        identity=identity,
    )


def entries(listing: bytes, path: str, word: str) -> Sequence[FileInfo]:
    """The script's listing, in which every entry begins with a word no name can hold."""
    found = []
    for entry in listing.split(word.encode())[1:]:
        *facts, name = entry.split(b" ", 5)
        name = name.removesuffix(b"\n").removeprefix(b"./")
        found.append(info(b" ".join(facts), f"{path.rstrip('/')}/{os.fsdecode(name)}"))
    return sorted(found, key=lambda each: each.path)


def _kind(mode: int) -> Literal["file", "directory", "link", "other"]:
    if modes.S_ISREG(mode):
        return "file"
    if modes.S_ISDIR(mode):
        return "directory"
    return "link" if modes.S_ISLNK(mode) else "other"
