"""The socket factory: every libzmq option in one place, with its reason (see also the trap list in docs)."""

from __future__ import annotations

import secrets
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import zmq

from sandpiper.common.errors import SandpiperError, SocketError
from sandpiper.common.io.descriptors import EXHAUSTED, require
from sandpiper.common.limits import (
    CONTEXT_DESCRIPTORS,
    FRAME_BYTES,
    HANDSHAKE_S,
    KEEPALIVE_IDLE_S,
    KEEPALIVE_INTERVAL_S,
    KEEPALIVE_PROBES,
    MESH_HEARTBEAT_S,
    MESH_SILENT_S,
    PUB_HWM,
    RECONNECT_LEAST_S,
    RECONNECT_MOST_S,
    SUBSCRIPTION_FRAME_BYTES,
    UNTAKEN_S,
    XPUB_HWM,
)

Socket = zmq.Socket[bytes]
_THREADS_SPARE: Final = 2  # one more than there are beside those for input and output
_ZERO_COPY_RECV: Final = 10  # of a context; not named by pyzmq
ZAP_ENFORCE_DOMAIN: Final = 93  # not named by pyzmq; without it CURVE admits everyone when no ZAP handler is bound


@dataclass(frozen=True, slots=True)
class CurveKeys:
    """A CURVE key pair, 32 raw bytes each."""

    public: bytes
    secret: bytes

    @classmethod
    def make(cls) -> CurveKeys:
        """A new pair."""
        from zmq.utils import z85

        public, secret = zmq.curve_keypair()
        return cls(z85.decode(public), z85.decode(secret))

    @classmethod
    def of_secret(cls, secret: bytes) -> CurveKeys:
        """The pair of this secret half."""
        from zmq.utils import z85

        return cls(z85.decode(zmq.curve_public(z85.encode(secret))), secret)


