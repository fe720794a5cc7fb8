"""ZAP (RFC 27): who may connect to a CURVE socket.

libzmq asks over `inproc://zeromq.zap.01`. Two of its habits shape this handler: a 400 is final for the client's
socket, so a key that is unknown *now* gets 300, after which it tries again; and the answer's user id is all that
reaches the receiving end, so it is the key itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import zmq

from sandpiper.common.io.batch_reader import BatchReader
from sandpiper.common.io.sockets import bare, explained

ENDPOINT = "inproc://zeromq.zap.01"
_PARTS = 9  # a ROUTER's route, the delimiter, and the request: version, id, domain, address, identity, mechanism, key


class Zap:
    """The ZAP handler, which answers for all CURVE sockets of a context.

    To be made before the first of them. Raises SocketError.

    `admits` has a judge for each domain: a raw 32-byte key → whether it may connect. An unknown domain or mechanism is
    refused. `user-id` is the key in hex. With `final` a refused key gets 400: it is told so at once, and is to throw
    its socket away.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ctx: zmq.Context[Any],
        admits: Mapping[str, Callable[[bytes], bool]],
        *,
        final: bool = False,
    ) -> None:
        self._admits = admits
        self._refusal = b"400" if final else b"300"
        self.refused = 0
        with ExitStack() as undo:
            self._socket = undo.enter_context(bare(ctx, zmq.ROUTER))
            with explained("connections cannot be judged"):
                self._socket.bind(ENDPOINT)
            self._reader = BatchReader(loop, self._socket, self._answer, parts=_PARTS, most=100)
            undo.pop_all()

    def close(self) -> None:
        """No more answers: from here on libzmq refuses everyone, for the domains are enforced."""
        self._reader.close()
        self._socket.close()

    def _answer(self, requests: list[list[zmq.Frame]]) -> None:
        for parts in requests:
            route, _, version, number, domain, _, _, mechanism, key = (part.bytes for part in parts)
            judge = self._admits.get(domain.decode("utf-8", "replace"))
            admitted = mechanism == b"CURVE" and judge is not None and judge(key)
            self.refused += not admitted
            status = (b"200", b"OK", key.hex().encode()) if admitted else (self._refusal, b"not enrolled", b"")
            self._socket.send_multipart([route, b"", version, number, *status, b""])
        self._reader.poll()
