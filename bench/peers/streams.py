"""Many byte streams in one process, counted without parsing: the cheapest subscriber there is."""

from __future__ import annotations

import selectors
import socket
import ssl
from collections.abc import Iterable

from bench.board import LOOK_S, MARK, Tally

READ_BYTES = 256 * 1024


def count_deliveries(streams: Iterable[socket.socket], tally: Tally) -> None:
    """Reads all streams until the run is over, counting marks."""
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            stream.setblocking(False)
            selector.register(stream, selectors.EVENT_READ)
        while not tally.over:
            for key, _ in selector.select(LOOK_S):
                stream = key.fileobj  # type: ignore[assignment]  # we registered sockets
                marks, alive = _read(stream)
                tally.add(marks)
                if not alive:
                    raise ConnectionError("the server closed a subscriber's connection")


def _read(stream: socket.socket) -> tuple[int, bool]:
    marks = 0
    while True:
        try:
            data = stream.recv(READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return marks, True
        if not data:
            return marks, False
        marks += data.count(MARK)
        if not isinstance(stream, ssl.SSLSocket):
            return marks, True  # a TLS stream may hold decrypted bytes that no selector sees


def read_until(stream: socket.socket, wanted: bytes) -> bytes:
    """Blocking; what was read up to and with `wanted`. Raises ConnectionError."""
    data = b""
    while wanted not in data:
        more = stream.recv(READ_BYTES)
        if not more:
            raise ConnectionError(f"the server closed the connection: {data[-200:]!r}")
        data += more
    return data
