"""The archive: an uncompressed zip of the dump, the uploaded files and the manifest, whole or not at all."""

from __future__ import annotations

import os
import secrets
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO

from tools.backups.faults import BackupFault, of_disk
from tools.backups.manifest import NAME, Manifest, Member, parsed

CHUNK = 1 << 20
LARGEST_MANIFEST = 64 << 20
ENCRYPTED = 0x1
"""Bit of a zip entry's flags (APPNOTE.TXT 4.4.4)."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_PRIVATE = 0o100600 << 16

OnBytes = Callable[[int], None]


class ArchiveWriter:
    """Members are streamed in, since nobody knows a dump's length before its end."""

    def __init__(self, zipped: zipfile.ZipFile) -> None:
        self._zip = zipped
        self.members: dict[str, Member] = {}

    def add(self, name: str, source: IO[bytes], on_bytes: OnBytes) -> None:
        digest, size = sha256(), 0
        with self._zip.open(_entry(name), "w", force_zip64=True) as member:
            while chunk := source.read(CHUNK):
                member.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                on_bytes(len(chunk))
        self.members[name] = Member(bytes=size, sha256=digest.hexdigest())

    def finish(self, manifest: Manifest) -> str:
        """Writes the manifest and returns its digest, which stands for the whole backup."""
        content = manifest.model_dump_json(indent=1).encode()
        self._zip.writestr(_entry(NAME), content)
        return sha256(content).hexdigest()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.external_attr = _PRIVATE
    return entry


@contextmanager
def written(path: Path) -> Iterator[ArchiveWriter]:
    """Beside its final name, flushed to the disk, then renamed: a backup that is there is whole. Mode 0600."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as zipped:
                    yield ArchiveWriter(zipped)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
            _flush_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise of_disk(str(path), error) from error


def _flush_folder(folder: Path) -> None:
    """A rename is on the disk when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Archive:
    """A backup to read from. `fingerprint` is the manifest's digest, and the manifest has that of everything else."""

    def __init__(self, zipped: zipfile.ZipFile, manifest: Manifest, fingerprint: str) -> None:
        self._zip = zipped
        self.manifest = manifest
        self.fingerprint = fingerprint

    def read(self, name: str, on_bytes: OnBytes) -> Iterator[bytes]:
        """The member in chunks. Raises BackupFault at its end when it is not what the manifest says."""
        digest = sha256()
        try:
            with self._zip.open(name) as member:
                while chunk := member.read(CHUNK):
                    digest.update(chunk)
                    on_bytes(len(chunk))
                    yield chunk
        except (zipfile.BadZipFile, EOFError, OSError) as error:
            raise _damaged(name) from error
        if digest.hexdigest() != self.manifest.members[name].sha256:
            raise _damaged(name)

    def check(self, on_bytes: OnBytes) -> None:
        """Reads every byte once. Raises BackupFault."""
        for name in self.manifest.members:
            for _ in self.read(name, on_bytes):
                pass


def _damaged(name: str) -> BackupFault:
    return BackupFault(f"The backup is damaged: {name} is not what was backed up. Take another backup.")


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Raises BackupFault for what is no backup, is cut short, or does not hold what its manifest says."""
    try:
        zipped = zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise BackupFault(f"There is no file {path}.") from error
    except OSError as error:
        raise BackupFault(f"{path} can't be read ({error.strerror or type(error).__name__}).") from error
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise BackupFault(f"{path} is not a backup, or it is cut short.") from error
    with zipped:
        content = _manifest_of(zipped)
        manifest = parsed(content)
        _compare(zipped, manifest)
        yield Archive(zipped, manifest, sha256(content).hexdigest())


def _manifest_of(zipped: zipfile.ZipFile) -> bytes:
    try:
        if zipped.getinfo(NAME).file_size > LARGEST_MANIFEST:
            raise BackupFault("The backup's manifest is too large to be one.")
        return zipped.read(NAME)
    except KeyError as error:
        raise BackupFault("This is not a backup of Hello Ticket: it has no manifest.") from error
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        raise _damaged(NAME) from error


def _compare(zipped: zipfile.ZipFile, manifest: Manifest) -> None:
    entries = {entry.filename: entry for entry in zipped.infolist() if entry.filename != NAME}
    if set(entries) != set(manifest.members) or len(zipped.infolist()) != len(entries) + 1:
        raise BackupFault("The backup holds other files than its manifest names. Don't trust it.")
    for name, entry in entries.items():
        plain = entry.compress_type == zipfile.ZIP_STORED and not entry.flag_bits & ENCRYPTED
        if not plain or entry.file_size != manifest.members[name].bytes:
            raise _damaged(name)
