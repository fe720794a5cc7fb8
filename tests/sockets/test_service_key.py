"""A discovery service that comes back with another key: those who pinned it are told, and go on with the others."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from tests.sockets.members import Cast
from tests.sockets.running import RunningDiscovery


class Stopping(RunningDiscovery):
    def close(self) -> None:
        if self.process.poll() is None:
            assert self.stop() == 0


def test_members_are_told_and_newcomers_go_on_with_the_other_service(tmp_path: Path) -> None:
    with closing(Stopping(tmp_path / "one")) as one, closing(Stopping(tmp_path / "two")) as two:
        at = ("--local", "--discovery", one.door, "--discovery", two.door)
        with Cast(tmp_path, *at) as cast:
            alice = cast.create("alice")
            bob = cast.join("bob", alice.code)
            bob.sees("alice", "bob")
            assert bob.leave() == 0
            door = one.door
            assert one.stop() == 0
            with closing(Stopping(tmp_path / "anew", port=one.port)) as anew:
                assert anew.door == door
                told = alice.wait(lambda: alice.warnings("key"))[0]["text"]
                assert f"the key of {door} has changed" in told
                assert "known_brokers" in told, "the file is named"
                again = cast.join("bob", alice.code)
                assert f"the key of {door} has changed" in again.wait(lambda: again.warnings("key"))[0]["text"]
                again.sees("alice", "bob")
                assert len(alice.warnings("key")) == 1, "once, however often it is asked"


def test_where_it_was_the_only_one_the_error_says_so(tmp_path: Path) -> None:
    with closing(Stopping(tmp_path / "one")) as one, Cast(tmp_path, "--local", "--discovery", one.door) as cast:
        alice = cast.create("alice")
        bob = cast.join("bob", alice.code)
        assert bob.leave() == 0
        assert one.stop() == 0
        with closing(Stopping(tmp_path / "anew", port=one.port)):
            error = cast.fails(1, "join", "bob", code=alice.code)
            assert f"the key of {one.door} has changed" in error
