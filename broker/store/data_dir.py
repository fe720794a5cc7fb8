"""The data folder: made private, held by one process, marked so that a copy is told from the original.

The lock is the operating system's, so it goes with the process, however that ends.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Final

from sandpiper.broker.log import StoreError
from sandpiper.broker.store.errors import StoreInUse, from_os
from sandpiper.common.io.files import open_private, private_folder

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

DATABASE: Final = "sandpiper.db"
_LOCK: Final = "lock"
_MARK: Final = "run"
_MARK_CHARS: Final = 256
_OWNER_BYTES: Final = 20
_LOCKED_AT: Final = 1024
"""Where the locked byte lies: past the owner's number, because Windows lets nobody read a locked byte."""


class DataDir:
    """A data folder that this process holds until `close`."""

    def __init__(self, path: Path) -> None:
        """Makes the folder if need be and takes it. Raises StoreError."""
        self.path = path
        self.database = path / DATABASE
        try:
            private_folder(path)
            self._lock: int | None = open_private(path / _LOCK, os.O_RDWR)
        except (FileExistsError, NotADirectoryError):
            raise StoreError(f"{path} is or lies below a file, not a folder; use another --data") from None
        except OSError as error:
            raise from_os(error, path) from None
        if not _take(self._lock):
            owner = os.read(self._lock, _OWNER_BYTES).decode("ascii", "replace").strip()
            self.close()
            raise StoreInUse(
                f"the data folder {path} is in use by another broker (process {owner or 'unknown'}); "
                "stop that one, or use another --data"
            )
        try:
            os.ftruncate(self._lock, 0)
            os.write(self._lock, str(os.getpid()).encode())
        except OSError as error:
            self.close()
            raise from_os(error, path) from None

    def prepare(self) -> bool:
        """Makes the database's file, readable by its owner alone; SQLite would ask the umask.

        Returns whether the file holds nothing while a mark says that it did. Raises StoreError.
        """
        try:
            database = open_private(self.database, os.O_RDWR)
            try:
                size = os.fstat(database).st_size
            finally:
                os.close(database)
            return size == 0 and (self.path / _MARK).exists()
        except OSError as error:
            raise from_os(error, self.database) from None

    def is_marked(self, run: str, opens: int) -> bool:
        """Whether this is the database that was marked so, and no copy or older one put in its place."""
        mark = self.path / _MARK
        try:
            with mark.open("rb") as file:
                return file.read(_MARK_CHARS) == self._words(run, opens, os.fstat(file.fileno()).st_ino)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise from_os(error, mark) from None

    def mark(self, run: str, opens: int) -> None:
        """Marks the database as in `run`, opened for the `opens`th time: at once or not at all.

        Raises StoreError.
        """
        mark, fresh = self.path / _MARK, self.path / f"{_MARK}.new"
        try:
            # A new file each time: it keeps its inode over the renaming, and a copy of it has another.
            fresh.unlink(missing_ok=True)
            with open(open_private(fresh, os.O_WRONLY | os.O_EXCL), "wb") as file:
                file.write(self._words(run, opens, os.fstat(file.fileno()).st_ino))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(mark)
            self._sync()
        except OSError as error:
            raise from_os(error, mark) from None

    def close(self) -> None:
        """Lets the folder go. May be called again."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                os.close(self._lock)
            self._lock = None

    def _words(self, run: str, opens: int, own_inode: int) -> bytes:
        # Two inodes, because a file system hands the number of a deleted file out again.
        return f"{run} {opens} {self.database.stat().st_ino} {own_inode}\n".encode()

    def _sync(self) -> None:
        if sys.platform != "win32":
            folder = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _take(lock: int) -> bool:
    try:
        if sys.platform == "win32":
            os.lseek(lock, _LOCKED_AT, os.SEEK_SET)
            try:
                msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
            finally:
                os.lseek(lock, 0, os.SEEK_SET)
        else:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
