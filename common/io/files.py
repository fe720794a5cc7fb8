"""Files that only their owner may read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def private_folder(folder: Path) -> Path:
    """Makes the folder, 0700, with its parents. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def write_private(path: Path, data: bytes, *, replace: bool = True) -> None:
    """Writes the whole file at once, 0600: a reader sees the old content or the new, a crash leaves one of them.

    Raises OSError; FileExistsError if it is there and not to be replaced (two processes that make the same key file at
    once end up with one).
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
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
        with open(path, "xb") as file, open(name, "rb") as source:
            file.write(source.read())
