"""`python -m bench.idle`: what the installed programs cost while nothing happens, in wake-ups and system calls.

Each program runs as a process of its own, in a home of its own, and is left alone until it is quiet. Then its threads'
context switches are counted (from /proc, all threads, libzmq's too): a *wake-up* is a voluntary one, when a thread that
slept has had something to do. Switches that were forced say how busy the machine is, not how busy the program is. Where
there is strace, another window counts its system calls, and how many of them are waits.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench import process, report
from bench.command import PAGE

PROGRAM: Final = Path(sys.executable).parent / "sandpiper"
CODE: Final = "pine-ocean-42"
SERVICE, MEMBER = 2.0, 10.0
"""Wake-ups a second: the goals for a service without clients, and for a member of a quiet room of two."""
_WAITS: Final = frozenset(
    ("epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect6", "futex", "clock_nanosleep")
)
_HEAD: Final = (
    "| process | wake-ups/s | loop's | libzmq's | others | forced/s | calls/s | of them waits | CPU | goal | met |",
    "|" + " --- |" * 11,
)


@dataclass
class Quiet:
    """One process that is to be looked at."""

    name: str
    pid: int
    goal: float | None = None


@dataclass
class House:
    """Where programs of one situation run; all end with it."""

    folder: Path
    stack: ExitStack
    log: Path = field(init=False)
    env: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.folder / "log"
        homes = {name: str(self.folder / name.lower()) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
        self.env = {**os.environ, **homes, "XDG_STATE_HOME": str(self.folder / "state")}
        self.env.update(TERM="xterm-256color", XDG_RUNTIME_DIR=str(self.folder))

    def start(self, *command: str | Path) -> subprocess.Popen[bytes]:
        """A program whose stdin stays open and says nothing."""
        with self.log.open("ab") as log:
            started = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self.env,
                cwd=PAGE.parent.parent,
            )
        self.stack.callback(process.stop, started)
        return started

    def sandpiper(self, *arguments: str) -> subprocess.Popen[bytes]:
        """One that prints JSON, once its first line is there."""
        started = self.start(PROGRAM, *arguments, "--json")
        self.lines(started)
        return started

    def lines(self, started: subprocess.Popen[bytes]) -> dict[str, Any]:
        """Its first line; the others are read and forgotten."""
        first = process.first_line(started, self.log)
        assert started.stdout is not None
        _forget(started.stdout.fileno())
        return first

    def service(self, *arguments: str) -> tuple[subprocess.Popen[bytes], str]:
        """A broker or discovery service, and where it is."""
        started = self.start(PROGRAM, *arguments, "--port", "0", "--json")
        return started, str(self.lines(started)["door"])

    def screen(self, *arguments: str) -> subprocess.Popen[bytes]:
        """One in a terminal that is read at once."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        started = subprocess.Popen(
            [PROGRAM, *arguments], stdin=slave, stdout=slave, stderr=slave, env=self.env, start_new_session=True
        )
        os.close(slave)
        self.stack.callback(os.close, master)
        self.stack.callback(process.stop, started)
        _forget(master)
        return started


def _forget(fd: int) -> None:
    def read() -> None:
        with suppress(OSError):
            while os.read(own, 65536):
                pass
        os.close(own)

    own = os.dup(fd)
    threading.Thread(target=read, daemon=True).start()


# Situations --------------------------------------------------------------------------------------------------


def broker(house: House) -> list[Quiet]:
    alone, _ = house.service("broker")
    watched, _ = house.service("broker", "--metrics-port", str(process.free_port()))
    return [
        Quiet("broker, nobody connected", alone.pid, SERVICE),
        Quiet("broker with --metrics-port, nobody connected", watched.pid, SERVICE),
    ]


def discovery(house: House) -> list[Quiet]:
    alone, _ = house.service("discovery")
    return [Quiet("discovery, nobody connected", alone.pid, SERVICE)]


def room_at_broker(house: House) -> list[Quiet]:
    service, door = house.service("broker")
    first = house.sandpiper("connect", f"{door}/lobby", "--nick", "ada")
    house.sandpiper("connect", f"{door}/lobby", "--nick", "bob")
    listener = house.sandpiper("listen", f"{door}/lobby")
    return [
        Quiet("broker, three quiet members", service.pid),
        Quiet("connect --json, one of them", first.pid, MEMBER),
        Quiet("listen, another", listener.pid, MEMBER),
    ]


def room_of_two(house: House) -> list[Quiet]:
    service, door = house.service("discovery")
    opened = house.sandpiper("peer", "--room", CODE, "--headless", "--local", "--discovery", door, "--nick", "ada")
    joined = house.sandpiper("peer", "--room", CODE, "--headless", "--local", "--discovery", door, "--nick", "bob")
    return [
        Quiet("discovery, a room of two", service.pid),
        Quiet("peer --headless, room of two, opened it", opened.pid, MEMBER),
        Quiet("peer --headless, room of two, joined", joined.pid, MEMBER),
    ]


def without_discovery(house: House) -> list[Quiet]:
    opened = house.sandpiper("peer", "--room", CODE, "--headless", "--local", "--nick", "ada")
    joined = house.sandpiper("peer", "--room", CODE, "--headless", "--local", "--nick", "bob")
    return [
        Quiet("peer --headless with the meeting point in it", opened.pid, MEMBER),
        Quiet("peer --headless that meets there", joined.pid, MEMBER),
    ]


def library_and_listener(house: House) -> list[Quiet]:
    _, door = house.service("discovery")
    member = house.start(sys.executable, "-m", "bench.idle", "--member", door)
    code = str(house.lines(member)["code"])
    listener = house.sandpiper("listen", code, "--local", "--discovery", door)
    return [
        Quiet("library, create(), room of two", member.pid, MEMBER),
        Quiet("listen, the other", listener.pid, MEMBER),
    ]


