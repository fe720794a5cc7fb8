"""The doors for tools at a member whose room takes nothing: what cannot wait any more is lost, and it is said."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
import zmq
import zmq.asyncio

from sandpiper.bridge import plain_bus
from sandpiper.common import frame
from sandpiper.common.messages import Msg, MsgDraft, Notice
from sandpiper.peer.attach import doors as attach

DEADLINE_S = 20.0
ROOM = "pine-ocean-42"
MORE = 2_000


class FullRoom:
    """A room that takes nothing."""

    name = ROOM
    nick, fingerprint = "alice", "a" * 24
    full = True

    def __init__(self) -> None:
        self.posted = 0

    async def members(self) -> list[object]:
        return []

    def post_as_tool(self, draft: MsgDraft, nick: str) -> Any:
        self.posted += 1
        return Msg(nick, draft.text, 0, ROOM, 0, 0, "", str(self.posted), self.fingerprint, False)


def test_what_is_lost_is_told_to_the_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_bus, "KEPT_BYTES", 10_000)

    async def run() -> None:
        room: Any = FullRoom()
        async with attach.attached(room, tcp=True) as doors:
            with zmq.asyncio.Context() as ctx, ctx.socket(zmq.XPUB) as speak, ctx.socket(zmq.SUB) as hear:
                for each in (speak, hear):
                    each.setsockopt(zmq.LINGER, 0)
                hear.subscribe(f"{ROOM}/notice".encode())
                hear.connect(doors.ready.plain_xpub)
                speak.connect(doors.ready.plain_xsub)
                await speak.recv()
                while not await hear.poll(20):
                    doors._bus.publish([f"{ROOM}/notice\0knock".encode()])
                said = f"{ROOM}/msg\0".encode() + msgspec.msgpack.encode({"type": "msg", "text": "hello"})
                for _ in range(MORE):
                    await speak.send(said)
                while doors._bus.dropped == 0:  # noqa: ASYNC110  # it is libzmq that moves
                    await asyncio.sleep(0.001)
                room.full = False
                while (heard := await hear.recv()).endswith(b"knock"):
                    pass
                told = frame.decode(heard)
                assert isinstance(told, Notice)
                assert "publications of tools are lost" in told.text
                assert 0 < int(told.text.split()[0]) < MORE

    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))
