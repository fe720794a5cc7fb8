"""Shows which files a chat message crosses, by tracing every call: `python scripts/message_path.py MODE`.

MODE is `broker` or `peers`, with the chat in lines on top, or `screen`: through a broker, with the full screen.

Counted is each file of ours in which any function is called, however small, on behalf of one message in a room at
rest, where others were exchanged before:

- going out, from the typed line (the key Enter) until a ZeroMQ socket is given something;
- coming in, all of some turns of the event loop: the one in which the message's bytes come out of a socket, timers that
  are set after it included, and those in which its line is made and shown, up to that.

Not counted is what happens in other turns; and, below NOT_ITS_WAY, what a member sends because it has received
something: the acknowledgement. Of some messages the one with the fewest calls counts, for what is due now and then
(beacons, a look at the paths) falls together with others. The other end, and the broker, are processes of their own.
"""

# ruff: noqa: S603, T201, ASYNC110, ASYNC220  (a script: it prints, starts programs, and looks again and again)

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
from asyncio import Handle
from collections.abc import Callable, Collection
from contextlib import ExitStack, nullcontext, suppress
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
        stop: Callable[[FrameType, str, Any], bool],
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

    def _profile(self, frame: FrameType, event: str, value: Any) -> None:
        if event == "return" and frame is self._inside:
            self._inside = None
        if self._inside is not None:
            return
        if self._stop(frame, event, value):
            sys.setprofile(None)
            self._is_wanted = True
            self._end_turn()
            return
        if event != "call":
            return
        if frame.f_code is Handle._run.__code__:
            self._end_turn()
        self._is_wanted = self._is_wanted or self._wanted(frame)
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


def is_send(frame: FrameType, event: str, value: Any) -> bool:
    """Whether something is given to a ZeroMQ socket."""
    return event == "call" and frame.f_code.co_name.startswith("send") and "zmq" in frame.f_code.co_filename


def is_show(frame: FrameType, event: str, value: Any) -> bool:
    """Whether the marked line is shown."""
    return event == "call" and frame.f_code is Shown.show.__code__ and MARKER in frame.f_locals["line"]


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


class Stage:
    """The full screen without a terminal, over a room that `open_room` opens; it says when the marked line is shown."""

    def __init__(self, open_room: Callable[[], Room]) -> None:
        from sandpiper.tui.app import ChatApp
        from sandpiper.tui.port import RoomRequest, ScreenSettings
        from sandpiper.tui.tab import Tab
        from sandpiper.tui.tab_events import TabEvents
        from sandpiper.tui.timeline import Timeline

        self._takes, self._renders = (Tab._listen.__code__, TabEvents._received.__code__), Timeline.render_line.__code__
        self._enters = ChatApp.entered.__code__
        self.app = ChatApp(lambda request: open_room(), RoomRequest("lobby"), ScreenSettings(), None)
        self.marked = asyncio.Event()

    def is_shown(self, frame: FrameType, event: str, value: Any) -> bool:
        """Whether a row of the timeline has the marked line in it."""
        shown = event == "return" and frame.f_code is self._renders and MARKER in getattr(value, "text", "")
        if shown:
            self.marked.set()
        return shown

    def is_on_its_way(self, frame: FrameType) -> bool:
        """Whether the marked message comes to the room, or out of it."""
        return is_handed_over(frame) or frame.f_code in self._takes

    def is_entered(self, frame: FrameType) -> bool:
        """Whether Enter has been typed."""
        return frame.f_code is self._enters

    async def until(self, holds: Callable[[], object]) -> None:
        """Waits until something holds."""

        async def wait() -> None:
            while not holds():
                await asyncio.sleep(0.02)

        await asyncio.wait_for(wait(), DEADLINE_S)


async def walk_the_screen(open_room: Callable[[], Room], other: Callable[[], subprocess.Popen[str]]) -> None:
    """Traces lines out of the full screen, then lines in."""
    stage = Stage(open_room)
    async with stage.app.run_test(size=(100, 30)) as pilot:
        tab = stage.app.current
        await stage.until(lambda: tab.room is not None)
        process = other()
        assert process.stdin is not None
        try:
            await stage.until(lambda: "other" in tab.nicks)
            out, came = [], []
            for _ in range(MESSAGES):
                for line, traced in (("before", False), (MARKER, True)):
                    stage.app.composer.set_text(line)
                    await pilot.pause(0.2)
                    with Trace(is_send, stage.is_entered) if traced else nullcontext() as trace:
                        await pilot.press("enter")
                        await pilot.pause(0.2)
                    if trace is not None:
                        out.append(trace)
                await stage.until(lambda: not tab.model.pending)
                tab.model.clear()
                await pilot.pause(0.2)
                stage.marked.clear()
                with Trace(stage.is_shown, stage.is_on_its_way) as trace:
                    process.stdin.write(json.dumps({"type": "msg", "text": MARKER}) + "\n")
                    process.stdin.flush()
                    await asyncio.wait_for(stage.marked.wait(), DEADLINE_S)
                came.append(trace)
            report("from Enter to the socket", out[1:])
            report("from the socket to the row of the timeline", came[1:])
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

        if mode != "peers":
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            words = ["broker", "--port", str(port), "--data", f"{home}/data"]
            broker = subprocess.Popen([*command, *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            stack.callback(broker.wait)
            stack.callback(broker.terminate)
            assert broker.stdout is not None
            broker.stdout.readline()
            target = f"127.0.0.1:{port}/lobby"
            if mode == "screen":
                await walk_the_screen(lambda: connect(target, nick="one"), lambda: other("connect", target))
                return
            async with connect(target, nick="one") as room:
                await walk(room, lambda _: other("connect", target))
        else:
            async with create(nick="one", local=True) as room:
                await walk(room, lambda code: other("join", code, "--local"))


if __name__ == "__main__":
    if sys.argv[1:] not in (["broker"], ["peers"], ["screen"]):
        raise SystemExit("usage: python scripts/message_path.py broker|peers|screen")
    asyncio.run(main(sys.argv[1]))
