"""Rooms between peers, as real processes on one machine: killed, stopped, late, cut off, guessed at, left alone."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from sandpiper.common.errors import SandpiperError
from sandpiper.peer import join
from sandpiper.peer.profile import Profile
from tests.sockets.cable import Cable
from tests.sockets.members import DEADLINE_S, Cast, MemberProcess, alike, free_doors
from tests.sockets.netns import Host, network
from tests.sockets.running import RunningBroker, RunningDiscovery

EACH = 2000
STOPPED_S = 20.0


@pytest.fixture
def discovery(tmp_path: Path) -> Iterator[RunningDiscovery]:
    made = RunningDiscovery(tmp_path / "discovery")
    yield made
    if made.process.poll() is None:
        assert made.stop() == 0


def talking(member: MemberProcess, second_half: threading.Event | None) -> threading.Thread:
    """Says EACH as fast as the member takes it, the second half when it is told to; without that, on and on."""

    def talk() -> None:
        try:
            for first in count(1, 50):
                if second_half is not None and first > EACH:
                    break
                if second_half is not None and first > EACH // 2:
                    assert second_half.wait(DEADLINE_S)
                member.send(*(f"{member.nick} says {n}" for n in range(first, first + 50)))
        except (OSError, ValueError):
            assert member.process.poll() is not None

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    return thread


# Ten of them -----------------------------------------------------------------------------------------------------


def test_ten_members_end_with_identical_logs_whatever_happens(tmp_path: Path, discovery: RunningDiscovery) -> None:
    port = free_doors()
    at = ("--local", "--discovery", discovery.door)
    with Cast(tmp_path, *at) as cast, Cable("127.0.0.9", "127.0.0.1", port, port + 1) as cable:
        # Everybody's line to the first leads through the cable; the other address is there for when it is cut.
        first = cast.create("m0", "--listen", f"127.0.0.1:{port}", "--advertise", "127.0.0.9")
        others = [cast.start("join", f"m{i}", code=first.code) for i in range(1, 9)]
        names = [f"m{i}" for i in range(9)]
        for member in (first, *others):
            member.sees(*names)
        killed, stopped, *rest = others
        go_on = threading.Event()
        killed_run = killed.run
        threads = [talking(member, None if member is killed else go_on) for member in (first, *others)]
        stopped.wait(lambda: len(stopped.logs[killed_run]) > 100)
        stopped.stop()
        stopped_at = time.monotonic()
        killed.process.kill()  # in the middle of a word
        assert cable.carried > 20_000
        go_on.set()
        cable.cut()
        discovery.kill()
        discovery.restart()
        late = cast.join("m9", first.code)
        threads.append(talking(late, go_on))
        rest[0].hear("notice", event="leave", nick=stopped.nick)
        threading.Event().wait(max(0.0, stopped_at + STOPPED_S - time.monotonic()))
        stopped.go_on()
        survivors = [first, stopped, *rest, late]
        alike(survivors, {**{member.run: EACH for member in survivors}, killed_run: -1}, 60)
        for thread in threads:
            thread.join()
        for member in survivors:
            member.acknowledged(EACH)
        assert all(member.leave() == 0 for member in survivors)


# Strangers -------------------------------------------------------------------------------------------------------


def other_words(code: str) -> str:
    """The same number with words that are not its."""
    return f"pine-ocean-{code.rpartition('-')[2]}"


def test_whoever_has_no_code_gets_nowhere_and_is_told_why(tmp_path: Path, discovery: RunningDiscovery) -> None:
    with Cast(tmp_path, "--local", "--discovery", discovery.door) as cast:
        alice = cast.create("alice", "--capacity", "2")
        number = alice.code.rpartition("-")[2]
        assert "word" in cast.fails(2, "join", "typo", code=f"pine-oceam-{number}")
        assert not alice.warnings("guess")  # nothing was spent on it
        assert cast.fails(4, "join", "mallory", code=other_words(alice.code))
        assert len(alice.wait(lambda: alice.warnings("guess"))) == 1
        bob = cast.join("bob", alice.code)
        assert "full" in cast.fails(6, "join", "third", code=alice.code)
        assert bob.leave() == 0
        # A place that is free again is taken, and the room has not noticed a thing.
        cast.join("third", alice.code).sees("alice", "third")


def test_nobody_at_that_number(tmp_path: Path) -> None:
    with network("nowhere") as (machine,), Cast(tmp_path, "--local", host=machine) as cast:
        assert "sandpiper peer --room" in cast.fails(5, "join", "lost", code="pine-ocean-42")


def test_a_service_that_is_named_and_says_nothing_is_told(tmp_path: Path) -> None:
    with Cast(tmp_path, "--local") as cast, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        for listening in (False, True):
            if listening:
                silent.listen()
            said = cast.fails(3, "join", "bob", "--discovery", f"127.0.0.1:{port}", code="pine-ocean-42")
            assert f"127.0.0.1:{port}" in said


async def guess(code: str, place: str, until: asyncio.Event) -> Counter[str]:
    """Tries other words until then, as fast as it goes; how the tries ended."""
    ends: Counter[str] = Counter()
    while not until.is_set():
        try:
            async with join(other_words(code), discovery=(place,), local=True, profile=Profile.ephemeral()):
                ends["in"] += 1
        except SandpiperError as error:
            ends[type(error).__name__] += 1
    return ends


async def guess_until(seen: threading.Event, code: str, place: str) -> Counter[str]:
    """Several that guess at once."""
    until = asyncio.Event()
    guessing = [asyncio.create_task(guess(code, place, until)) for _ in range(4)]
    await asyncio.get_running_loop().run_in_executor(None, seen.wait, DEADLINE_S)
    until.set()
    return sum(await asyncio.gather(*guessing), Counter())


def test_guessing_gets_nowhere_and_is_seen(tmp_path: Path, discovery: RunningDiscovery) -> None:
    with Cast(tmp_path, "--local", "--discovery", discovery.door) as cast:
        alice = cast.create("alice")
        bob = cast.join("bob", alice.code)
        first_code = alice.code
        seen = threading.Event()

        def watch() -> None:
            bob.wait(lambda: bob.warnings("code"))
            seen.set()

        watching = threading.Thread(target=watch)
        watching.start()
        ends = asyncio.run(guess_until(seen, alice.code, discovery.door))
        watching.join()
        # Ten guesses end the first code. What another member tells of the second one's is believed slowly.
        assert not ends["in"]
        assert 10 <= ends["AccessDenied"] <= 30, ends
        changes = [said["code"] for said in bob.objects if said["type"] == "code_changed"]
        assert len({first_code, *changes}) == len(changes) + 1 >= 2
        for member in (alice, bob):
            assert len(member.warnings("guess")) >= 10
        code = alice.ask("code", "code")["code"]
        carol = cast.join("carol", code)
        carol.send("through the same door")
        for member in (alice, bob):
            member.hears("through the same door")


# Without a service -----------------------------------------------------------------------------------------------


@pytest.fixture
def machine() -> Iterator[Host]:
    """A machine of our own: its ports 8000 to 8009 are nobody else's."""
    with network("nowhere") as (host,):
        yield host


