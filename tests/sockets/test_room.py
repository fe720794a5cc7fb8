"""The library against a real broker: bus and one-port, nicks, whispers, history, reconnects."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from sandpiper.common.errors import AccessDenied, Refusal, Rejected, TrustError, Unreachable
from sandpiper.common.messages import Data, Message, Notice, Whisper
from sandpiper.peer import Room, connect
from sandpiper.peer.events import Entered, PathChanged, Received
from sandpiper.peer.profile import Profile
from tests.sockets.running import DEADLINE_S, RunningBroker, running

T = TypeVar("T")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    with running(tmp_path_factory.mktemp("broker") / "data") as broker:
        yield broker


def play(scene: Callable[[], Awaitable[T]]) -> T:
    async def timed() -> T:
        return await asyncio.wait_for(scene(), DEADLINE_S)

    return asyncio.run(timed())


async def event(room: Room, kind: type[T]) -> T:
    """The next event of this kind."""
    async for each in room:
        if isinstance(each, kind):
            return each
    raise AssertionError("the room was closed")


async def heard(room: Room, count: int) -> list[Message]:
    """The next so many stored messages."""
    return [(await event(room, Received)).message for _ in range(count)]


def enter(broker: RunningBroker, nick: str, room: str = "lobby", **options: object) -> Room:
    options.setdefault("profile", Profile.ephemeral())
    return connect(f"{broker.door}/{room}", nick=nick, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("one_port", [False, True])
def test_a_conversation(broker: RunningBroker, one_port: bool) -> None:
    name = f"talk-{one_port}".lower()

    async def scene() -> None:
        async with enter(broker, "alice", name) as alice, enter(broker, "bob", name, one_port=one_port) as bob:
            assert (await event(bob, PathChanged)).path == ("one-port" if one_port else "bus")
            seq = await alice.send("hello")
            (message,) = await heard(bob, 1)
            assert (message.nick, message.seq, message.from_, message.verified) == (
                "alice",
                seq,
                alice.fingerprint,
                True,
            )
            assert await bob.send_data({"t": 21.4, "raw": b"\xff"}) == seq + 1
            first, second = await heard(alice, 2)
            assert first.seq == seq
            assert isinstance(second, Data)
            assert second.value == {"t": 21.4, "raw": b"\xff"}
            members = {member.nick: member.path for member in await alice.members()}
            assert members == {"alice": "bus", "bob": "one-port" if one_port else "bus"}

    play(scene)


def test_two_events_own_and_backlog(broker: RunningBroker) -> None:
    async def scene() -> None:
        async with enter(broker, "alice", "history") as alice:
            for number in range(30):
                await alice.post(str(number))
            await alice.flush()
            assert [(await event(alice, Received)).own for _ in range(30)] == [True] * 30
            async with enter(broker, "late", "history", backlog=5) as late:
                assert [message.seq for message in await heard(late, 5)] == [26, 27, 28, 29, 30]
            async with enter(broker, "later", "history", after=27) as later:
                received = [await event(later, Received) for _ in range(3)]
                assert [each.message.seq for each in received] == [28, 29, 30]
                assert all(each.backlog and not each.own for each in received)
                await alice.send("live")
                live = await event(later, Received)
                assert (live.message.seq, live.backlog) == (31, False)

    play(scene)


def test_what_is_older_comes_without_holes(broker: RunningBroker) -> None:
    async def scene() -> None:
        async with enter(broker, "alice", "old") as alice:
            for number in range(300):
                await alice.post("x" * 50_000 if number % 10 == 0 else str(number))
            await alice.flush()
            async with enter(broker, "late", "old", backlog=5) as late:
                first = 296
                while found := await late.older(first):
                    assert [each.seq for each in found] == list(range(found[0].seq, first))
                    assert len(found) <= 200
                    first = found[0].seq
                assert first == 1

    play(scene)


def test_a_nick_belongs_to_a_key(broker: RunningBroker) -> None:
    async def scene() -> None:
        mine = Profile.ephemeral()
        async with enter(broker, "queen", "names", profile=mine) as queen:
            with pytest.raises(Rejected, match="taken"):
                await enter(broker, "Queen", "names").__aenter__()
            async with enter(broker, "queen", "names", profile=mine, member=False) as script:
                await script.send("the same person")
            async with enter(broker, "knave", "names") as knave:
                with pytest.raises(Refusal, match="taken"):
                    await knave.claim("queen")
                await knave.claim("jack")
                notice = await event(queen, Notice)
                while notice.event != "nick":
                    notice = await event(queen, Notice)
                assert (notice.was, notice.nick) == ("knave", "jack")

    play(scene)


def test_whispers(broker: RunningBroker) -> None:
    async def scene() -> None:
        async with enter(broker, "alice", "quiet") as alice, enter(broker, "bob", "quiet") as bob:
            await alice.whisper("bob", "psst")
            whisper = await event(bob, Whisper)
            assert (whisper.nick, whisper.to, whisper.text) == ("alice", "bob", "psst")
            with pytest.raises(Refusal, match="nobody here is called carol"):
                await alice.whisper("carol", "psst")
            assert (await alice.rooms())[0].seq >= 0

    play(scene)


def test_a_script_announces_nothing(broker: RunningBroker) -> None:
    async def scene() -> None:
        async with enter(broker, "alice", "still") as alice:
            async with enter(broker, "script", "still", member=False, listen=False) as script:
                await script.send("only this")
            assert [member.nick for member in await alice.members()] == ["alice"]
            await alice.send("end")
            said = []
            async for each in alice:
                if isinstance(each, Notice):
                    said.append(each.text)
                if isinstance(each, Received) and each.own:
                    break
            assert said in ([], ["alice joined"])

    play(scene)


def test_a_reconnect_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        with running(tmp_path / "data") as broker:
            async with enter(broker, "alice") as alice, enter(broker, "bob", after=0) as bob:
                await alice.send("before")
                broker.kill()
                while alice.path != "offline":
                    await event(alice, PathChanged)
                pending = [await alice.post(f"meanwhile {number}") for number in range(3)]
                with pytest.raises(Refusal, match="not connected"):
                    await alice.members()
                broker.restart()
                assert [await each for each in pending] == [2, 3, 4]
                assert [message.seq for message in await heard(bob, 4)] == [1, 2, 3, 4]
                assert (await event(alice, Entered)).again in (True, False)

    play(scene)


def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        async def scene() -> None:
            with pytest.raises(Unreachable, match="sandpiper broker"):
                await connect(f"127.0.0.1:{port}", nick="a", profile=Profile.ephemeral()).__aenter__()

        play(scene)


def test_another_key_at_a_known_address_is_refused(tmp_path: Path) -> None:
    async def scene() -> None:
        mine = Profile.at(tmp_path / "profile")
        with running(tmp_path / "one") as first:
            async with enter(first, "alice", profile=mine):
                pass
        second = RunningBroker(tmp_path / "two", port=first.port)
        try:
            with pytest.raises(TrustError, match="has changed"):
                await enter(second, "alice", profile=mine).__aenter__()
            with pytest.raises(TrustError, match="not"):
                await connect(f"{second.door}#{'a' * 24}", nick="a", profile=Profile.ephemeral()).__aenter__()
        finally:
            second.stop()

    play(scene)


def test_the_access_code(tmp_path: Path) -> None:
    async def scene() -> None:
        with running(tmp_path / "data", "--access-code", "sesame") as broker:
            with pytest.raises(AccessDenied, match="asks for an access code"):
                await enter(broker, "alice").__aenter__()
            with pytest.raises(AccessDenied, match="wrong access code"):
                await enter(broker, "alice", access_code="sesam").__aenter__()
            async with enter(broker, "alice", access_code="sesame") as alice:
                assert await alice.send("in") == 1

    play(scene)


def test_a_code_is_not_shown_to_a_stranger_who_asks_for_none(broker: RunningBroker) -> None:
    async def scene() -> None:
        with pytest.raises(AccessDenied, match="asks for none"):
            await enter(broker, "alice", access_code="sesame").__aenter__()

    play(scene)
