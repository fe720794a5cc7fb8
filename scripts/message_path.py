"""Shows which files a chat message crosses, by tracing every call: `python scripts/message_path.py broker` or `peers`.

Counted is each file of ours in which any function is called, however small, on behalf of one message in a room at
rest, where others were exchanged before:

- going out, from the typed line until a ZeroMQ socket is given something;
- coming in, all of two turns of the event loop: the one in which the message's bytes come out of a socket, timers that
  are set after it included, and the one in which its line is shown, up to that.

Not counted is what happens in other turns; and, below NOT_ITS_WAY, what a member sends because it has received
something: the acknowledgement. Of some messages the one with the fewest calls counts, for what is due now and then
(beacons, a look at the paths) falls together with others. The other end, and the broker, are processes of their own.
"""

# ruff: noqa: S603, T201, ASYNC220  (a script: it prints, and starts programs)

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
import tempfile
from asyncio import Handle
from collections.abc import Callable, Collection
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, Final, TypeAlias

from sandpiper.cli.chat.line_renderer import LineRenderer
from sandpiper.cli.chat.text_frontend import TextFrontend
from sandpiper.peer import Room, connect, create
from sandpiper.peer.events import Notice, PeerJoined, Received

ROOT: Final = Path(__file__).resolve().parents[1]
MARKER: Final = "MARKER hello"
PORT: Final = 25_000
DEADLINE_S: Final = 60.0
MESSAGES: Final = 6
NOT_ITS_WAY: Final = {("peer/p2p/state/context.py", "send_to"), ("peer/p2p/transport.py", "send")}
"""What a member calls to send something because a message has come in."""

Call: TypeAlias = "tuple[str, str]"
"""A function's file and name."""


