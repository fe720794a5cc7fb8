"""Garbage at every door: answered where there is a way back, in bounded memory, and nobody else is disturbed."""

from __future__ import annotations

import json
import random
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest
import zmq

from sandpiper.common import control
from sandpiper.common.limits import BODY_BYTES, FRAME_BYTES, GUARD_BEHIND_BYTES, LINE_BYTES
from tests.sockets.attack import (
    CURVE_GREETING,
    MIB,
    NULL_GREETING,
    Bystander,
    Caller,
    RawCurve,
    Tool,
    Wire,
    bystander,
    hello,
    modest,
    null_ready,
    plain_end,
    plain_port,
    unruffled,
    until,
    zmtp,
)
from tests.sockets.running import DEADLINE_S, Lines, RunningBroker, running

PORTS = ("door", "xsub", "xpub", "plain_xsub", "plain_xpub")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningBroker, Bystander]]:
    folder: Path = tmp_path_factory.mktemp("garbage")
    with running(folder / "data") as broker:
        with bystander(broker) as others:
            yield broker, others
        unruffled(broker)


@pytest.fixture
def broker(shared: tuple[RunningBroker, Bystander]) -> Iterator[RunningBroker]:
    """One for many tests; each must leave the bystander undisturbed and the memory modest."""
    broker, others = shared
    with modest(broker):
        yield broker
        others.round_trip()


@pytest.fixture
def others(shared: tuple[RunningBroker, Bystander]) -> Bystander:
    return shared[1]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RunningBroker]:
    """A broker for one test alone, which leaves it swollen or slow; its rates let everything through."""
    with running(tmp_path / "data", "--rate", "1000000:1000") as broker:
        yield broker
        unruffled(broker)


def port_of(broker: RunningBroker, name: str) -> int:
    return plain_port(broker, name)


# Bytes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("port", PORTS)
def test_random_bytes(broker: RunningBroker, port: str) -> None:
    dice = random.Random(port)
    for size in (1, 2, 9, 10, 11, 64, 65, 200, 5000, 100_000):
        with Wire(broker.host, port_of(broker, port), dice.randbytes(size)) as wire:
            wire.end()
            wire.rest()


@pytest.mark.parametrize("port", PORTS)
def test_greetings_cut_short(broker: RunningBroker, port: str) -> None:
    for greeting in (NULL_GREETING, CURVE_GREETING):
        for size in (1, 9, 10, 11, 12, 32, 63, 64):
            with Wire(broker.host, port_of(broker, port), greeting[:size]) as wire:
                wire.end()
                wire.rest()


@pytest.mark.parametrize("port", PORTS)
def test_a_greeting_and_then_garbage(broker: RunningBroker, port: str) -> None:
    dice = random.Random(port)
    for greeting, ready in ((NULL_GREETING, null_ready("SUB")), (NULL_GREETING, b""), (CURVE_GREETING, b"")):
        for size in (1, 100, 5000):
            with Wire(broker.host, port_of(broker, port), greeting + ready + dice.randbytes(size)) as wire:
                wire.end()
                wire.rest()
    for body in (b"\x05HELLO", b"\x05HELLO" + bytes(194), b"\x08INITIATE" + bytes(300), b"\x07WELCOME", b"\xffX", b""):
        with Wire(broker.host, port_of(broker, port), CURVE_GREETING + zmtp(body, command=True)) as wire:
            wire.end()
            wire.rest()


@pytest.mark.parametrize("port", PORTS)
def test_a_length_prefix_of_a_gigabyte(broker: RunningBroker, port: str) -> None:
    for size in (1 << 30, 1 << 62, (1 << 64) - 1):
        for greeting, flags in ((NULL_GREETING + null_ready("PUB"), 2), (NULL_GREETING, 6), (CURVE_GREETING, 6)):
            first = greeting + bytes([flags]) + struct.pack(">Q", size) + bytes(1000)
            with Wire(broker.host, port_of(broker, port), first) as wire:
                for _ in range(20):
                    if not wire.send(bytes(65536)):
                        break
                wire.end()
                wire.rest()


