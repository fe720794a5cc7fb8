"""The options that keep strangers from aborting a process, and find the dead, seen from outside."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from sandpiper.common.io.sockets import CurveKeys, Socket, calling, context, serving
from sandpiper.common.limits import KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S, KEEPALIVE_PROBES, UNTAKEN_S
from tests.sockets.attack import NULL_GREETING, Wire, frame_from, null_ready, zmtp

UNSEEDED = 1_804_289_383
"""Where glibc's rand() begins."""


def first_number() -> int:
    """By which number a ROUTER knows its first connection."""
    with context() as ctx, serving(ctx, zmq.ROUTER, None, "") as router, ctx.socket(zmq.DEALER) as dealer:
        router.bind("inproc://numbers")
        dealer.connect("inproc://numbers")
        dealer.send(b"")
        route, _ = router.recv_multipart()
        return int.from_bytes(route[1:], "big")


def test_nobody_knows_the_routing_id_that_comes_next() -> None:
    first, second = first_number(), first_number()
    assert first != second
    assert UNSEEDED not in (first, second)


@contextmanager
def bound() -> Iterator[tuple[Socket, int]]:
    """A plain socket that others connect to, and its port."""
    with context() as ctx, serving(ctx, zmq.XPUB, None, "") as made:
        yield made, made.bind_to_random_port("tcp://127.0.0.1")


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_USER_TIMEOUT")
def test_a_socket_that_is_connected_to_lets_the_system_look_for_the_dead() -> None:
    with bound() as (made, port):
        monitor: zmq.Socket[Any] = made.get_monitor_socket(zmq.EVENT_ACCEPTED)
        with Wire("127.0.0.1", port), monitor:
            fd = recv_monitor_message(monitor)["value"]
            with socket.socket(fileno=os.dup(fd)) as accepted:
                asked = [socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT]
                told = [accepted.getsockopt(socket.IPPROTO_TCP, option) for option in asked]
                assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert told == [KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S, KEEPALIVE_PROBES, UNTAKEN_S * 1000]
            made.disable_monitor()


def test_who_stops_sending_heartbeats_is_gone_for_the_other_end() -> None:
    with bound() as (_, port), Wire("127.0.0.1", port, NULL_GREETING[:32] + b"\1" + NULL_GREETING[33:]) as wire:
        wire.read(64)
        wire.send(null_ready("SUB"))
        assert b"READY" in frame_from(wire.read)
        wire.send(zmtp(b"\4PING\0\1", command=True))  # the next within a tenth of a second
        assert frame_from(wire.read) == b"\4PONG"
        assert wire.rest() == b""


@pytest.mark.parametrize(("kind", "beats"), [(zmq.SUB, True), (zmq.XPUB, True), (zmq.DEALER, False)])
def test_heartbeats_come_from_whoever_connects_and_has_no_pings_of_its_own(kind: int, beats: bool) -> None:
    with context() as ctx, calling(ctx, kind, CurveKeys.make(), bytes(32)) as caller:
        assert bool(caller.getsockopt(zmq.HEARTBEAT_IVL)) == beats
        assert bool(caller.getsockopt(zmq.HEARTBEAT_TTL)) == beats
    with bound() as (made, _):
        assert not made.getsockopt(zmq.HEARTBEAT_IVL)