class Trace:
    """The calls of our own functions while it is on, one list for each turn of the loop: for each callback it runs.

    `wanted` says at which call a turn turns out to be the message's (all are, without), `stop` at which call the trace
    ends. Below the calls `left_out` nothing is counted.
    """

    def __init__(
        self,
        stop: Callable[[FrameType], bool],
        wanted: Callable[[FrameType], bool] | None = None,
        left_out: Collection[Call] = (),
    ) -> None:
        self.calls: list[Call] = []
        self._turn: list[Call] = []
        self._is_wanted = wanted is None
        self._stop = stop
        self._wanted = wanted or (lambda frame: False)
        self._left_out = left_out
        self._inside: FrameType | None = None

    def __enter__(self) -> Trace:
        sys.setprofile(self._profile)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _profile(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame is self._inside:
            self._inside = None
        if event != "call" or self._inside is not None:
            return
        if frame.f_code is Handle._run.__code__:
            self._end_turn()
        self._is_wanted = self._is_wanted or self._wanted(frame)
        if self._stop(frame):
            sys.setprofile(None)
            self._is_wanted = True
            self._end_turn()
            return
        call = source_of(frame)
        if call in self._left_out:
            self._inside = frame
        elif call is not None:
            self._turn.append(call)

    def _end_turn(self) -> None:
        if self._is_wanted:
            self.calls += self._turn
        self._turn, self._is_wanted = [], False


@cache
def relative(filename: str) -> str | None:
    """The path of a source file of ours; None for all else."""
    path = Path(os.path.realpath(filename))
    if "<" in filename or not path.is_relative_to(ROOT) or {".venv", "scripts"} & set(path.parts):
        return None
    return path.relative_to(ROOT).as_posix()


def source_of(frame: FrameType) -> Call | None:
    """The file and the name of a function of ours that is being called."""
    file = relative(frame.f_code.co_filename)
    return None if file is None else (file, frame.f_code.co_name)


class Shown:
    """A view of the chat that shows nothing, and says when the marked line would have been shown."""

    def __init__(self) -> None:
        self.marked = asyncio.Event()

    async def show(self, line: str) -> None:
        """A line of the room."""
        if MARKER in line:
            self.marked.set()

    def status(self, line: str) -> None:
        """Not wanted here."""

    paste = status

    def sent(self, name: str, line: str) -> None:
        """Not wanted here."""

    def settled(self, name: str) -> None:
        """Not wanted here."""

    def clear(self) -> None:
        """Not wanted here."""


def is_send(frame: FrameType) -> bool:
    """Whether something is given to a ZeroMQ socket."""
    return frame.f_code.co_name.startswith("send") and "zmq" in frame.f_code.co_filename


def is_show(frame: FrameType) -> bool:
    """Whether the marked line is shown."""
    return frame.f_code is Shown.show.__code__ and MARKER in frame.f_locals["line"]


def is_handed_over(frame: FrameType) -> bool:
    """Whether the engine hands the marked message to the room."""
    if frame.f_code is not Room._collect.__code__:
        return False
    events = frame.f_locals["self"]._publisher.engine.events
    return any(isinstance(event, Received) and MARKER in str(event.message) for event in events)


def report(what: str, traces: list[Trace]) -> None:
    """Prints the files in the order in which they were entered, and their number."""
    calls = min((trace.calls for trace in traces), key=len)
    files = list(dict.fromkeys(file for file, _ in calls))
    changes = sum(first[0] != second[0] for first, second in itertools.pairwise(calls))
    print(f"{what}: {len(calls)} calls, {len(files)} files, {changes} changes of file")
    for file in files:
        print(f"  {file}: {', '.join(dict.fromkeys(name for place, name in calls if place == file))}")


async def walk(room: Room, other: Callable[[str], subprocess.Popen[str]]) -> None:
    """Traces lines out, then lines in."""
    view = Shown()
    text = TextFrontend(view, LineRenderer())
    process = other(room.code or "")
    assert process.stdin is not None
    try:
        await asyncio.wait_for(_joined(room), DEADLINE_S)
        hearing = asyncio.ensure_future(_hear(room, text))
        out, came = [], []
        for _ in range(MESSAGES):
            await text.take(room, b"before")
            await room.flush()
            with Trace(is_send) as trace:
                await text.take(room, MARKER.encode())
            out.append(trace)
            await room.flush()
            view.marked.clear()
            with Trace(is_show, is_handed_over, NOT_ITS_WAY) as trace:
                process.stdin.write(json.dumps({"type": "msg", "text": MARKER}) + "\n")
                process.stdin.flush()
                await asyncio.wait_for(view.marked.wait(), DEADLINE_S)
            came.append(trace)
        report("from the typed line to the socket", out[1:])
        report("from the socket to the shown line", came[1:])
        hearing.cancel()
        with suppress(asyncio.CancelledError):
            await hearing
    finally:
        process.terminate()
        process.communicate()


async def _joined(room: Room) -> None:
    async for event in room:
        if isinstance(event, PeerJoined) or (
            isinstance(event, Notice) and event.event == "join" and event.nick == "other"
        ):
            return


async def _hear(room: Room, text: TextFrontend) -> None:
    async for event in room:
        if not (isinstance(event, Received) and event.own):
            await text.hear(room, event)


async def main(mode: str) -> None:
    """Runs the other end, and walks."""
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        os.environ["HOME"] = f"{home}/one"
        command = [sys.executable, "-m", "sandpiper.cli"]
        env = os.environ | {"HOME": f"{home}/two"}

        def other(*words: str) -> subprocess.Popen[str]:
            words = (*words, "--json", "--nick", "other")
            pipe = subprocess.PIPE
            return subprocess.Popen([*command, *words], env=env, stdin=pipe, stdout=subprocess.DEVNULL, text=True)

        if mode == "broker":
            words = ["broker", "--port", str(PORT), "--data", f"{home}/data"]
            broker = subprocess.Popen([*command, *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            stack.callback(broker.wait)
            stack.callback(broker.terminate)
            assert broker.stdout is not None
            broker.stdout.readline()
            async with connect(f"127.0.0.1:{PORT}/lobby", nick="one") as room:
                await walk(room, lambda _: other("connect", f"127.0.0.1:{PORT}/lobby"))
        else:
            async with create(nick="one", local=True) as room:
                await walk(room, lambda code: other("join", code, "--local"))


if __name__ == "__main__":
    if sys.argv[1:] not in (["broker"], ["peers"]):
        raise SystemExit("usage: python scripts/message_path.py broker|peers")
    asyncio.run(main(sys.argv[1]))
