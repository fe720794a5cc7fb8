"""A sender of text lines, for the two systems that speak them."""

from __future__ import annotations

import selectors
import socket

from bench.board import LOOK_S, Load, Pace
from bench.peers.streams import READ_BYTES


def send_lines(stream: socket.socket, before: bytes, after: bytes, load: Load) -> None:
    """Sends payloads between `before` and `after` as the window allows, reading away what comes back.

    Stays until the run is over: a server may drop the last lines of a client that hangs up.
    """
    pace = Pace(load)
    pace.ready()
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while (count := pace.allowance()) >= 0:
            if count:
                stream.sendall(b"".join(before + pace.payload() + after for _ in range(count)))
                pace.sent(count)
            _read_away(stream, selector, 0 if count else pace.nap())
        pace.done()
        while not pace.over:
            _read_away(stream, selector, LOOK_S)


def _read_away(stream: socket.socket, selector: selectors.BaseSelector, patience_s: float) -> None:
    if selector.select(patience_s) and not stream.recv(READ_BYTES):
        raise ConnectionError("the server closed the sender's connection")
