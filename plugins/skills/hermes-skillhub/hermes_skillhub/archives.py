"""Archives to files, in memory: nothing is written, nothing but plain files is accepted, and no bomb goes off."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
import zlib

from hermes_skillhub.bundles import FILE_BYTES_AT_MOST, FILES_AT_MOST, TOTAL_BYTES_AT_MOST
from hermes_skillhub.errors import BundleRefused
from hermes_skillhub.protocol import BundleFile

__all__ = ["ARCHIVE_BYTES_AT_MOST", "unpack"]

ARCHIVE_BYTES_AT_MOST = 12 << 20
"""What may be downloaded."""
_UNPACKED_AT_MOST = TOTAL_BYTES_AT_MOST + (4 << 20)
"""An unpacked tar archive with its headers."""


def unpack(data: bytes) -> tuple[BundleFile, ...]:
    """The files of a zip, tar or tar.gz archive, as it names them. Raises `BundleRefused` for the whole archive.

    Links, devices, pipes and encrypted entries are refused, and so is everything that unpacks to more than a skill may
    have. The names themselves are judged by `checked_files`. A single folder around everything is taken off.
    """
    if data[:2] == b"PK":
        files = _unpack_zip(data)
    elif data[:2] == b"\x1f\x8b":
        files = _unpack_tar(_gunzip(data))
    elif data[257:262] == b"ustar":
        files = _unpack_tar(data)
    else:
        raise BundleRefused("What was downloaded is neither a zip nor a tar archive.")
    return _without_wrapper(files)


def _unpack_zip(data: bytes) -> list[BundleFile]:
    files: list[BundleFile] = []
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > 2 * FILES_AT_MOST:
                raise BundleRefused(f"The archive has {len(entries)} entries; a skill may have {FILES_AT_MOST} files.")
            for entry in entries:
                _check_zip_entry(entry)
                if entry.is_dir():
                    continue
                with archive.open(entry) as stream:
                    content = stream.read(FILE_BYTES_AT_MOST + 1)
                total += len(content)
                if len(content) > FILE_BYTES_AT_MOST or total > TOTAL_BYTES_AT_MOST:
                    raise BundleRefused("The archive unpacks to more than a skill may have.")
                # Names that zipfile made harmless are judged as they were written.
                files.append(BundleFile(entry.orig_filename, content, bool(entry.external_attr >> 16 & 0o111)))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise BundleRefused(f"The archive cannot be read: {error}.") from error
    return files


def _check_zip_entry(entry: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise BundleRefused(f"The archive has a link or a device: {ascii(entry.orig_filename)}.")
    if entry.flag_bits & 0x1:
        raise BundleRefused(f"The archive has an encrypted entry: {ascii(entry.orig_filename)}.")
    if entry.file_size > FILE_BYTES_AT_MOST:
        raise BundleRefused(f"{ascii(entry.orig_filename)} unpacks to more than a file of a skill may have.")
    if entry.is_dir() and entry.file_size:
        raise BundleRefused(f"The archive has a folder with content: {ascii(entry.orig_filename)}.")


def _gunzip(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(data, _UNPACKED_AT_MOST + 1)
    except zlib.error as error:
        raise BundleRefused(f"The archive cannot be read: {error}.") from error
    if len(unpacked) > _UNPACKED_AT_MOST or unpacker.unconsumed_tail:
        raise BundleRefused("The archive unpacks to more than a skill may have.")
    if not unpacker.eof or unpacker.unused_data.strip(b"\0"):
        raise BundleRefused("The archive is cut off, or has something behind its end.")
    return unpacked


def _unpack_tar(data: bytes) -> list[BundleFile]:
    if len(data) > _UNPACKED_AT_MOST:
        raise BundleRefused("The archive unpacks to more than a skill may have.")
    files: list[BundleFile] = []
    entries = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                entries += 1
                if entries > 2 * FILES_AT_MOST:
                    raise BundleRefused(f"The archive has too many entries; a skill may have {FILES_AT_MOST} files.")
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    raise BundleRefused(f"The archive has a link or a device: {ascii(member.name)}.")
                stream = archive.extractfile(member)
                content = stream.read(FILE_BYTES_AT_MOST + 1) if stream else b""
                if len(content) != member.size:
                    raise BundleRefused(f"{ascii(member.name)} is too large, or cut off.")
                files.append(BundleFile(member.name, content, bool(member.mode & 0o111)))
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        raise BundleRefused(f"The archive cannot be read: {error}.") from error
    return files


def _without_wrapper(files: list[BundleFile]) -> tuple[BundleFile, ...]:
    plain = [BundleFile(file.path.removeprefix("./"), file.data, file.executable) for file in files]
    if any(file.path == "SKILL.md" for file in plain):
        return tuple(plain)
    wrappers = {file.path.partition("/")[0] for file in plain if not file.path.startswith("__MACOSX/")}
    if len(wrappers) != 1 or (wrapper := wrappers.pop()) in ("", "..", "."):
        return tuple(plain)
    return tuple(
        BundleFile(file.path.removeprefix(f"{wrapper}/"), file.data, file.executable)
        for file in plain
        if file.path.startswith(f"{wrapper}/")
    )
