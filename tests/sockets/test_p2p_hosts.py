"""Rooms between peers on hosts of their own: direct, by relay, over a cable that is pulled, with no server at all."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.sockets.members import Cast, MemberProcess, alike
from tests.sockets.netns import Host, network


def serve(host: Host, folder: Path, command: str, *options: str) -> dict[str, Any]:
    """A service on that host; its ready line. It ends with the host."""
    argv = [sys.executable, "-m", "sandpiper.cli", command, "--json", "--data", str(folder / command), *options]
    process = host.popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    ready: dict[str, Any] = json.loads(process.stdout.readline())
    return ready


def talking(member: MemberProcess, count: int) -> threading.Thread:
    """Sends a message at a time, for as long as the member is asked who is here meanwhile."""

    def talk() -> None:
        for number in range(1, count + 1):
            member.send(f"{member.nick} {number}")
            member.ask("ping", "pong")

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    return thread


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


def test_a_cable_pulled_and_put_back_loses_and_doubles_nothing(tmp_path: Path) -> None:
    count = 300
    with network("lan", "lan side", "lan side") as (one, between, other), Cast(tmp_path, "--no-lan") as cast:
        serve(between, tmp_path, "broker", "--host", "0.0.0.0", "--port", "5000", "--open")
        serve(between, tmp_path, "discovery", "--host", "0.0.0.0", "--port", "8000")
        lan = f"{between.address('lan')}"
        options = ("--discovery", f"{lan}:8000", "--broker", f"{lan}:5000")
        alice = cast.create("alice", *options, host=one)
        bob = cast.join("bob", alice.code, *options, host=other)
        alice.path("bob", "lan")
        alice.path("bob", "lan")
        threads = [talking(alice, count), talking(bob, count)]
        one.block(other)  # the pair alone; both still reach the services
        alice.path("bob", "relay")
        bob.path("alice", "relay")
        one.unblock(other)
        alice.path("bob", "lan", seconds=60)
        bob.path("alice", "lan", seconds=60)
        other.cut("lan")
        other.restore("lan")
        for thread in threads:
            thread.join()
        alike([alice, bob], {alice.run: count, bob.run: count}, 60)


def test_an_address_that_changes_is_followed(tmp_path: Path) -> None:
    with network("lan", "lan", "lan") as (one, other, place), Cast(tmp_path, "--no-lan") as cast:
        serve(place, tmp_path, "discovery", "--host", "0.0.0.0", "--port", "8000")
        where = f"{place.address()}:8000"
        alice = cast.create("alice", "--discovery", where, host=one)
        bob = cast.join("bob", alice.code, "--discovery", where, host=other)
        alice.path("bob", "lan")
        other.move(77)
        bob.send("from somewhere else")
        alice.hears("from somewhere else", seconds=60)
        alice.send("so I see")
        bob.hears("so I see", seconds=60)
        alice.path("bob", "lan", seconds=60)


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
