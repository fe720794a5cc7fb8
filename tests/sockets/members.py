"""Real members of rooms between peers: `sandpiper create|join|peer … --json` as processes, spoken to and read with
deadlines.

    with Cast(tmp_path) as cast:
        alice = cast.create("alice", "--discovery", place)
        bob = cast.join("bob", alice.code, "--discovery", place)
        alice.send("hello")
        bob.hears("hello")
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from tests.sockets.netns import Host

DEADLINE_S = 30.0
_READ_BYTES = 1 << 16
_AGAIN_S = 0.1
Object = dict[str, Any]
Found = TypeVar("Found")


class MemberProcess:
    """One member. `logs` are the messages that it shows, by run; `objects` is all else that it says."""

    def __init__(
        self, home: Path, command: str, nick: str, *options: str, host: Host | None = None, **secrets: str
    ) -> None:
        self.nick = nick
        self.logs: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self.objects: list[Object] = []
        self.acked: list[int] = []
        self.stderr = ""
        self.ended = False
        self._moved = threading.Condition()
        argv = [sys.executable, "-W", "error", "-m", "sandpiper.cli", command, "--json", "--nick", nick, *options]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SANDPIPER_")}
        given = {f"SANDPIPER_{name.upper()}": value for name, value in secrets.items()}
        wanted: dict[str, Any] = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "env": {**clean, "SANDPIPER_HOME": str(home), **given},
        }
        self.process = subprocess.Popen(argv, **wanted) if host is None else host.popen(argv, **wanted)
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._read, self._read_errors)]
        for thread in self._threads:
            thread.start()

    # What it says ------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        assert self.process.stdout is not None
        rest = b""
        while read := os.read(self.process.stdout.fileno(), _READ_BYTES):
            *lines, rest = (rest + read).split(b"\n")
            with self._moved:
                for line in lines:
                    self._take(json.loads(line))
                self._moved.notify_all()
        with self._moved:
            self.ended = True
            self._moved.notify_all()

    def _take(self, said: Object) -> None:
        if said["type"] == "msg":
            self.logs[said["run"]].append((said["seq"], said["text"]))
        elif said["type"] == "ack" and said["seq"] is not None:
            self.acked.append(said["seq"])
        else:
            self.objects.append(said)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._moved:
                self.stderr += line.decode()
                self._moved.notify_all()

    def wait(self, wanted: Callable[[], Found | None], seconds: float = DEADLINE_S, *, ended: bool = False) -> Found:
        """What `wanted` gives as soon as that is something; asked again whenever the member says anything.

        Fails after so long, or when the process ends before (unless `ended`: it may).
        """
        until = time.monotonic() + seconds
        with self._moved:
            while not (found := wanted()):
                left = until - time.monotonic()
                if left <= 0 or (self.ended and not ended):
                    why = "too late" if left <= 0 else f"ended with {self.process.poll()}"
                    raise AssertionError(f"{why}: {self.report()}")
                self._moved.wait(left)
            return found

    def hear(self, kind: str, seconds: float = DEADLINE_S, *, since: int = 0, **fields: Any) -> Object:
        """The first object of this type and with these fields, counted from the `since`-th."""

        def found() -> Object | None:
            return next((said for said in self.objects[since:] if _is(said, kind, fields)), None)

        return self.wait(found, seconds)

    def hears(self, *texts: str, seconds: float = DEADLINE_S) -> None:
        """Waits until it shows all of these messages."""
        self.wait(lambda: set(texts) <= set(self.texts()), seconds)

    def acknowledged(self, count: int, seconds: float = DEADLINE_S) -> None:
        """Waits until so many of its own messages are known to be at somebody else, each said once and in order."""
        self.wait(lambda: len(self.acked) >= count, seconds)
        assert self.acked == list(range(1, count + 1)), self.nick

    def texts(self) -> list[str]:
        """Of the messages that it shows."""
        return [text for log in self.logs.values() for _, text in log]

    def counts(self) -> dict[str, int]:
        """Messages by run."""
        return {run[:8]: len(log) for run, log in self.logs.items()}

    def report(self) -> str:
        """How it is, for whoever reads of a failure."""
        return (
            f"{self.nick} (status {self.process.poll()}), messages: {self.counts()}, acked: {len(self.acked)}\n"
            f"  last: {self.objects[-12:]}\n  stderr: {self.stderr[-1500:]}"
        )

    def warnings(self, kind: str) -> list[Object]:
        """What it warned of, of one kind."""
        return [said for said in self.objects if _is(said, "warning", {"kind": kind})]

    # What it is told ---------------------------------------------------------------------------------------------

    def say(self, kind: str, **fields: Any) -> None:
        """One object to its stdin."""
        self.write([{"type": kind, **fields}])

    def write(self, objects: Iterable[Object]) -> None:
        """Objects to its stdin; waits while it takes no more."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"".join(json.dumps(each).encode() + b"\n" for each in objects))
        self.process.stdin.flush()

    def send(self, *texts: str) -> None:
        """Messages."""
        self.write({"type": "msg", "text": text} for text in texts)

    def ask(self, kind: str, answer: str, seconds: float = DEADLINE_S, **fields: Any) -> Object:
        """Says something, and takes the next object of this type for the answer."""
        since = len(self.objects)
        self.say(kind, **fields)
        return self.hear(answer, seconds, since=since)

    def asks_until(
        self, kind: str, answer: str, wanted: Callable[[Object], Any], seconds: float = DEADLINE_S
    ) -> Object:
        """Asks again and again until the answer is as wanted."""
        until = time.monotonic() + seconds
        while True:
            said = self.ask(kind, answer, max(until - time.monotonic(), 0.1))
            if wanted(said):
                return said
            assert time.monotonic() < until, f"{said} {self.report()}"
            with self._moved:
                self._moved.wait(_AGAIN_S)

    # In the room -------------------------------------------------------------------------------------------------

    @property
    def code(self) -> str:
        """Of the room that it has created, or that it is in."""
        return str(self.joined["room"])

    @property
    def joined(self) -> Object:
        """Waits until it is in the room."""
        return self.hear("joined")

    @property
    def run(self) -> str:
        """Of its own log."""
        return str(self.joined["run"])

    def sees(self, *nicks: str, seconds: float = DEADLINE_S) -> None:
        """Waits until these are here, itself among them, and nobody else."""
        self.asks_until("who", "members", lambda who: sorted(_nicks(who)) == sorted(nicks), seconds)

    def path(self, nick: str, *wanted: str, seconds: float = DEADLINE_S) -> Object:
        """Waits until somebody is reached by one of these paths."""

        def there(answer: Object) -> Object | None:
            return next((each for each in answer["paths"] if each["nick"] == nick and each["path"] in wanted), None)

        found = there(self.asks_until("paths", "paths", there, seconds))
        assert found is not None
        return found

    # Its end -----------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """SIGSTOP."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def leave(self) -> int:
        """Says goodbye; the exit status."""
        with contextlib.suppress(OSError):
            self.say("leave")
        return self.end()

    def end(self, seconds: float = DEADLINE_S) -> int:
        """Waits for its end; the exit status."""
        status = self.process.wait(seconds)
        for thread in self._threads:
            thread.join(seconds)
        self.close()
        return status

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.end()

    def close(self) -> None:
        """Lets go of its pipes."""
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):  # what could not be written any more
                    stream.close()


