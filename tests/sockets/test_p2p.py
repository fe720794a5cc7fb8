"""Rooms between peers, as real processes on one machine: killed, stopped, late, cut off, guessed at, left alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sockets.cable import Cable
from tests.sockets.members import DEADLINE_S, Cast, MemberProcess, alike, free_doors
from tests.sockets.running import RunningDiscovery

EACH = 2000
STOPPED_S = 20.0


@pytest.fixture
def discovery(tmp_path: Path) -> Iterator[RunningDiscovery]:
    made = RunningDiscovery(tmp_path / "discovery")
    yield made
    if made.process.poll() is None:
        assert made.stop() == 0


def talking(member: MemberProcess, *, second_half: threading.Event) -> threading.Thread:
    """Says EACH as fast as the member takes it, which may end before; the second half when it is told to."""

    def talk() -> None:
        try:
            for first in range(1, EACH + 1, 50):
                if first > EACH // 2:
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
        began = time.monotonic()
        go_on = threading.Event()
        killed_run = killed.run
        threads = [talking(member, second_half=go_on) for member in (first, *others)]
        stopped.wait(lambda: len(stopped.logs[killed_run]) > 100)
        stopped.stop()
        stopped_at = time.monotonic()
        killed.process.kill()
        assert cable.carried > 100_000
        go_on.set()
        cable.cut()
        discovery.kill()
        discovery.restart()
        late = cast.join("m9", first.code)
        threads.append(talking(late, second_half=go_on))
        rest[0].hear("notice", event="leave", nick=stopped.nick)
        threading.Event().wait(max(0.0, stopped_at + STOPPED_S - time.monotonic()))
        stopped.go_on()
        survivors = [first, stopped, *rest, late]
        alike(survivors, {**{member.run: EACH for member in survivors}, killed_run: -1}, 60)
        for thread in threads:
            thread.join()
        for member in survivors:
            member.wait(lambda m=member: len(m.acked) == EACH)  # type: ignore[misc]
            assert member.acked == list(range(1, EACH + 1))
        assert time.monotonic() - began < 60
        assert all(member.leave() == 0 for member in survivors)
