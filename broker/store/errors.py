"""Errors of the data folder, each said in one line: what, why, what to do, and where."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import tempfile
from pathlib import Path

from sandpiper.broker.log import StoreError
from sandpiper.common.limits import STORE_SPARE_BYTES


class StoreFull(StoreError):
    """Error: the disk is full. What was to be written is undone whole; the store goes on once there is space."""

    outside = "its disk is full"


class StoreReadOnly(StoreError):
    """Error: the folder or a file in it may not be written."""

    outside = "its data may not be written"


class StoreCorrupt(StoreError):
    """Error: the database is damaged, or is none."""

    outside = "its data is damaged"


class StoreNewer(StoreError):
    """Error: the data is of a later version."""


class StoreInUse(StoreError):
    """Error: another process has the folder."""

    outside = "another program holds its data"


_CORRUPT = "the data in {path} is damaged ({why}); restore it from a backup, or use another --data"
_DENIED = "{path} may not be written ({why}); correct its permissions, or use another --data"
_FULL = "no space left for {path} ({why}); free some space, nothing that was acknowledged is lost"
_NO_FILES = "no file can be made for {path} ({why}), though bytes are free: remove some files (df -i shows how many)"
_IN_USE = "{path} is locked by another program ({why}); close that one, or use another --data"
_FAILED = "{path} cannot be read or written ({why}); look for disk errors in the system's log"

_TRIED_BYTES = 4096

# By SQLite's own words, which never change and are there in every Python: error codes came with 3.11.
_SQLITE: tuple[tuple[str, type[StoreError], str], ...] = (
    ("disk is full", StoreFull, _FULL),
    ("readonly", StoreReadOnly, _DENIED),
    ("unable to open", StoreReadOnly, _DENIED),
    ("not a database", StoreCorrupt, _CORRUPT),
    ("malformed", StoreCorrupt, _CORRUPT),
    ("constraint failed", StoreCorrupt, _CORRUPT),
    ("no such", StoreCorrupt, _CORRUPT),
    ("could not decode", StoreCorrupt, _CORRUPT),
    ("locked", StoreInUse, _IN_USE),
)
_OS: dict[int | None, tuple[type[StoreError], str]] = {
    errno.ENOSPC: (StoreFull, _FULL),
    errno.EDQUOT: (StoreFull, _FULL),
    errno.EACCES: (StoreReadOnly, _DENIED),
    errno.EPERM: (StoreReadOnly, _DENIED),
    errno.EROFS: (StoreReadOnly, _DENIED),
}


def from_sqlite(error: sqlite3.Error, path: Path) -> StoreError:
    """The line for what SQLite said about the database at `path`."""
    why = " ".join(str(error).split())
    for words, kind, line in _SQLITE:
        if words in why.lower():
            return kind(line.format(path=path, why=why))
    # This is also what it says of a file system that has become read-only, or has no room for the log's index.
    if "disk i/o error" in why.lower():
        return full(path, why) if is_full(path) else _tried(path, why)
    return StoreError(_FAILED.format(path=path, why=why))


def _tried(path: Path, why: str) -> StoreError:
    """The system's error for a file of our own there, which SQLite does not pass on."""
    try:
        with tempfile.TemporaryFile(dir=path if path.is_dir() else path.parent) as file:
            file.write(bytes(_TRIED_BYTES))
            file.flush()
    except OSError as error:
        return from_os(error, path)
    return StoreError(_FAILED.format(path=path, why=why))


def full(path: Path, why: str) -> StoreFull:
    """The line for a disk that has no space."""
    return StoreFull(_FULL.format(path=path, why=why))


def is_full(path: Path) -> bool:
    """Whether the disk has less than a batch takes."""
    try:
        return shutil.disk_usage(path if path.is_dir() else path.parent).free < STORE_SPARE_BYTES
    except OSError:
        return False


def from_os(error: OSError, path: Path) -> StoreError:
    """The line for what the system said about the folder or file at `path`."""
    kind, line = _OS.get(error.errno, (StoreError, _FAILED))
    if error.errno == errno.ENOSPC and not is_full(path):
        line = _NO_FILES
    return kind(line.format(path=path, why=error.strerror or str(error)))


def corrupt(path: Path, why: str) -> StoreCorrupt:
    """The line for a database that contradicts itself."""
    return StoreCorrupt(_CORRUPT.format(path=path, why=" ".join(why.split())))


def newer(path: Path, theirs: int, ours: int) -> StoreNewer:
    """The line for schema `theirs` before a program that knows `ours`."""
    return StoreNewer(
        f"the data in {path} was written by a newer sandpiper (schema {theirs}, this one knows {ours}); "
        "upgrade, or use another --data"
    )