def context(io_threads: int = 1) -> zmq.Context[Any]:
    """A context of one's own, never the process-wide one: it ends with its owner.

    Raises SandpiperError where there are too few file descriptors or threads for it: libzmq would end the process.
    """
    require(CONTEXT_DESCRIPTORS)
    _ask_for_threads(io_threads + _THREADS_SPARE)
    made: zmq.Context[Any] = zmq.Context(io_threads)
    made.set(zmq.MAX_SOCKETS, 4096)
    made.set(zmq.BLOCKY, 0)
    try:
        bare(made, zmq.PAIR).close()  # the first one starts its threads: now, while there is room for them
    except SocketError:
        made.term()
        raise
    return made


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Raises an error of libzmq's or the system's within as SocketError: what cannot be done, and why."""
    try:
        yield
    except (zmq.ZMQError, OSError) as error:
        more = "; allow this process more files, such as with `ulimit -n`" if error.errno in EXHAUSTED else ""
        raise SocketError(f"{what}: {error.strerror}{more}") from error


def bare(ctx: zmq.Context[Any], kind: int) -> Socket:
    """A socket without CURVE, for use inside this process; what is queued at its end is dropped. Raises SocketError."""
    with explained("no socket can be made"):
        socket: Socket = ctx.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)  # infinite by default: a dead peer would keep the process
    return socket


def connect(socket: Socket, endpoint: str) -> None:
    """Has libzmq connect the socket, and stay connected. Raises SocketError."""
    with explained(f"no connection can be made to {endpoint}"):
        socket.connect(endpoint)


def _ask_for_threads(count: int) -> None:
    """Starts and ends so many; theirs are then made of what these had."""
    over = threading.Event()
    threads = []
    try:
        for _ in range(count):
            thread = threading.Thread(target=over.wait, daemon=True)
            thread.start()
            threads.append(thread)
    except (RuntimeError, MemoryError):
        raise SandpiperError(
            "no more threads can be started: the limit of memory (ulimit -v) or of processes (ulimit -u) is reached; "
            "raise it, or end other programs"
        ) from None
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _socket(ctx: zmq.Context[Any], kind: int, hwm: int) -> Socket:
    """`hwm` bounds what waits to be sent. What has come in has no bound in libzmq, on purpose.

    At a full queue libzmq 4.3.5 stops reading from that connection; if its other end resets it then, the process is
    aborted by the next heartbeat of ours, or by a PING of theirs among what was read already (`!_io_error`), and in a
    socket that connects by the first read after a heartbeat was missed (`_input_stopped`). So no queue may ever fill:
    a splice stops reading first, a drain reads on and drops, a guard cuts who sends more than is read.
    """
    if kind == zmq.ROUTER:
        _hide_numbers()
    socket = bare(ctx, kind)
    # A subscription of 1 MiB would cost 50 MiB, as libzmq keeps a node for each byte.
    socket.setsockopt(zmq.MAXMSGSIZE, SUBSCRIPTION_FRAME_BYTES if kind == zmq.XPUB else FRAME_BYTES)
    socket.setsockopt(zmq.SNDHWM, hwm)
    socket.setsockopt(zmq.RCVHWM, 0)
    socket.setsockopt(zmq.BACKLOG, 4096)  # 100 by default; a restart brings everybody at once
    socket.setsockopt(zmq.HANDSHAKE_IVL, int(HANDSHAKE_S * 1000))
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)  # finds the dead among the quiet …
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S)
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, KEEPALIVE_INTERVAL_S)
    socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, KEEPALIVE_PROBES)
    socket.setsockopt(zmq.TCP_MAXRT, int(UNTAKEN_S * 1000))  # … and this among those to whom something is under way
    socket.setsockopt(zmq.RECONNECT_IVL, int(RECONNECT_LEAST_S * 1000))
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, int(RECONNECT_MOST_S * 1000))
    socket.setsockopt(zmq.IPV6, 1)
    if kind == zmq.ROUTER:
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # else what is sent to the gone vanishes without a word
    if kind == zmq.XPUB:
        socket.setsockopt(zmq.XPUB_VERBOSE, 1)  # each connection's subscription is to be seen
    return socket


def _hide_numbers() -> None:
    """Seeds the C library's generator, for nobody else does.

    A ROUTER numbers its connections from what `rand()` says, so from 1,804,289,383 in every process; and is aborted
    when a stranger has said in its handshake that its own routing id is a number that comes next.
    """
    import ctypes

    with suppress(OSError, AttributeError):
        library = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)
        library.srand(ctypes.c_uint(secrets.randbits(32)))


def serving(
    ctx: zmq.Context[Any],
    kind: int,
    keys: CurveKeys | None,
    domain: str,
    hwm: int = XPUB_HWM,
    *,
    handshake_s: float = HANDSHAKE_S,
) -> Socket:
    """A socket to bind: a CURVE server under ZAP domain `domain`, or plain without `keys`. Raises SocketError.

    It sends no heartbeats: it answers those of whoever connects, and closes the connection when they stop.
    """
    socket = _socket(ctx, kind, hwm)
    socket.setsockopt(zmq.HANDSHAKE_IVL, int(handshake_s * 1000))
    if keys is not None:
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, keys.secret)
        socket.setsockopt(zmq.ZAP_DOMAIN, domain.encode())
        socket.setsockopt(ZAP_ENFORCE_DOMAIN, 1)
    return socket


def calling(ctx: zmq.Context[Any], kind: int, own: CurveKeys, server_key: bytes, hwm: int = PUB_HWM) -> Socket:
    """A socket to connect, as a CURVE client. The options count for the connects that follow. Raises SocketError.

    A DEALER sends no heartbeats, as what it speaks has pings of its own; the others have nothing else.
    """
    socket = _socket(ctx, kind, hwm)
    if kind != zmq.DEALER:
        socket.setsockopt(zmq.HEARTBEAT_IVL, 5000)
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 20_000)  # a large transfer may hold a heartbeat up
        socket.setsockopt(zmq.HEARTBEAT_TTL, 30_000)  # what the other end waits for the next one
    socket.setsockopt(zmq.CURVE_SERVERKEY, server_key)
    socket.setsockopt(zmq.CURVE_PUBLICKEY, own.public)
    socket.setsockopt(zmq.CURVE_SECRETKEY, own.secret)
    return socket


def fleeting(ctx: zmq.Context[Any], kind: int, own: CurveKeys, server_key: bytes, hwm: int) -> Socket:
    """Makes a socket as `calling` does, for an owner that throws the socket away when its one connection breaks, and
    makes another.

    libzmq's own reconnection is put off rather than turned off: without it what has come in is lost with the
    connection, and a leaver's last words are just that.
    """
    socket = calling(ctx, kind, own, server_key, hwm)
    socket.setsockopt(zmq.RECONNECT_IVL, 600_000)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, 0)
    if kind == zmq.SUB:  # a publisher's heartbeat may wait behind all that it has sent, a reader's never
        socket.setsockopt(zmq.HEARTBEAT_IVL, int(MESH_HEARTBEAT_S * 1000))
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, int(MESH_SILENT_S * 1000))
    return socket


def copy_received(ctx: zmq.Context[Any]) -> None:
    """Has each message take the memory that it needs; to be called before the first socket.

    By default a message keeps the whole buffer that it was read with, 8 KiB for the smallest part: whoever sends many,
    one to a packet, takes two hundred times what they send.
    """
    ctx.set(_ZERO_COPY_RECV, 0)


def show_departures(socket: Socket) -> None:
    """Has an XPUB report each connection's unsubscriptions too, also those made by its end."""
    socket.setsockopt(zmq.XPUB_VERBOSER, 1)
