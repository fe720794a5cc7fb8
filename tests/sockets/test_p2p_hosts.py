"""Rooms between peers on hosts of their own: direct, by relay, over a cable that is pulled, with no server at all."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.sockets.members import DEADLINE_S, Cast, MemberProcess, alike
from tests.sockets.netns import Host, network


def serve(host: Host, folder: Path, command: str, *options: str) -> dict[str, Any]:
    """A service on that host; its ready line. It ends with the host."""
    argv = [sys.executable, "-m", "sandpiper.cli", command, "--json", "--data", str(folder / command), *options]
    process = host.popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    ready: dict[str, Any] = json.loads(process.stdout.readline())
    return ready


class Talking:
    """A member that says something every few milliseconds, until the end. It counts what it has said."""

    def __init__(self, member: MemberProcess) -> None:
        self.said = 0
        self._member = member
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()

    def _talk(self) -> None:
        while not self._over.wait(0.005):
            self._member.send(f"{self._member.nick} {self.said + 1}")
            self.said += 1

    def end(self) -> int:
        """How much it was."""
        self._over.set()
        self._thread.join(DEADLINE_S)
        return self.said


def agree(*talks: Talking) -> None:
    """Ends it; then everybody has everything, once, and knows that others have it."""
    members = [talk._member for talk in talks]
    sent = {member.run: talk.end() for member, talk in zip(members, talks, strict=True)}
    alike(members, sent, 60)
    for member in members:
        member.acknowledged(sent[member.run])


def test_two_hosts_that_reach_each_other_talk_directly(tmp_path: Path) -> None:
    with network("lan", "lan") as (one, other), Cast(tmp_path, "--no-lan") as cast:
        serve(one, tmp_path, "discovery", "--host", "0.0.0.0", "--port", "8000")
        place = f"{one.address()}:8000"
        alice = cast.create("alice", "--discovery", place, host=one)
        bob = cast.join("bob", alice.code, "--discovery", place, host=other)
        alice.path("bob", "lan")
        bob.path("alice", "lan")
        alice.send("hello")
        bob.hears("hello")
        assert bob.hear("peer_joined")["peer"]["host"] == one.address()


def test_two_that_reach_only_the_services_go_by_the_relay(tmp_path: Path) -> None:
    with network("left", "left right", "right") as (one, between, other), Cast(tmp_path, "--no-lan") as cast:
        broker = serve(between, tmp_path, "broker", "--host", "0.0.0.0", "--port", "5000", "--open")
        assert broker["door"]
        serve(between, tmp_path, "discovery", "--host", "0.0.0.0", "--port", "8000")
        left = ("--discovery", f"{between.address('left')}:8000", "--broker", f"{between.address('left')}:5000")
        right = ("--discovery", f"{between.address('right')}:8000", "--broker", f"{between.address('right')}:5000")
        alice = cast.create("alice", *left, host=one)
        bob = cast.join("bob", alice.code, *right, host=other)
        alice.path("bob", "relay")
        bob.path("alice", "relay")
        alice.send("over there")
        bob.send("and back")
        for member in (alice, bob):
            member.hears("over there", "and back")
        peer = bob.hear("peer_joined")["peer"]
        assert (peer["host"], peer["port"]) == (None, None)
        # Why not directly, each can say.
        assert alice.path("bob", "relay")["error"]


def test_from_direct_to_relay_and_back_under_load_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    with network("lan", "lan", "lan") as (one, between, other), Cast(tmp_path, "--no-lan") as cast:
        serve(between, tmp_path, "broker", "--host", "0.0.0.0", "--port", "5000", "--open")
        serve(between, tmp_path, "discovery", "--host", "0.0.0.0", "--port", "8000")
        options = ("--discovery", f"{between.address()}:8000", "--broker", f"{between.address()}:5000")
        alice = cast.create("alice", *options, host=one)
        bob = cast.join("bob", alice.code, *options, host=other)
        alice.path("bob", "lan")
        talks = [Talking(alice), Talking(bob)]
        for _ in range(2):
            one.block(other)  # the pair alone; both still reach the services
            alice.path("bob", "relay")
            bob.path("alice", "relay")
            heard = len(bob.texts())
            bob.wait(lambda heard=heard: len(bob.texts()) > heard + 100)  # type: ignore[misc]
            one.unblock(other)
            alice.path("bob", "lan", seconds=60)
            bob.path("alice", "lan", seconds=60)
        agree(*talks)


def test_a_cable_pulled_and_put_back_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with network("lan", "lan") as (one, other), Cast(tmp_path, "--no-lan") as cast:
        serve(one, tmp_path, "discovery", "--host", "0.0.0.0", "--port", "8000")
        options = ("--discovery", f"{one.address()}:8000")
        alice = cast.create("alice", *options, host=one)
        bob = cast.join("bob", alice.code, *options, host=other)
        alice.path("bob", "lan")
        talks = [Talking(alice), Talking(bob)]
        for pulled in ("until it is noticed", "until each takes the other for gone"):
            other.cut()
            if pulled == "until it is noticed":
                alice.path("bob", "via", "none")
            else:
                since = len(alice.objects)
                alice.hear("notice", event="leave", nick="bob", since=since)
                bob.hear("notice", event="leave", nick="alice")
            other.restore()
            alice.path("bob", "lan", seconds=60)
            bob.path("alice", "lan", seconds=60)
        agree(*talks)


def test_two_that_cannot_reach_each_other_hear_each_other_through_a_third(tmp_path: Path) -> None:
    with network("lan", "lan", "lan") as (one, between, other), Cast(tmp_path, "--no-lan") as cast:
        serve(between, tmp_path, "discovery", "--host", "0.0.0.0", "--port", "8000")
        options = ("--discovery", f"{between.address()}:8000")
        one.block(other)
        alice = cast.create("alice", *options, host=one)
        carol = cast.join("carol", alice.code, *options, host=between)
        bob = cast.join("bob", alice.code, *options, host=other)
        for member in (alice, bob, carol):
            member.sees("alice", "bob", "carol")
        talks = [Talking(alice), Talking(bob), Talking(carol)]
        bob.wait(lambda: len(bob.logs[alice.run]) > 100)
        assert alice.path("bob", "via")["error"]
        agree(*talks)


def test_one_whose_doors_nobody_can_reach_is_heard_all_the_same(tmp_path: Path) -> None:
    with network("lan", "lan") as (one, other), Cast(tmp_path, "--no-lan") as cast:
        serve(one, tmp_path, "discovery", "--host", "0.0.0.0", "--port", "8000")
        options = ("--discovery", f"{one.address()}:8000")
        alice = cast.create("alice", *options, host=one)
        bob = cast.join("bob", alice.code, *options, "--listen", "127.0.0.1:7000", host=other)
        bob.path("alice", "lan")
        alice.path("bob", "lan", "direct")
        talks = [Talking(alice), Talking(bob)]
        bob.wait(lambda: len(bob.logs[alice.run]) > 100)
        alice.wait(lambda: len(alice.logs[bob.run]) > 100)
        agree(*talks)


def test_direct_only_without_a_way_says_so(tmp_path: Path) -> None:
    with network("left", "left right", "right") as (one, between, other), Cast(tmp_path, "--no-lan") as cast:
        serve(between, tmp_path, "discovery", "--host", "0.0.0.0", "--port", "8000")
        left = ("--discovery", f"{between.address('left')}:8000", "--path", "direct")
        right = ("--discovery", f"{between.address('right')}:8000", "--path", "direct")
        alice = cast.create("alice", *left, host=one)
        bob = cast.join("bob", alice.code, *right, host=other)

        def reason(answer: dict[str, Any]) -> bool:
            return any(one.address() in each["error"] and "--path direct" in each["error"] for each in answer["paths"])

        bob.asks_until("paths", "paths", reason)


def test_an_address_that_changes_is_followed_under_load(tmp_path: Path) -> None:
    with network("lan", "lan", "lan") as (one, other, place), Cast(tmp_path, "--no-lan") as cast:
        serve(place, tmp_path, "discovery", "--host", "0.0.0.0", "--port", "8000")
        options = ("--discovery", f"{place.address()}:8000")
        alice = cast.create("alice", *options, host=one)
        bob = cast.join("bob", alice.code, *options, host=other)
        alice.path("bob", "lan")
        talks = [Talking(alice), Talking(bob)]
        for last in (77, 78):
            before = len(alice.logs[bob.run])
            other.move(last)
            alice.wait(lambda before=before: len(alice.logs[bob.run]) > before + 1000, 60)  # type: ignore[misc]
            alice.path("bob", "lan", seconds=60)
            bob.path("alice", "lan", seconds=60)
        agree(*talks)


def test_a_lan_without_any_service(tmp_path: Path) -> None:
    with network("lan", "lan", "lan") as (one, other, third), Cast(tmp_path) as cast:
        alice = cast.create("alice", host=one)
        bob = cast.join("bob", alice.code, host=other)
        alice.path("bob", "lan")
        alice.send("no server")
        bob.hears("no server")
        code = alice.code
        assert alice.leave() == 0
        carol = cast.join("carol", code, host=third)
        carol.hears("no server")
        bob.path("carol", "lan")


def test_both_ends_get_other_addresses_at_once_on_a_lan_without_any_service(tmp_path: Path) -> None:
    """As behind a router that was exchanged: neither can tell the other, so both search the network anew."""
    with network("lan", "lan") as (one, other), Cast(tmp_path) as cast:
        alice = cast.create("alice", host=one)
        bob = cast.join("bob", alice.code, host=other)
        alice.path("bob", "lan")
        one.move(77)
        other.move(78)
        alice.send("where are you")
        bob.send("here")
        bob.hears("where are you", seconds=60)
        alice.hears("here", seconds=60)
        alice.path("bob", "lan", seconds=60)
        bob.path("alice", "lan", seconds=60)