def screens(house: House) -> list[Quiet]:
    _, door = house.service("broker")
    first = house.screen("connect", f"{door}/lobby", "--nick", "ada")
    _, meeting = house.service("discovery")
    house.sandpiper("peer", "--room", CODE, "--headless", "--local", "--discovery", meeting, "--nick", "bob")
    second = house.screen("peer", "--room", CODE, "--local", "--discovery", meeting, "--nick", "cid")
    return [
        Quiet("screen in a broker's room, alone", first.pid),
        Quiet("screen in a room of two", second.pid),
    ]


SITUATIONS: Final[dict[str, Callable[[House], list[Quiet]]]] = {
    "broker": broker,
    "discovery": discovery,
    "room at a broker": room_at_broker,
    "room of two": room_of_two,
    "without discovery": without_discovery,
    "library": library_and_listener,
    "screens": screens,
}


async def member(door: str) -> None:
    """The library's member: opens a room, says its code, and stays."""
    from sandpiper.peer import create

    async with create(nick="lib", discovery=[door], local=True) as room:
        print(f'{{"code": "{room.code}"}}', flush=True)
        async for _ in room:
            pass


# Counting ----------------------------------------------------------------------------------------------------


@dataclass
class Counts:
    """Of one process: context switches by thread, and CPU seconds."""

    waked: Counter[str]
    forced: int
    cpu_s: float


def count(pid: int) -> Counts:
    """What they are now."""
    waked: Counter[str] = Counter()
    forced = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # a thread that has just ended
            lines = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
            where = "libzmq" if lines["Name"].startswith("ZMQ") else "main" if task.name == str(pid) else "others"
            waked[where] += int(lines["voluntary_ctxt_switches"])
            forced += int(lines["nonvoluntary_ctxt_switches"])
    return Counts(waked, forced, process.cpu_s(pid))


def calls(pid: int, seconds: float) -> tuple[float, float] | None:
    """System calls a second, and waits among them; None where strace is missing or not allowed."""
    if shutil.which("strace") is None:
        return None
    with tempfile.NamedTemporaryFile("r") as table:
        tracer = subprocess.Popen(["strace", "-f", "-qq", "-c", "-U", "calls,name", "-o", table.name, "-p", str(pid)])
        time.sleep(seconds)
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        found = [line.split() for line in table.read().splitlines()]
    counted = {words[1]: int(words[0]) for words in found if len(words) == 2 and words[0].isdigit()}
    counted.pop("total", None)
    if not counted:
        return None
    waits = sum(number for name, number in counted.items() if name in _WAITS)
    return sum(counted.values()) / seconds, waits / seconds


def measure(name: str, settle_s: float, seconds: float) -> Iterator[str]:
    """The rows of one situation."""
    with tempfile.TemporaryDirectory(prefix="sandpiper-idle-") as folder, ExitStack() as stack:
        quiet = SITUATIONS[name](House(Path(folder), stack))
        time.sleep(settle_s)
        before = {each.pid: count(each.pid) for each in quiet}
        began = time.monotonic()
        time.sleep(seconds)
        after = {each.pid: count(each.pid) for each in quiet}
        took = time.monotonic() - began
        for each in quiet:
            traced = calls(each.pid, min(seconds, 10.0))
            yield _row(each, before[each.pid], after[each.pid], took, traced)


def _row(each: Quiet, before: Counts, after: Counts, took: float, traced: tuple[float, float] | None) -> str:
    waked = {place: (after.waked[place] - before.waked[place]) / took for place in ("main", "libzmq", "others")}
    every = sum(waked.values())
    cells = [each.name, f"{every:.1f}", *(f"{waked[place]:.1f}" for place in ("main", "libzmq", "others"))]
    cells.append(f"{(after.forced - before.forced) / took:.1f}")
    cells += [f"{number:.1f}" for number in traced] if traced is not None else ["", ""]
    cells.append(f"{(after.cpu_s - before.cpu_s) / took * 100:.2f} %")
    goal = each.goal
    cells += ["", ""] if goal is None else [f"≤ {goal:g}", "yes" if every <= goal else "**no**"]
    return f"| {' | '.join(cells)} |"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.idle", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", action="append", choices=list(SITUATIONS), help="may be repeated")
    parser.add_argument("--settle", type=float, default=20.0, help="seconds until they are quiet (default 20)")
    parser.add_argument("--seconds", type=float, default=30.0, help="seconds that are counted (default 30)")
    parser.add_argument("--write", action="store_true", help=f"put the table into docs/{PAGE.name}")
    parser.add_argument("--member", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures, prints the table, and writes it where that is asked for."""
    chosen = _options(arguments)
    if chosen.member:
        asyncio.run(member(chosen.member))
        return
    how = report.conditions(1, chosen.seconds)
    machine = f"{how['cpus']} CPUs ({how['processor']}), {how['system']}, Python {how['python']}"
    for_how_long = f"{chosen.seconds:g} s each, after {chosen.settle:g} s of quiet"
    lines = [f"Measured on {how['date']}: {machine}. {for_how_long}.", "", *_HEAD]
    print("\n".join(lines), flush=True)
    for name in chosen.only or SITUATIONS:
        try:
            for row in measure(name, chosen.settle, chosen.seconds):
                print(row, flush=True)
                lines.append(row)
        except process.Failed as error:
            print(f"{name}: {error}", file=sys.stderr)
    if chosen.write:
        report.insert(PAGE, "idle", "\n".join(lines))


if __name__ == "__main__":
    main()
