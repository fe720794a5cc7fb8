"""The screen under load, in a real pseudo-terminal: from a key's byte going in to the letter coming out.

    python -m bench.screen [--seconds 10]

Each row: how many messages a second come in meanwhile, and the delay until a typed letter shows. The last row is the
time from /join to the newest of 10,000 messages of backlog. Then octets: what a terminal of 120 columns and 40 rows is
sent for a message a second, and in a second in which nobody says anything, round trips that waver included.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import pty
import random
import select
import statistics
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
COLUMNS, ROWS = 120, 40
BACKLOG = 10_000
_LETTERS = [chr(code) for code in range(0x3B1, 0x3C9) if code != 0x3C2]  # Greek, which nobody else here writes


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument("--octet-seconds", type=float, default=30.0)
    options.add_argument("--child", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.child:
        asyncio.run(child(chosen.child))
        return
    print(f"{'incoming':28} {'median':>8} {'99th':>8} {'worst':>8}")
    for load in ("quiet", "1000", "10000", "hostile"):
        with Screen(load) as screen:
            delays = screen.typing(chosen.seconds)
        what = {"quiet": "nothing", "hostile": "10,000/s, nasty"}.get(
            load, f"{int(load):,}/s" if load.isdigit() else load
        )
        low, high, worst = statistics.median(delays), sorted(delays)[int(len(delays) * 0.99)], max(delays)
        print(f"{what:28} {low * 1e3:5.1f} ms {high * 1e3:5.1f} ms {worst * 1e3:5.1f} ms", flush=True)
    with Screen("quiet") as screen:
        print(f"{f'{BACKLOG:,} messages of backlog':28} {screen.backlog() * 1e3:5.0f} ms", flush=True)
    for load, what in (("1", "a message a second"), ("quiet", "nobody says anything")):
        with Screen(load) as screen:
            print(f"{what:28} {screen.octets(chosen.octet_seconds):5.0f} octets a second", flush=True)


class Screen:
    """A child with a screen, and the other end of its terminal."""

    def __init__(self, load: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.screen", "--child", load],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            start_new_session=True,
        )
        os.close(slave)
        self.wait_for("in lobby as anna")

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *rest: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def typing(self, seconds: float) -> list[float]:
        delays: list[float] = []
        end = time.perf_counter() + seconds
        self.drain(1.0)  # the flood begins
        while time.perf_counter() < end:
            for letter in _LETTERS:
                self.drain(random.uniform(0.02, 0.08))
                delays.append(self.time(letter, letter))
            os.write(self._master, b"\x15")  # Ctrl+U
            self.drain(0.2)
        return delays

    def octets(self, seconds: float) -> float:
        self.drain(10.0)  # until its rows fill the screen, and those that come scroll it
        return self.drain(seconds) / seconds

    def backlog(self) -> float:
        os.write(self._master, b"/join backlog")
        self.drain(0.5)
        return self.time("\r", f"number {BACKLOG - 1}")

    def time(self, keys: str, shows: str) -> float:
        started = time.perf_counter()
        os.write(self._master, keys.encode())
        self.wait_for(shows)
        return time.perf_counter() - started

    def wait_for(self, text: str, deadline_s: float = 20.0) -> None:
        wanted, seen = text.encode(), b""
        end = time.perf_counter() + deadline_s
        while wanted not in seen:
            seen = seen[-4096:] + self._read(end - time.perf_counter())

    def drain(self, seconds: float) -> int:
        end, count = time.perf_counter() + seconds, 0
        while (left := end - time.perf_counter()) > 0:
            if select.select([self._master], [], [], left)[0]:
                count += len(os.read(self._master, 65536))
        return count

    def _read(self, seconds: float) -> bytes:
        if not select.select([self._master], [], [], max(0.0, seconds))[0]:
            raise TimeoutError("the screen does not show it")
        return os.read(self._master, 65536)


# The child ---------------------------------------------------------------------------------------------------


async def child(load: str) -> None:
    from sandpiper.peer.events import Received
    from sandpiper.tui import RoomRequest, ScreenSettings, run
    from tests.tui.fake import FakeRoom, House

    room, old = FakeRoom(), FakeRoom("backlog")
    for number in range(BACKLOG):
        message = old.message(
            f"user{number % 7}", f"this is number {number}, of which there are *many*", at=number * 20.0
        )
        old.happens(Received(message, backlog=True))
    house = House(room, old)
    flood = asyncio.get_running_loop().create_task(_flood(room, load))
    settings = ScreenSettings(theme="dark", bell=False)
    await run(house.open_room, RoomRequest("localhost:5000/lobby", nick="anna"), settings=settings)
    flood.cancel()


async def _flood(room: object, load: str) -> None:
    from sandpiper.common.messages import Member
    from tests.tui.fake import FakeRoom

    assert isinstance(room, FakeRoom)
    if load == "quiet":
        room.people += [Member(nick, None, False, "bus", 1.0) for nick in ("bob", "carol", "dave")]
        while True:
            room.rtt_ms = random.uniform(1.0, 4.0)
            for member in room.people:
                member.rtt_ms = random.uniform(1.0, 4.0)
            await asyncio.sleep(1.0)
    room.clock = time.time
    await asyncio.sleep(1.5)
    rate = int(load) if load.isdigit() else 10_000
    texts = (
        _nasty() if load == "hostile" else ["a message of the usual length, about **nothing** in particular: see `x`"]
    )
    sent, started = 0, time.perf_counter()
    while True:
        due = int((time.perf_counter() - started) * rate)
        while sent < due and room._queue.qsize() < 5000:
            nick = f"user{sent % 50}" if load != "hostile" else f"u{sent % 5000}\u202e\u200bs"
            room.says(nick, f"{texts[sent % len(texts)]} {sent}")
            sent += 1
        sent = max(sent, due - 1000)
        await asyncio.sleep(0.005)


def _nasty() -> list[str]:
    return [
        "\x1b[2J\x1b[31mred \u202e" * 50,
        "\u00ad" * 20_000,
        "\n" * 5000,
        "a\u0301\u0302\u0303" * 5000,
        "`*_" * 20_000,
        "http://a" + ")" * 30_000,
        "👩‍👩‍👧" * 3000,
        "```c\n" + '"\\' * 20_000,
        "anna " * 10_000,
        "日本" * 15_000,
    ]


if __name__ == "__main__":
    main()