def test_metadata_that_lies_about_its_lengths(broker: RunningBroker) -> None:
    lies = (b"\xff", b"\x01a\xff\xff\xff\xff", b"\x0bSocket-Type" + struct.pack(">I", 1 << 30) + b"SUB", bytes(4000))
    for port in PORTS:
        for lie in lies:
            first = NULL_GREETING + zmtp(b"\x05READY" + lie, command=True)
            with Wire(broker.host, port_of(broker, port), first) as wire:
                wire.end()
                wire.rest()


def test_what_is_no_door_is_told_so(broker: RunningBroker) -> None:
    for first in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"\x00",
        b"[1,2]\n",
        b"\xfe",
    ):
        with Wire(broker.host, broker.port, first) as wire:
            wire.end()
            lines = wire.rest().splitlines()
            assert [json.loads(line)["type"] for line in lines] == ["error"]


# Lines -------------------------------------------------------------------------------------------------------


DEEP = 10_000
BAD_LINES = {
    "arrays": b"[" * DEEP + b"]" * DEEP,
    "objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "unclosed": b'{"type":"msg","text":' + b"[" * DEEP,
    "value": b'{"type":"data","value":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "value of objects": b'{"type":"data","value":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    "utf-8": b'{"type":"msg","text":"\xff\xfe"}',
    "cut utf-8": b'{"type":"msg","text":"\xe2\x82"}',
    "surrogate in utf-8": b'{"type":"msg","text":"\xed\xa0\x80"}',
    "over-long utf-8": b'{"type":"msg","text":"\xc0\xaf"}',
    "lone surrogate": b'{"type":"msg","text":"\\ud800"}',
    "surrogate id": b'{"type":"msg","text":"x","id":"\\udc00"}',
    "NUL byte": b'{"type":"msg","text":"\x00"}',
    "huge version": b'{"type":"hello","v":' + b"9" * 6000 + b"}",
    "negative": b'{"type":"replay","after":-9223372036854775809,"limit":-1e400}',
    "float": b'{"type":"hello","v":1e999}',
    "NaN": b'{"type":"data","value":NaN}',
    "array": b"[]",
    "number": b"1",
    "string type": b'{"type":7}',
    "object room": b'{"type":"who","room":{}}',
    "list text": b'{"type":"msg","text":["a"]}',
    "long id": b'{"type":"msg","text":"x","id":"' + b"i" * 5000 + b'"}',
    "empty room": b'{"type":"hello","v":1,"room":""}',
    "room with slash": b'{"type":"hello","v":1,"room":"a/b"}',
    "room with NUL": b'{"type":"hello","v":1,"room":"a\\u0000b"}',
    "long room": b'{"type":"hello","v":1,"room":"' + b"r" * 5000 + b'"}',
    "escape nick": b'{"type":"nick","nick":"\\u001b[31m"}',
    "long nick": b'{"type":"nick","nick":"' + b"n" * 5000 + b'"}',
    "not JSON": b"\x00\x01\x02",
    "too long": b'{"type":"msg","text":"' + b"x" * LINE_BYTES + b'"}',
}
FINE_LINES = {
    "ignored": b'{"type":"ping","x":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "huge after": b'{"type":"hello","v":1,"room":"r2","after":' + b"9" * 400 + b"}",
    "NUL": b'{"type":"msg","text":"a\\u0000b"}',
    "carriage return": b'{"type":"msg","text":"x"}\r',
    "same key twice": b'{"type":"msg","text":"first","text":"x"}',
    "unknown key": b'{"type":"msg","text":"x","from":"me","seq":1e5,"__class__":"os"}',
    "control characters": b'{"type":"msg","text":"\\u001b]0;x\\u0007\\u202e"}',
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line(broker: RunningBroker, name: str) -> None:
    """An error, and the connection stays, in both tongues."""
    line = BAD_LINES[name]
    with hello(broker, "bad", "newer") as newer, Lines(broker) as original:
        original.hear_until("notice")
        for client in (newer, original):
            client.raw(line + b"\n")
            heard = client.hear_until("error")
            assert len(json.dumps(heard)) < 1000, "it quotes no more than a little"
            if client is original and b'"hello"' in line:
                client.say(type="hello", v=1, room="lobby")
                client.hear_until("joined")
            client.say(type="msg", text="still here")
            assert client.hear_until("msg")["text"] == "still here"


@pytest.mark.parametrize("name", FINE_LINES)
def test_an_odd_line(broker: RunningBroker, name: str) -> None:
    """Odd, but a message; or refused. Either way the connection stays."""
    room = f"odd{list(FINE_LINES).index(name)}"
    with hello(broker, room, "newer") as newer, hello(broker, room, "hearer") as hearer:
        newer.raw(FINE_LINES[name] + b"\n")
        newer.say(type="msg", text="still here", id="1", room=room)
        newer.hear_until("ack")
        while hearer.hear_until("msg")["text"] != "still here":
            pass


def test_a_line_that_never_ends(broker: RunningBroker, others: Bystander) -> None:
    with Lines(broker) as client:
        client.raw(b'{"type":"msg","text":"')
        for _ in range(100):
            client.raw(b"x" * 65536)
        others.round_trip()
        assert "too long" in client.hear_until("error")["text"]
        client.raw(b'"}\n')
        client.say(type="msg", text="and on")
        assert client.hear_until("msg")["text"] == "and on"


def test_newlines_without_end(broker: RunningBroker, others: Bystander) -> None:
    with Wire(broker.host, broker.port, b"\n") as wire:
        for _ in range(4):
            pour([wire], [b"\n" * 65536], 16 * MIB, 0.3)
            others.round_trip()


def test_slow_loris(broker: RunningBroker, others: Bystander) -> None:
    """Many connections with half a line each, or half a greeting, or nothing; then they all go."""
    with ExitStack() as stack:
        for number in range(450):
            first = (b'{"type":"msg","text":"ha', NULL_GREETING[:20], b"")[number % 3]
            stack.enter_context(Wire(broker.host, broker.port, first))
            if number % 150 == 0:
                others.round_trip()
        others.round_trip()
        with Lines(broker) as late:
            assert late.hear()
    others.round_trip()


# Bodies ------------------------------------------------------------------------------------------------------


def packed(**body: Any) -> bytes:
    return msgspec.msgpack.encode({"type": "msg", **body})


BOMBS = {
    "empty": b"",
    "nil": b"\xc0",
    "never used": b"\xc1",
    "array of 4 G": b"\xdd\xff\xff\xff\xff",
    "map of 4 G": b"\xdf\xff\xff\xff\xff",
    "string of 4 G": b"\xdb\xff\xff\xff\xffx",
    "bytes of 4 G": b"\xc6\xff\xff\xff\xff",
    "ext of 4 G": b"\xc9\xff\xff\xff\xff\x01",
    "nested arrays": b"\x91" * 50_000,
    "nested maps": b"\x81\xa1a" * 15_000,
    "nested value": b"\x82\xa4type\xa4data\xa5value" + b"\x91" * 10_000 + b"\xc0",
    "wide": b"\x82\xa4type\xa4data\xa5value" + b"\xdc\xc3\x50" + b"\xdd\0\0\0\0" * 10_000,
    "list as key": b"\x82\xa4type\xa4data\xa5value\x81\x91\x01\x02",
    "map as key": b"\x82\xa4type\xa4data\xa5value\x81\x81\x01\x02\x03",
    "number as key": b"\x82\xa4type\xa4data\xa5value\x82\x01\x02\xcb\x7f\xf8\0\0\0\0\0\0\x04",
    "number as the map's key": b"\x83\xa4type\xa3msg\xa4text\xa1x\x07\x08",
    "ext": b"\x82\xa4type\xa4data\xa5value\xd4\x7f\x00",
    "ext as text": b"\x82\xa4type\xa3msg\xa4text\xd4\x7f\x00",
    "timestamp": b"\x82\xa4type\xa4data\xa5value\xd6\xff\xff\xff\xff\xff",
    "far timestamp": b"\x82\xa4type\xa4data\xa5value\xc7\x0c\xff\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff",
    "timestamp as key": b"\x82\xa4type\xa4data\xa5value\x81\xd6\xff\0\0\0\0\x01",
    "not a number": b"\x82\xa4type\xa4data\xa5value\xcb\x7f\xf8\0\0\0\0\0\0",
    "huge number": b"\x82\xa4type\xa4data\xa5value\xcf" + b"\xff" * 8,
    "bytes": b"\x82\xa4type\xa4data\xa5value\xc4\x02\xff\xfe",
    "bad utf-8": b"\x82\xa4type\xa3msg\xa4text\xa2\xff\xfe",
    "surrogate": b"\x82\xa4type\xa3msg\xa4text\xa3\xed\xa0\x80",
    "trailing": b"\x82\xa4type\xa3msg\xa4text\xa1x\xc0",
    "same key twice": b"\x83\xa4type\xa3msg\xa4text\xa1x\xa4text\xa1y",
    "nested nick": b"\x83\xa4type\xa3msg\xa4text\xa1x\xa4nick" + b"\x91" * 5000 + b"\xc0",
    "long nick": packed(text="x", nick="n" * 5000),
    "long id": packed(text="x", id="i" * 5000),
    "number id": packed(text="x", id=7),
    "too large": packed(text="x" * BODY_BYTES),
    "huge n": packed(text="x", n=(1 << 64) - 1),
    "negative n": packed(text="x", n=-(1 << 63)),
    "n nought": packed(text="x", n=0),
}
TOPICS = (
    b"bombs/msg",
    b"bombs/data",
    b"bombs/me",
    b"bombs/",
    b"/msg",
    b"",
    b"b\xff/msg",
    b"r" * 65 + b"/msg",
    b"a/b/msg",
)


def test_bodies_at_the_plain_bus(broker: RunningBroker, others: Bystander) -> None:
    with Tool(broker, "bombs/") as tool, hello(broker, "bombs", "watcher") as watcher:
        for body in BOMBS.values():
            for topic in TOPICS:
                tool.pub.send(topic + b"\0" + body)
            tool.pub.send(body)
            tool.pub.send_multipart([b"bombs/msg\0", body])
        others.round_trip()
        tool.publish("bombs", text="the end")
        until(lambda: tool.hear().get("text") == "the end")
        until(lambda: watcher.hear().get("text") == "the end")


def test_bodies_by_control_and_the_curve_bus(broker: RunningBroker, others: Bystander) -> None:
    with Caller(broker).enrol() as caller, hello(broker, "bombs", "watcher") as watcher:
        caller.join("bombs", "bomber")
        bus = caller.calling(zmq.XPUB)
        bus.connect(broker.ready["xsub"])
        bus.recv()
        for body in BOMBS.values():
            for topic in TOPICS:
                caller.tell(control.Publish(r=0, frames=[topic + b"\0" + body]))
                bus.send(topic + b"\0" + body)
            caller.tell(body or b"\0")
            caller.tell(b"\x81\xa4type" + body)
        others.round_trip()
        assert isinstance(caller.ask(control.Ping(r=0)), control.Pong)
        watcher.say(type="msg", text="the end")
        until(lambda: watcher.hear().get("text") == "the end")


HUGE = (1 << 63) - 1, 1 << 63, (1 << 64) - 1, -1, -(1 << 63)


@pytest.mark.parametrize("number", HUGE)
def test_numbers_that_no_database_holds(own: RunningBroker, number: int) -> None:
    """One client's numbers must never stop the broker for all."""
    frame = b"numbers/msg\0" + packed(text="x", n=number)
    with bystander(own) as others, Caller(own).enrol() as caller:
        caller.socket.setsockopt(zmq.RCVTIMEO, 5000)
        for request in (
            control.Join(r=0, room="numbers", nick="n", next_n=number, after=number, backlog=number),
            control.Replay(r=0, room="numbers", after=number, limit=number),
            control.Ping(r=0, rtt_ms=float(number)),
        ):
            assert isinstance(caller.ask(request), control.Reply)
        caller.tell(control.Publish(r=0, frames=[frame]))
        others.round_trip()
        for room in ("numbers2", "numbers3"):
            caller.ask(control.Join(r=0, room=room, nick="n", after=number, run="0" * 32))
        with hello(own, "numbers", "line") as line:
            for said in (
                {"type": "replay", "after": number, "limit": number},
                {"type": "hello", "v": 1, "room": "numbers4", "after": number, "backlog": number},
            ):
                line.say(**said)
            line.say(type="ping")
            line.hear_until("pong")
        others.round_trip()


def test_requests_that_are_none(broker: RunningBroker) -> None:
    """Each is answered by a refusal, and the connection stays."""
    bad = [
        b"",
        b"\xc0",
        b"\x80",
        b"\x81\xa4type\xa4ping",
        b"\x82\xa4type\xa5dance\xa1r\x07",
        b"\x82\xa4type\xa4ping\xa1r\xa1x",
        b"\x82\xa4type\xa4join\xa1r\x07",
        b"\x91" * 50_000,
        b"\xdf\xff\xff\xff\xff",
        msgspec.msgpack.encode({"type": "enrol", "r": 1, "v": 999, "identity": b"", "signature": b""}),
        msgspec.msgpack.encode({"type": "enrol", "r": 1, "v": 1, "identity": "x", "signature": []}),
        msgspec.msgpack.encode(
            {"type": "enrol", "r": 1, "v": 1, "identity": b"", "signature": b"", "ticket": "9" * 9000}
        ),
        msgspec.msgpack.encode({"type": "pake", "r": 1, "v": 1, "message": b"", "ticket": "9" * 5000 + ".a.b"}),
        msgspec.msgpack.encode({"type": "join", "r": 1, "room": "\0", "nick": "\x1b"}),
    ]
    with Caller(broker) as stranger, Caller(broker).enrol() as member:
        for request in bad:
            for caller in (stranger, member):
                caller.tell(request)
                reply = caller.hear()
                assert isinstance(reply, control.Refused), request[:60]
                assert len(reply.text) < 1000


def test_many_parts_at_control(broker: RunningBroker) -> None:
    with Caller(broker).enrol() as caller:
        for parts in (2, 3, 100):
            caller.socket.send_multipart([b"x"] * parts)
        caller.socket.send_multipart([b"", control.encode(control.Ping(r=1))])
        assert isinstance(caller.ask(control.Ping(r=0)), control.Pong)


# Without end -------------------------------------------------------------------------------------------------


def pour(wires: list[Wire], pieces: list[bytes], total: int, seconds: float) -> int:
    """Sends pieces, each again and again on its wire, until so much is out, every wire is shut, or time is up."""
    sent, open_wires, until_then = (
        0,
        list(zip(wires, pieces, [0] * len(wires), strict=True)),
        time.monotonic() + seconds,
    )
    while open_wires and sent < total and time.monotonic() < until_then:
        left = []
        for wire, piece, at in open_wires:
            gone = wire.some(piece[at:], 0.02)
            if gone >= 0:
                left.append((wire, piece, (at + gone) % len(piece)))
                sent += gone
        open_wires = left
    return sent


@pytest.mark.parametrize(
    ("port", "kind", "first"), [("plain_xsub", "PUB", b"x"), ("plain_xpub", "SUB", b"\2"), ("plain_xpub", "SUB", b"\1")]
)
@pytest.mark.parametrize("connections", [1, 8])
def test_parts_without_end(own: RunningBroker, port: str, kind: str, first: bytes, connections: int) -> None:
    piece = zmtp(first + bytes(60_000 if port == "plain_xsub" else 2000), more=True) * 40
    with bystander(own) as others, ExitStack() as stack, modest(own):
        wires = [stack.enter_context(plain_end(own, port, kind)) for _ in range(connections)]
        for _ in range(4):
            pour(wires, [piece] * connections, 100 * MIB, 0.7)
            others.round_trip()


@pytest.mark.parametrize("connections", [1, 8])
def test_whole_messages_faster_than_they_are_read(own: RunningBroker, connections: int) -> None:
    """No high-water mark holds them back: it is the guard that does, at GUARD_BEHIND_BYTES a connection."""
    piece = zmtp(b"x") * 20_000
    most = connections * GUARD_BEHIND_BYTES + 128 * MIB  # what is being read, and what comes in during a look
    with bystander(own) as others, ExitStack() as stack, modest(own, most):
        wires = [stack.enter_context(plain_end(own, "plain_xsub", "PUB")) for _ in range(connections)]
        pour(wires, [piece] * connections, 100 * MIB, 3.0)
        others.round_trip()


@pytest.mark.parametrize("port", ["xsub", "xpub"])
def test_parts_without_end_of_a_member(own: RunningBroker, port: str) -> None:
    size = 200_000 if port == "xsub" else 3000
    with bystander(own) as others, Caller(own).enrol() as caller, modest(own):
        end = RawCurve(own.host, port_of(own, port), caller.keys, caller.server_key, "PUB" if port == "xsub" else "SUB")
        assert end.admitted
        for number in range(400 * MIB // size):
            if not end.send(b"x" * size, flags=1):
                break
            if number % (20 * MIB // size) == 0:
                others.round_trip()
        else:
            pytest.fail("400 MiB of one message were taken")
        end.wire.close()


def test_parts_without_end_at_the_door(own: RunningBroker) -> None:
    with bystander(own) as others, Caller(own).enrol() as caller, modest(own):
        ends = [
            RawCurve(own.host, own.port, keys, caller.server_key, "DEALER")
            for keys in (caller.keys, type(caller.keys).make())
        ]
        assert all(end.admitted for end in ends)
        sent = pour([end.wire for end in ends], [end.message(bytes(60_000), 1) for end in ends], 200 * MIB, 1.0)
        assert sent < 20 * MIB
        others.round_trip()
        for end in ends:
            end.wire.close()


def test_a_broker_that_has_grown_still_takes_many_small_messages(own: RunningBroker) -> None:
    """What a message weighs on the wire beyond its body must not add up to an unfinished one."""
    count = 150_000
    with bystander(own) as others, Caller(own).enrol() as caller, hello(own, "small", "watcher") as watcher:
        caller.join("small", "busy")
        with plain_end(own, "plain_xsub", "PUB") as wire:
            piece = zmtp(b"x" * 60_000, more=True) * 4
            for _ in range(3):
                pour([wire], [piece], 300 * MIB, 1.0)
        bus = caller.calling(zmq.XPUB)
        bus.setsockopt(zmq.XPUB_NODROP, 1)
        bus.connect(own.ready["xsub"])
        bus.recv()
        heard: list[str] = []
        watcher.wait_for(80.0)

        def follow() -> None:
            while "end" not in heard:
                heard[:] = [watcher.hear_until("msg")["text"]]

        watch = Thread(target=follow)
        watch.start()
        for n in range(1, count + 1):
            bus.send(b"small/msg\0" + packed(text="end" if n == count else "x"))
        watch.join(80.0)
        assert not watch.is_alive(), "the last message did not come"
        others.round_trip()


def test_thousands_of_subscriptions(own: RunningBroker) -> None:
    with bystander(own) as others, modest(own), ExitStack() as stack:
        wire = stack.enter_context(plain_end(own, "plain_xpub", "SUB"))
        for number in range(60):
            topics = b"".join(zmtp(b"\1many%d/x" % (number * 1000 + each)) for each in range(1000))
            if not wire.send(topics):
                break
            if number % 20 == 0:
                others.round_trip()
        wire.end()
        wire.rest()


def test_subscriptions_of_a_megabyte(own: RunningBroker) -> None:
    dice = random.Random(7)
    with bystander(own) as others, Caller(own).enrol() as caller, modest(own), ExitStack() as stack:
        wires = [stack.enter_context(plain_end(own, "plain_xpub", "SUB")) for _ in range(4)]
        for _ in range(4):
            for wire in wires:
                wire.send(zmtp(b"\1" + dice.randbytes(FRAME_BYTES - 100)))
            others.round_trip()
        with suppress(AssertionError):
            end = RawCurve(own.host, port_of(own, "xpub"), caller.keys, caller.server_key, "SUB")
            for _ in range(8):
                end.send(b"\1" + dice.randbytes(FRAME_BYTES - 100))
            end.wire.close()
        others.round_trip()


# Who does not read, who floods ------------------------------------------------------------------------------


def chat(broker: RunningBroker, room: str, size: int, count: int, pause: Callable[[int], object]) -> None:
    """A member says `count` things of this size, each batch acknowledged before the next."""
    with Caller(broker).enrol() as caller:
        caller.join(room, "chatter")
        for first in range(1, count, 10):
            bodies = [packed(text="x" * size, n=n) for n in range(first, first + 10)]
            caller.tell(control.Publish(r=0, frames=[room.encode() + b"/msg\0" + body for body in bodies]))
            last = 0
            while last < first + 9:
                acked = caller.event(control.Acked)
                last = acked.n + len(acked.seqs) - 1
            pause(first)


def test_a_line_client_that_stops_reading(own: RunningBroker) -> None:
    with bystander(own) as others, modest(own), ExitStack() as stack:
        said = b'{"type":"hello","v":1,"room":"loud"}\n'
        wires = [stack.enter_context(Wire(own.host, own.port, said, receive_buffer=4096)) for _ in range(10)]
        for wire in wires:
            wire.read(50)
        chat(own, "loud", 50_000, 600, lambda first: first % 100 == 1 and others.round_trip())


@pytest.mark.parametrize("kind", ["plain", "curve", "one-port"])
def test_a_subscriber_that_stops_reading(own: RunningBroker, kind: str) -> None:
    """225 MB would wait for it. It goes on pinging, so it is alive, as far as one can see."""
    small = 4096
    with bystander(own) as others, Caller(own) as caller, modest(own), ExitStack() as stack:
        control_end = RawCurve(own.host, own.port, caller.keys, caller.server_key, "DEALER", receive_buffer=small)
        stack.callback(control_end.wire.close)
        for request in (caller.enrolment(), control.Join(r=0, room="loud", nick="deaf")):
            control_end.send(control.encode(request))
        with hello(own, "loud", "watcher") as watcher:
            until(lambda: _present(watcher, "deaf"))
        if kind == "plain":
            wire = stack.enter_context(plain_end(own, "plain_xpub", "SUB", receive_buffer=small))
            wire.send(zmtp(b"\1loud/"))
        elif kind == "curve":
            end = RawCurve(own.host, port_of(own, "xpub"), caller.keys, caller.server_key, "SUB", receive_buffer=small)
            stack.callback(end.wire.close)
            assert end.admitted
            end.send(b"\1loud/")
        else:
            control_end.send(control.encode(control.Subscribe(r=0, room="loud")))

        def go_on(first: int) -> None:
            if first % 500 == 1:
                others.round_trip()
                control_end.send(control.encode(control.Ping(r=first)))

        chat(own, "loud", 50_000, 4500, go_on)


def _present(watcher: Lines, nick: str) -> bool:
    watcher.say(type="who")
    return nick in [member["nick"] for member in watcher.hear_until("members")["members"]]


@pytest.mark.parametrize("way", ["lines", "plain", "control"])
def test_a_flood(shared: tuple[RunningBroker, Bystander], way: str) -> None:
    """20,000 messages at once, four times the rate of a member: who floods waits, others do not."""
    broker, others = shared
    count = 20_000
    with modest(broker), ExitStack() as stack:
        if way == "lines":
            wire = stack.enter_context(Wire(broker.host, broker.port, b'{"type":"hello","v":1,"room":"flood"}\n'))
            wires, pieces = [wire], [b'{"type":"msg","text":"flood"}\n' * 100]
            sent = 0
            while sent < count * 30:
                wire._socket.setblocking(False)
                with suppress(BlockingIOError):
                    while len(wire._socket.recv(1 << 20)) > 0:
                        pass
                sent += pour(wires, pieces, count * 3, 0.5)
                others.round_trip()
        elif way == "plain":
            tool = stack.enter_context(Tool(broker, "elsewhere/"))
            for number in range(count):
                tool.publish("flood", text="flood")
                if number % 4000 == 0:
                    others.round_trip()
        else:
            caller = stack.enter_context(Caller(broker)).enrol()
            caller.join("flood", "flooder")
            for first in range(1, count, 500):
                frames = [b"flood/msg\0" + packed(text="flood", n=n) for n in range(first, first + 500)]
                caller.tell(control.Publish(r=0, frames=frames))
                if first % 4000 == 1:
                    others.round_trip()
            assert caller.event(control.Turned).code in ("rate", "gap")
        others.round_trip()
    assert others.worst_s < DEADLINE_S
