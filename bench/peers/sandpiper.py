"""Sandpiper itself: the library over CURVE, plain and CURVE bus sockets, and JSON lines."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from zmq.utils import z85

from bench import process
from bench.board import Load, Pace, Tally
from bench.peers import sockets
from bench.peers.base import Peer, lacks
from bench.peers.lines import send_lines
from bench.peers.streams import count_deliveries, read_until

RATE: Final = "10000000:10000"
"""Messages and MiB a second that a member may publish: the limit is on, but not what is measured."""
TOPIC: Final = b"lobby/msg"
BATCHES: Final = b"*/lobby/"
QUIET: Final = b"quiet/msg"
PATIENCE_S: Final = 15.0


class Sandpiper(Peer):
    """A broker with everything on (checks, stamps, store), started afresh; its clients by role."""

    module = "bench.peers.sandpiper"

    def missing(self) -> str | None:
        return lacks(modules=("sandpiper.peer", "msgpack")) or (None if command() else "no command sandpiper")

    def start(self, folder: Path) -> None:
        log = folder / "broker.log"
        options = ["--port", "0", "--data", str(folder / "data"), "--json", "--rate", RATE]
        self.broker = process.start([*command(), "broker", *options], log, stdout=subprocess.PIPE)
        self.where = process.first_line(self.broker, log)


def command() -> list[str]:
    """The command that is installed beside this interpreter; empty if there is none."""
    program = Path(sys.executable).parent / "sandpiper"
    return [str(program)] if program.exists() else []


def _connect(where: dict[str, Any], nick: str, *, listen: bool = True) -> Any:
    from sandpiper.peer import connect
    from sandpiper.peer.profile import Profile

    return connect(f"{where['door']}/lobby", nick=nick, member=False, listen=listen, profile=Profile.ephemeral())


async def _until_on_bus(room: Any) -> None:
    """The library is in a room before it knows its way; a run is about the bus. Raises ConnectionError."""
    deadline = time.monotonic() + PATIENCE_S
    while room.path != "bus":  # its event goes to who iterates, and that is what is measured
        if time.monotonic() > deadline:
            raise ConnectionError(f"the path is {room.path}, not the bus")
        await asyncio.sleep(0.01)


def publish(where: dict[str, Any], load: Load) -> None:
    """The library, writing only, as NATS's publisher does: posts, and at the end waits until all is stored."""

    async def run() -> None:
        async with _connect(where, "publisher", listen=False) as room:
            await _until_on_bus(room)
            pace = Pace(load)
            pace.ready()
            while (count := pace.allowance()) >= 0:
                for _ in range(count):
                    await room.post(pace.payload().decode())
                pace.sent(count)
                await asyncio.sleep(0 if count else pace.nap())
            await room.flush()
            pace.done()

    asyncio.run(run())


def subscribe(where: dict[str, Any], load: Load) -> None:
    """The library: every message decoded, checked for holes, delivered once and in order."""

    async def run() -> None:
        from sandpiper.peer.events import Received

        tally = Tally(load)

        async def listen(room: Any) -> None:
            async for event in room:
                if isinstance(event, Received):
                    tally.take(event.message.text)  # type: ignore[union-attr]  # only text is sent here

        async with contextlib.AsyncExitStack() as stack:
            rooms = []
            for number in range(load.connections):
                rooms.append(await stack.enter_async_context(_connect(where, f"subscriber{number}")))
                await _until_on_bus(rooms[-1])
                tally.ready()
            listening = [asyncio.create_task(listen(room)) for room in rooms]
            await tally.until_over()
            tally.finish()
            for task in listening:
                task.cancel()

    asyncio.run(run())


def publish_plain(where: dict[str, Any], load: Load) -> None:
    """A tool at the plain door: one socket and a msgpack library."""
    from msgpack import packb  # type: ignore[import-untyped]

    def encode(payload: bytes) -> bytes:
        body: bytes = packb({"type": "msg", "nick": "tool", "text": payload.decode()})
        return TOPIC + b"\0" + body

    sockets.publish(where["plain_xsub"], None, encode, load)


def subscribe_plain(where: dict[str, Any], load: Load) -> None:
    """A tool at the plain door that decodes each message."""
    from msgpack import unpackb

    def decode(frame: bytes) -> str:
        text: str = unpackb(frame[frame.index(b"\0") + 1 :])["text"]
        return text

    sockets.subscribe(where["plain_xpub"], None, TOPIC, decode, load)


def subscribe_bare(where: dict[str, Any], load: Load) -> None:
    """SUB sockets at the plain door that only count."""
    sockets.subscribe(where["plain_xpub"], None, TOPIC, None, load)


def subscribe_curve(where: dict[str, Any], load: Load) -> None:
    """SUB sockets at the CURVE door that only count, all with the keys of one enrolled session.

    They subscribe as our clients do: to the room's batches.
    """
    with _Enrolled(where) as curve:
        sockets.subscribe(where["xpub"], curve, BATCHES, None, load, _messages_in)


def crowd(where: dict[str, Any], load: Load) -> None:
    """Many CURVE connections at once, to a room in which nobody speaks."""
    with _Enrolled(where) as curve:
        sockets.subscribe(where["xpub"], curve, QUIET, None, load)


def _messages_in(frame: bytes) -> int:
    """How many items the msgpack array behind the topic has."""
    at = frame.index(b"\0") + 1
    return frame[at] & 15 if frame[at] >> 4 == 9 else int.from_bytes(frame[at + 1 : at + 3], "big")


class _Enrolled:
    """A session of the library, kept alive in a thread of its own, whose CURVE keys other sockets may use."""

    def __init__(self, where: dict[str, Any]) -> None:
        self._loop = asyncio.new_event_loop()
        self._where = where

    def __enter__(self) -> sockets.Curve:
        import threading

        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(PATIENCE_S)

    async def _open(self) -> sockets.Curve:
        self._room = await _connect(self._where, "crowd", listen=False).__aenter__()
        keys = self._room._publisher.engine._keys  # no program should: one session, one set of sockets
        return sockets.Curve(self._where["key"].encode(), z85.encode(keys.public), z85.encode(keys.secret))

    def __exit__(self, *_: object) -> None:
        leaving = self._room.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(leaving, self._loop).result(PATIENCE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _enter(where: dict[str, Any], nick: str) -> socket.socket:
    host, _, port = where["door"].rpartition(":")
    stream = socket.create_connection((host, int(port)))
    stream.sendall(json.dumps({"type": "nick", "nick": nick}).encode() + b"\n")
    read_until(stream, b'"type":"nick"')
    return stream


def publish_lines(where: dict[str, Any], load: Load) -> None:
    """An original JSON-lines client that writes as many lines at once as the window allows."""
    with _enter(where, "p") as stream:
        send_lines(stream, b'{"type":"msg","text":"', b'"}\n', load)


def subscribe_lines(where: dict[str, Any], load: Load) -> None:
    """Original JSON-lines clients that only count."""
    tally = Tally(load)
    with contextlib.ExitStack() as stack:
        streams = []
        for number in range(load.connections):
            streams.append(stack.enter_context(_enter(where, f"s{number}")))
            tally.ready()
        count_deliveries(streams, tally)
