"""The inner door: where the control ROUTER listens, reachable through the front door's splice only.

It is an `ipc://` socket in a folder that nobody but its owner may enter, so that no other user of this machine gets
past the splice, which counts bytes. Each splice binds a name of its own in there before it connects: the listening
side then finds out, from the file descriptor that libzmq gives with a message, which splice the message came by.
Windows has no such sockets in libzmq; loopback TCP and the source port do the same there, where no folder can be made,
and wherever a process may have few files open: without a free descriptor libzmq ends the process at an `ipc://`
listener, and waits at a TCP one.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from sandpiper.common.descriptors import DescriptorShares
from sandpiper.common.io.connections import peer_of
from sandpiper.common.io.descriptors import file_limit
from sandpiper.common.io.sockets import explained
from sandpiper.common.limits import CONNECT_S, LOCAL_DESCRIPTORS

_PREFIX: Final = "sandpiper-"
_LISTENER: Final = "c"
LINES: Final = "lines"
"""Where a member with doors for tools speaks JSON lines, in a folder of this kind."""
_SUN_PATH: Final = 90  # the system's limit is 104 at the least; what libzmq and we append stays below it
_RANDOM: Final = 9  # what mkdtemp adds to the prefix, and a slash
_DEAD_AFTER_S: Final = 60.0  # a folder this young may belong to a broker that is just starting
_RETRY_S: Final = 0.01
LOCAL: Final = sys.platform != "win32"
"""Whether there are sockets in the file system."""


class InnerEndpoint:
    """A ROUTER's endpoint inside this machine. `endpoint` is for the ROUTER to bind; `connect` is for the splice."""

    def __init__(self) -> None:
        self._count = 0
        self._allotment = DescriptorShares(file_limit())
        self._folder: Path | None = None
        if LOCAL and _has_room(self._allotment):
            with suppress(OSError):  # a container may have no folder that can be written to
                self._folder = socket_folder()
        if self._folder is not None:
            self._address: str | tuple[str, int] = str(self._folder / _LISTENER)
            self.endpoint = f"ipc://{self._address}"
        else:
            with explained("no port of this machine can be had"):
                self._address = ("127.0.0.1", _free_port())
            self.endpoint = f"tcp://127.0.0.1:{self._address[1]}"

    async def connect(self, protocol: Callable[[], asyncio.Protocol]) -> tuple[asyncio.Transport, str]:
        """A connection to the listener, and the name by which `name_of` will know it. Raises OSError."""
        loop = asyncio.get_running_loop()
        if self._folder is None:
            transport, _ = await loop.create_connection(protocol, *self._address)
            return transport, _spell(transport.get_extra_info("sockname"))
        self._count += 1
        name = str(self._folder / str(self._count))
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if not self._allotment.fits_member(connection.fileno()):
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))  # see LOCAL_DESCRIPTORS
            connection.setblocking(False)
            connection.bind(name)
            try:
                await self._reach(connection)
            finally:
                os.unlink(name)  # the name stays with the socket
            transport, _ = await loop.create_unix_connection(protocol, sock=connection)
        except BaseException:
            connection.close()
            raise
        return transport, name

    async def _reach(self, connection: socket.socket) -> None:
        # A full backlog is EAGAIN here, which the loop's own sock_connect takes for a connection under way.
        deadline = time.monotonic() + CONNECT_S
        while True:
            try:
                return connection.connect(self._address)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(_RETRY_S)

    def name_of(self, fd: int) -> str | None:
        """Which splice stands behind the listener's accepted descriptor `fd`; None once it has gone."""
        peer = peer_of(fd)
        return None if peer is None else _spell(peer)

    def close(self) -> None:
        """Removes the folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _has_room(allotment: DescriptorShares) -> bool:
    return allotment.limit is None or allotment.limit >= LOCAL_DESCRIPTORS


def _spell(address: object) -> str:
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else str(address)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def socket_folder() -> Path:
    """A new folder for sockets that nobody but its owner may enter, wherever one can be made. Raises OSError."""
    places = _places()
    why = OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    for base in places:
        if len(os.fsencode(base)) + len(_PREFIX) + _RANDOM > _SUN_PATH:
            continue
        _sweep(base)
        try:
            return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))  # mode 0700
        except OSError as error:
            why = error
    tried = ", ".join(map(str, places))
    raise OSError(f"no folder for sockets can be made in {tried} ({why.strerror})")


def _places() -> list[Path]:
    """Folders where a socket may stand, best first: the last two are there where a container's root is read-only."""
    places = [Path("/tmp"), Path(f"/run/user/{os.getuid()}"), Path("/dev/shm")]  # noqa: S108  # our own folder in it
    with suppress(OSError):  # it looks whether files can be made there
        chosen = Path(tempfile.gettempdir())
        if chosen != Path.cwd():  # what it falls back to, and no place for sockets
            places.insert(0, chosen)
    return list(dict.fromkeys(places))


def _sweep(base: Path) -> None:
    """Removes what killed processes of this user have left: folders with nobody at any socket, and empty ones."""
    for folder in base.glob(_PREFIX + "*"):
        with suppress(OSError):
            status = folder.lstat()
            young = time.time() - status.st_mtime < _DEAD_AFTER_S
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or young:
                continue
            if all(_dead(each) for each in folder.iterdir()):
                shutil.rmtree(folder, ignore_errors=True)


def _dead(listener: Path) -> bool:
    if not stat.S_ISSOCK(listener.lstat().st_mode):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(listener))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