@pytest.mark.parametrize("how", ["leaves", "is killed"])
def test_a_third_joins_when_whoever_held_the_meeting_point_is_gone(tmp_path: Path, machine: Host, how: str) -> None:
    with Cast(tmp_path, "--local", host=machine) as cast:
        alice = cast.create("alice")
        code = alice.code
        bob = cast.join("bob", code)
        alice.send("before")
        bob.hears("before")
        if how == "leaves":
            assert alice.leave() == 0
        else:
            alice.kill()
        carol = cast.join("carol", code)
        carol.hears("before")
        carol.send("after")
        bob.hears("after")
        # And again, with the one that took over.
        bob.kill()
        cast.join("dave", code).hears("before", "after")


def test_of_two_that_open_a_room_at_once_one_opens_and_the_other_joins(tmp_path: Path, machine: Host) -> None:
    with Cast(tmp_path, "--local", host=machine) as cast:
        both = [cast.start("peer", nick, "--room", "pine-ocean-4242") for nick in ("alice", "bob")]
        for member in both:
            member.sees("alice", "bob")
        assert sum(said["type"] == "room_created" for member in both for said in member.objects) == 1
        both[0].send("one room")
        both[1].hears("one room")


# Restarts --------------------------------------------------------------------------------------------------------


def test_a_service_that_is_killed_and_comes_back_is_no_matter(tmp_path: Path, discovery: RunningDiscovery) -> None:
    with Cast(tmp_path, "--local", "--discovery", discovery.door) as cast:
        alice = cast.create("alice")
        bob = cast.join("bob", alice.code)
        for number in range(3):
            discovery.kill()
            alice.send(f"without it {number}")
            bob.hears(f"without it {number}")
            discovery.restart()
            assert cast.join(f"late{number}", alice.code).leave() == 0


def test_of_two_services_one_is_enough(tmp_path: Path, discovery: RunningDiscovery) -> None:
    other = RunningDiscovery(tmp_path / "other" / "discovery")
    first, second = ("--discovery", discovery.door), ("--discovery", other.door)
    try:
        with Cast(tmp_path, "--local") as cast:
            alice = cast.create("alice", *first, *second)
            cast.join("bob", alice.code, *second)  # it is registered at both
            discovery.kill()
            cast.join("carol", alice.code, *first, *second)
            discovery.restart()
            other.kill()
            cast.join("dave", alice.code, *first)
            alice.sees("alice", "bob", "carol", "dave")
    finally:
        if other.process.poll() is None:
            other.stop()


# By the relay ----------------------------------------------------------------------------------------------------


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RunningBroker]:
    made = RunningBroker(tmp_path / "broker")
    yield made
    assert made.stop() == 0


def test_two_that_want_the_relay_only_talk_by_it(
    tmp_path: Path, discovery: RunningDiscovery, relay: RunningBroker
) -> None:
    with Cast(tmp_path, "--local", "--discovery", discovery.door, "--broker", relay.door, "--path", "relay") as cast:
        alice = cast.create("alice")
        bob = cast.join("bob", alice.code)
        for one, other in ((alice, bob), (bob, alice)):
            one.path(other.nick, "relay")
            one.send(*(f"{one.nick} {number}" for number in range(500)))
        alike([alice, bob], {alice.run: 500, bob.run: 500})
        for member in (alice, bob):
            member.acknowledged(500)
        relay.kill()
        alice.send("kept meanwhile")
        relay.restart()
        bob.hears("kept meanwhile")
        alice.acknowledged(501)


def test_one_that_wants_no_relay_and_one_that_wants_nothing_else_say_so(
    tmp_path: Path, discovery: RunningDiscovery, relay: RunningBroker
) -> None:
    with Cast(tmp_path, "--local", "--discovery", discovery.door, "--broker", relay.door) as cast:
        alice = cast.create("alice", "--path", "direct")
        bob = cast.join("bob", alice.code, "--path", "relay")
        assert "--path direct" in alice.path("bob", "none", "via")["error"]
        assert "none of our relays" in bob.path("alice", "none", "via")["error"]
        bob.send("to nobody")
        assert bob.leave() == 1
        assert "alice is not reached: " in bob.stderr
        assert "acknowledged nothing for 10 s" in bob.stderr
