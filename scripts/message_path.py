"""Shows which files a chat message crosses, by tracing every call: `python scripts/message_path.py broker` or `peers`.

Going out: from the typed line until a ZeroMQ socket is given something. Coming in: from the loop's wake-up for a socket
until the line is shown. The other end, and the broker, are processes of their own.
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
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final

from sandpiper.cli.chat.line_renderer import LineRenderer
from sandpiper.cli.chat.text_frontend import TextFrontend
from sandpiper.peer import Room, connect, create
from sandpiper.peer.events import Notice, PeerJoined, Received

ROOT: Final = Path(__file__).resolve().parents[1]
MARKER: Final = "MARKER hello"
PORT: Final = 25_000
DEADLINE_S: Final = 60.0


class Trace:
    """The calls of our own functions while it is on, in parts: each begins where the loop looks at a socket.

    `stop` says at which call it ends.
    """

    def __init__(self, stop: Callable[[FrameType], bool]) -> None:
        self.parts: list[list[tuple[str, str]]] = [[]]
        self._stop = stop

    def __enter__(self) -> Trace:
        sys.setprofile(self._profile)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _profile(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        if self._stop(frame):
            sys.setprofile(None)
            return
        file = os.path.realpath(frame.f_code.co_filename)
        if file.startswith(str(ROOT)) and not {".venv", "scripts"} & set(Path(file).parts) and "<" not in file:
            call = os.path.relpath(file, ROOT), frame.f_code.co_name
            if call == ("common/io/batch_reader.py", "_run"):
                self.parts.append([])
            self.parts[-1].append(call)

    @property
    def calls(self) -> list[tuple[str, str]]:
        """The part that did most, for that one brought the message; and the last, which showed it."""
        longest = max(self.parts, key=len)
        return longest if longest is self.parts[-1] else longest + self.parts[-1]


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


def report(what: str, calls: list[tuple[str, str]]) -> None:
    """Prints the files in the order in which they were entered, and their number."""
    files = list(dict.fromkeys(file for file, _ in calls))
    changes = sum(first[0] != second[0] for first, second in itertools.pairwise(calls))
    print(f"{what}: {len(calls)} calls, {len(files)} files, {changes} changes of file")
    for file in files:
        print(f"  {file}: {', '.join(dict.fromkeys(name for place, name in calls if place == file))}")


async def walk(room: Room, other: Callable[[str], subprocess.Popen[str]]) -> None:
    """Traces one line out, then one line in."""
    view = Shown()
    text = TextFrontend(view, LineRenderer())
    process = other(room.code or "")
    try:
        await asyncio.wait_for(_joined(room), DEADLINE_S)
        with Trace(is_send) as out:
            await text.take(room, MARKER.encode())
        report("from the typed line to the socket", out.calls)
        hearing = asyncio.ensure_future(_hear(room, text))
        assert process.stdin is not None
        with Trace(is_show) as came:
            process.stdin.write(json.dumps({"type": "msg", "text": MARKER}) + "\n")
            process.stdin.flush()
            await asyncio.wait_for(view.marked.wait(), DEADLINE_S)
        report("from the socket to the shown line", came.calls)
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
