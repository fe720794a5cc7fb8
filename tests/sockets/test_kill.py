"""`kill -9`: what was acknowledged reaches everybody once, in order, whatever the broker and its readers go through."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from sandpiper.common.errors import Unreachable
from sandpiper.common.messages import Msg
from sandpiper.peer import Pending, Room, connect
from sandpiper.peer.events import Received
from sandpiper.peer.profile import Profile
from tests.sockets.attack import hello
from tests.sockets.running import Lines, RunningBroker

PUBLISHERS = 3
MESSAGES = 20_000
TOTAL = PUBLISHERS * MESSAGES
DEADLINE_S = 90.0


class Reader:
    """A subscriber and what it has heard."""

    def __init__(self, target: str, name: str) -> None:
        self._target = target
        self._name = name
        self._profile = Profile.ephemeral()
        self.heard: list[Msg] = []
        self.grew = asyncio.Event()

    async def read(self, *, stall_at: int = 0, leave_at: int = 0) -> None:
        """To the last message. It stalls once, blocking everything it has; or leaves once, and another one goes on."""
        while len(self.heard) < TOTAL:
            after = self.heard[-1].seq if self.heard else 0
            room = connect(self._target, nick=self._name, profile=self._profile, after=after)
            try:
                await room.__aenter__()
            except Unreachable:  # the first connection is not retried by the library, and the broker is down just now
                continue
            try:
                await self._listen(room, {stall_at}, {leave_at, TOTAL})
            finally:
                await room.close()

    async def _listen(self, room: Room, stalls: set[int], leaves: set[int]) -> None:
        async for event in room:
            if isinstance(event, Received) and isinstance(event.message, Msg):
                self.heard.append(event.message)
                self.grew.set()
                if len(self.heard) in stalls:
                    time.sleep(1.0)  # noqa: ASYNC251  # the stall is the point: nothing of it is read meanwhile
                if len(self.heard) in leaves:
                    return

    async def has(self, count: int) -> None:
        """Returns when it has heard so many."""
        while len(self.heard) < count:
            self.grew.clear()
            await self.grew.wait()


async def publish(target: str, number: int) -> list[Pending]:
    """Everything one publisher has to say, stored."""
    async with connect(target, nick=f"pub{number}", profile=Profile.ephemeral(), listen=False) as room:
        posted = [await room.post(f"{number} {n}") for n in range(MESSAGES)]
        for pending in posted:
            await pending
    return posted


def check(readers: list[Reader], posted: list[list[Pending]]) -> None:
    for reader in readers:
        assert [message.seq for message in reader.heard] == list(range(1, TOTAL + 1))
    said = [message.text for message in readers[0].heard]
    for reader in readers[1:]:
        assert [message.text for message in reader.heard] == said
    for number in range(PUBLISHERS):
        own = [text for text in said if text.startswith(f"{number} ")]
        assert own == [f"{number} {n}" for n in range(MESSAGES)]
        for n, pending in enumerate(posted[number]):
            # 0 is an acknowledgement by number alone: stored, but the broker has forgotten where.
            assert pending.seq is not None
            assert pending.seq == 0 or said[pending.seq - 1] == f"{number} {n}"


def test_everything_acknowledged_reaches_everybody(tmp_path: Path) -> None:
    broker = RunningBroker(tmp_path / "data", "--rate", "1000000:1000")
    target = f"{broker.door}/lobby"

    async def kill_and_restart() -> None:
        await asyncio.get_running_loop().run_in_executor(None, broker.kill)
        await asyncio.get_running_loop().run_in_executor(None, broker.restart)

    async def everything() -> None:
        early, late, stalling, leaving = (Reader(target, name) for name in ("early", "late", "stalling", "leaving"))
        publishing = [asyncio.create_task(publish(target, number)) for number in range(PUBLISHERS)]
        reading = [
            asyncio.create_task(early.read()),
            asyncio.create_task(stalling.read(stall_at=TOTAL // 6)),
            asyncio.create_task(leaving.read(leave_at=TOTAL // 4)),
        ]
        await early.has(TOTAL // 8)
        await kill_and_restart()
        await early.has(TOTAL // 2)
        reading.append(asyncio.create_task(late.read()))
        await kill_and_restart()
        posted = await asyncio.gather(*publishing)
        await asyncio.gather(*reading)
        check([early, late, stalling, leaving], posted)

    try:
        asyncio.run(asyncio.wait_for(everything(), DEADLINE_S))
    finally:
        broker.stop()


def test_an_id_is_stored_once_across_kill(tmp_path: Path) -> None:
    """A JSON-lines client that resends after the crash whatever it got no acknowledgement for."""
    broker = RunningBroker(tmp_path / "data", "--rate", "1000000:1000")
    count = 2000
    acked: dict[str, int] = {}

    def send(client: Lines, ids: list[str]) -> None:
        client.raw(b"".join(b'{"type":"msg","text":"%b","id":"%b"}\n' % (i.encode(), i.encode()) for i in ids))

    def take(client: Lines, most: int) -> None:
        """Acknowledgements, until there are so many."""
        while len(acked) < most:
            ack = client.hear_until("ack")
            assert acked.setdefault(ack["id"], ack["seq"]) == ack["seq"], "the first seq, for ever"

    try:
        names = [f"m{number}" for number in range(count)]
        for kill_at in (count // 4, count // 2):
            with hello(broker, "ids", "sender") as client:
                send(client, names)
                take(client, kill_at)
                broker.kill()
            broker.restart()
        with hello(broker, "ids", "sender") as client:
            send(client, names)
            take(client, count)
        with Lines(broker) as reader:
            reader.say(type="hello", v=1, room="ids", nick="reader", after=0)
            stored: dict[str, int] = {}
            while len(stored) < count:
                message = reader.hear_until("msg")
                assert message["text"] == message["id"]
                assert message["id"] not in stored
                stored[message["id"]] = message["seq"]
        assert stored == acked
        assert list(stored) == names, "in the order in which they were said"
        assert sorted(stored.values()) == list(range(1, count + 1))
    finally:
        broker.stop()


@pytest.mark.parametrize("again", [1, 3])
def test_an_id_repeated_at_once(tmp_path: Path, again: int) -> None:
    """In one segment, in the same batch."""
    broker = RunningBroker(tmp_path / "data")
    try:
        with hello(broker, "twice", "sender") as client:
            client.raw(b'{"type":"msg","text":"once","id":"a"}\n' * (1 + again))
            assert [client.hear_until("ack")["seq"] for _ in range(1 + again)] == [1] * (1 + again)
            client.say(type="msg", text="next", id="b")
            assert client.hear_until("ack")["seq"] == 2
    finally:
        broker.stop()
