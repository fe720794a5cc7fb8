"""The listener: accepts connections for an asyncio loop, and tells those whom it has no descriptor for.

asyncio's own servers, once the system has no descriptor left, write a traceback for each attempt, a thousand in a turn.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from sandpiper.common.io.descriptors import EXHAUSTED, Descriptors, Spare, dismiss
from sandpiper.common.limits import DOOR_ACCEPTS, DOOR_AGAIN_S


class Listener:
    """Accepts connections at bound sockets, which it takes over.

    `made` makes the protocol of each connection; `words` are for whom there is no room.
    """

    def __init__(
        self,
        sockets: list[socket.socket],
        backlog: int,
        made: Callable[[], asyncio.BaseProtocol],
        descriptors: Descriptors,
        words: Callable[[], bytes],
    ) -> None:
        """Raises OSError, and has closed the sockets then."""
        self._loop = asyncio.get_running_loop()
        self._sockets = sockets
        self._made = made
        self._descriptors = descriptors
        self._words = words
        self._spare = Spare()
        self._starting: set[asyncio.Task[None]] = set()
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}
        try:
            for each in sockets:
                each.setblocking(False)
                each.listen(backlog)
                self._loop.add_reader(each, self._come, each)
        except OSError:
            self.close()
            raise

    @property
    def address(self) -> tuple[str, int] | str:
        """The address where the first of the sockets listens."""
        name: tuple[str, int] | str = self._sockets[0].getsockname()
        return name

    def close(self) -> None:
        """Accepts no more."""
        for pause in self._pauses.values():
            pause.cancel()
        for each in self._sockets:
            self._loop.remove_reader(each)
            each.close()
        for starting in self._starting:
            starting.cancel()
        self._spare.close()

    def _come(self, listener: socket.socket) -> None:
        for _ in range(DOOR_ACCEPTS):
            try:
                connection, _ = listener.accept()
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    return  # nobody is waiting any more, or whoever was has gone
                if not self._refuse_with_the_spare(listener):
                    return
                continue
            if self._descriptors.allotment.fits_newcomer(connection.fileno()):
                task = self._loop.create_task(self._start(connection))
                self._starting.add(task)
                task.add_done_callback(self._starting.discard)
            else:
                self._refuse(connection)

    async def _start(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._made, connection)
        except OSError:
            connection.close()
        except BaseException:
            connection.close()
            raise

    def _refuse(self, connection: socket.socket) -> None:
        dismiss(connection, self._words())
        self._descriptors.turned_away()

    def _refuse_with_the_spare(self, listener: socket.socket) -> bool:
        """Refuses somebody with the spare descriptor. Returns whether there was somebody."""
        try:
            connection = self._spare.accept(listener)
        except OSError:
            self._pause(listener)
            return False
        if connection is not None:
            self._refuse(connection)
        self._spare.keep()
        return connection is not None

    def _pause(self, listener: socket.socket) -> None:
        """Accepts nobody for a while: giving the spare up does not help, because the whole system has none left, or no
        memory.
        """
        self._loop.remove_reader(listener)
        self._pauses[listener] = self._loop.call_later(DOOR_AGAIN_S, self._resume, listener)

    def _resume(self, listener: socket.socket) -> None:
        del self._pauses[listener]
        self._loop.add_reader(listener, self._come, listener)


def bound_local(path: str) -> list[socket.socket]:
    """A listening socket bound in the file system. Raises OSError."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(path)
    except OSError:
        made.close()
        raise
    return [made]