class Cast:
    """The members of one test, each with a home of its own unless told otherwise. Whoever is left is killed."""

    def __init__(self, folder: Path, *options: str, host: Host | None = None) -> None:
        self._folder = folder
        self._options = options
        self._host = host
        self.members: list[MemberProcess] = []

    def __enter__(self) -> Cast:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            for member in self.members:
                sys.stderr.write(f"{member.report()}\n")
        for member in self.members:
            member.process.kill()  # a stopped one too
        for member in self.members:
            member.end()

    def start(
        self, command: str, nick: str, *options: str, host: Host | None = None, home: str = "", **secrets: str
    ) -> MemberProcess:
        """A member, which need not be in its room yet."""
        folder = self._folder / f"home-{home or nick}"
        member = MemberProcess(folder, command, nick, *self._options, *options, host=host or self._host, **secrets)
        self.members.append(member)
        return member

    def create(self, nick: str, *options: str, **wanted: Any) -> MemberProcess:
        """Opens a room; returns when it is there."""
        member = self.start("create", nick, *options, **wanted)
        member.hear("room_created")
        assert member.joined
        return member

    def join(self, nick: str, code: str, *options: str, **wanted: Any) -> MemberProcess:
        """Joins; returns when it is in."""
        member = self.start("join", nick, *options, code=code, **wanted)
        assert member.joined
        return member

    def fails(
        self, status: int, command: str, nick: str, *options: str, seconds: float = DEADLINE_S, **rest: Any
    ) -> str:
        """Starts one that does not get in; what it says of that, in one line."""
        member = self.start(command, nick, *options, **rest)
        assert member.end(seconds) == status, (member.stderr, member.objects)
        lines = [line for line in member.stderr.splitlines() if line]
        assert len(lines) == 1, member.stderr
        return lines[0]


def alike(members: Iterable[MemberProcess], sent: dict[str, int], seconds: float = DEADLINE_S) -> None:
    """Waits until these show the same: of each run in `sent` (-1: some number) every message, once, in order."""
    members = list(members)
    until = time.monotonic() + seconds
    ends: dict[str, int] = {}
    while not ends or any(len(each.logs[run]) != end for each in members for run, end in ends.items()):
        assert time.monotonic() < until, [each.counts() for each in members]
        ends = {run: max(count, *(len(each.logs[run]) for each in members)) for run, count in sent.items()}
        for member in members:
            member.wait(partial(_has, member, ends), until - time.monotonic())
    first = members[0]
    for member in members:
        for run, end in ends.items():
            seqs = [seq for seq, _ in member.logs[run]]
            assert seqs == list(range(1, end + 1)), (member.nick, run, _odd(seqs))
            assert member.logs[run] == first.logs[run], (member.nick, run)
        assert not [said for said in member.objects if said["type"] in ("lost", "trimmed", "error")], member.nick


def _has(member: MemberProcess, ends: dict[str, int]) -> bool:
    return all(len(member.logs[run]) >= end for run, end in ends.items())


def free_doors() -> int:
    """The first of two ports for --listen, below those that the system gives to whoever connects."""
    while True:
        first = random.randrange(20_000, 30_000, 2)
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as other:
            one.bind(("0.0.0.0", first))
            other.bind(("0.0.0.0", first + 1))
            return first


def _odd(seqs: list[int]) -> list[tuple[int, int]]:
    return [(one, other) for one, other in zip([0, *seqs], seqs, strict=False) if other != one + 1][:20]


def _is(said: Object, kind: str, fields: dict[str, Any]) -> bool:
    return said["type"] == kind and all(said.get(name) == value for name, value in fields.items())


def _nicks(who: Object) -> Iterator[str]:
    return (each["nick"] for each in who["members"])
