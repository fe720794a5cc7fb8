"""A cable between two ends of TCP connections, which a test can cut."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any

DEADLINE_S = 10.0
_READ_BYTES = 1 << 16


class Cable:
    """Whoever connects to `host` at one of these ports reaches the same port of `to`, until the cable is cut."""

    def __init__(self, host: str, to: str, *ports: int) -> None:
        self.carried = 0
        self._host = host
        self._to = to
        self._ports = ports
        self._whole = True
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._servers: list[asyncio.Server] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Cable:
        self._thread.start()
        self._call(self._open())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)
        self._loop.close()

    def cut(self) -> None:
        """From now on nothing comes out of it, at either end, and nobody is told."""
        self._whole = False

    def reset(self) -> None:
        """Every connection through it breaks; new ones can be made."""
        self._loop.call_soon_threadsafe(self._abort)

    def _call(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(DEADLINE_S)

    async def _open(self) -> None:
        for port in self._ports:
            self._servers.append(await asyncio.start_server(self._carry, self._host, port))

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        self._abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("sockname")[1]
        try:
            there, back = await asyncio.open_connection(self._to, port)
        except OSError:
            writer.transport.abort()
            return
        for source, sink in ((reader, back), (there, writer)):
            self._writers.add(sink)
            task = asyncio.get_running_loop().create_task(self._pass(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_READ_BYTES):
                if self._whole:
                    self.carried += len(data)
                    writer.write(data)
                    await writer.drain()
        writer.close()
        self._writers.discard(writer)
