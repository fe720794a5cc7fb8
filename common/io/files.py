"""Files that only their owner may read."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path


def private_folder(folder: Path) -> Path:
    """Makes the folder, 0700 whatever the umask says, with its parents. Raises OSError."""
    missing = [each for each in (folder, *folder.parents) if not each.is_dir()]
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another process was first; or a file is there, which is told next
            each.mkdir(mode=0o700)
            each.chmod(0o700)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    return folder


def open_private(path: Path, flags: int) -> int:
    """A descriptor of this file, made 0600 whatever the umask says if it is not there. Raises OSError."""
    try:
        handle = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if flags & os.O_EXCL:
            raise
        return os.open(path, flags | os.O_CREAT, 0o600)
    try:
        owner_only(handle)
    except OSError:
        os.close(handle)
        raise
    return handle


def owner_only(handle: int) -> None:
    """Lets the file's owner read and write it, and nobody else, where the file system knows rights."""
    if os.name == "posix" and os.fstat(handle).st_mode & 0o777 != 0o600:
        with contextlib.suppress(PermissionError):
            os.fchmod(handle, 0o600)


def write_private(path: Path, data: bytes, *, replace: bool = True) -> None:
    """Writes the whole file at once, 0600: a reader sees the old content or the new, a crash leaves one of them.

    Raises OSError; FileExistsError if it is there and not to be replaced (two processes that make the same key file at
    once end up with one).
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            owner_only(handle)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(name, path)
        else:
            _link(name, path)
    finally:
        if os.path.exists(name):
            os.unlink(name)


def _link(name: str, path: Path) -> None:
    try:
        os.link(name, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        with open(name, "rb") as source, os.fdopen(open_private(path, os.O_WRONLY | os.O_EXCL), "wb") as file:
            file.write(source.read())
