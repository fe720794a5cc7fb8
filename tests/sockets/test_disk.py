"""What is wrong with a data folder or a port is said in one line; a disk that fills up loses nothing."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from sandpiper.common.messages import Msg
from sandpiper.peer import Pending, Room, connect
from sandpiper.peer.events import Held, Received, Resumed
from sandpiper.peer.profile import Profile
from tests.sockets.attack import Loop, Tool, hello, unruffled, until
from tests.sockets.running import DEADLINE_S, RunningBroker, running

DISK_MIB = 24
T = TypeVar("T")


def refused(data: Path, *options: str, user: str | None = None) -> str:
    """What a broker that cannot start says: one line on stderr, nothing on stdout, exit 1."""
    command = [sys.executable, "-m", "sandpiper.cli", "broker", "--json", "--data", str(data), *options]
    ended = subprocess.run(
        command if user is None else ["setpriv", f"--reuid={user}", "--clear-groups", *command],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env={**os.environ, "SANDPIPER_HOME": str(data.parent / "home")},
    )
    assert ended.stdout == ""
    assert ended.stderr.startswith("sandpiper: ")
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 1, ended.stderr
    return ended.stderr


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """A data folder in which something is stored."""
    with running(tmp_path / "data") as broker, hello(broker, "kept", "keeper") as keeper:
        keeper.say(type="msg", text="kept", id="1")
        keeper.hear_until("ack")
    return tmp_path / "data"


def database(folder: Path) -> Path:
    (found,) = folder.glob("*.db")
    return found


def still_kept(folder: Path) -> None:
    """What was stored there is there."""
    with running(folder) as broker, hello(broker, "kept", "reader") as reader:
        reader.say(type="replay", after=0)
        assert reader.hear_until("msg")["text"] == "kept"


# Starting ----------------------------------------------------------------------------------------------------


def test_the_data_path_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    for data in (file, file / "below"):
        said = refused(data, "--port", "0")
        assert str(data) in said
        assert "--data" in said
    assert file.read_text() == "not a folder"


@pytest.mark.parametrize("damage", ["text", "noise", "half", "header"])
def test_a_corrupt_database(used: Path, damage: str) -> None:
    path = database(used)
    for beside in used.glob("*.db-*"):
        beside.unlink()
    good = path.read_bytes()
    bad = {
        "text": b"this is no database " * 500,
        "noise": good[:100] + os.urandom(len(good) - 100),
        "half": good[: len(good) // 2],
        "header": b"\0" * 100 + good[100:],
    }[damage]
    path.write_bytes(bad)
    said = refused(used, "--port", "0")
    assert str(path) in said
    assert "damaged" in said
    assert path.read_bytes() == bad, "it is left as it was found"


def test_a_newer_database(used: Path) -> None:
    db = sqlite3.connect(database(used))
    (version,) = db.execute("PRAGMA user_version").fetchone()
    db.execute(f"PRAGMA user_version = {version + 1}")
    db.close()
    said = refused(used, "--port", "0")
    assert "newer" in said
    assert "upgrade" in said
    db = sqlite3.connect(database(used))
    db.execute(f"PRAGMA user_version = {version}")
    db.close()
    still_kept(used)


def test_two_brokers_in_one_folder(tmp_path: Path) -> None:
    with running(tmp_path / "data") as broker:
        said = refused(tmp_path / "data", "--port", "0")
        assert "in use" in said
        assert str(broker.process.pid) in said
        with hello(broker, "lobby", "undisturbed") as client:
            client.say(type="msg", text="still here", id="1")
            assert client.hear_until("ack")["seq"] == 1


@pytest.mark.parametrize("offset", [0, 1, 2, 11, 12])
def test_a_port_in_use(tmp_path: Path, offset: int) -> None:
    """Whichever port of the block it is."""
    with running(tmp_path / "one") as broker:
        port = str(broker.port - offset) if offset else str(broker.port)
        said = refused(tmp_path / "two", "--port", port)
        assert port in said
        assert "--port" in said
    with running(tmp_path / "two"):
        pass


def not_root() -> str | None:
    """A user that permissions hold for; None to go on as oneself."""
    if os.geteuid() != 0:
        return None
    if shutil.which("setpriv") is None:
        pytest.skip("root, and no setpriv to become somebody else")
    user = "65534"
    runs = subprocess.run(
        ["setpriv", f"--reuid={user}", "--clear-groups", sys.executable, "-c", ""], capture_output=True
    )
    if runs.returncode != 0:
        pytest.skip("root, and nobody else may run this Python")
    return user


@pytest.mark.skipif(sys.platform == "win32", reason="permissions")
@pytest.mark.parametrize("what", ["folder", "database", "parent", "unreadable"])
def test_what_may_not_be_written(used: Path, what: str) -> None:
    user = not_root()
    if user is not None:
        for entry in [used, *used.rglob("*")]:
            os.chown(entry, int(user), int(user))
        for parent in used.parents:
            if not parent.stat().st_mode & 1:
                parent.chmod(parent.stat().st_mode | 0o055) if os.access(parent, os.W_OK) else None
    path = {"folder": used, "database": database(used), "parent": used / "new", "unreadable": used}[what]
    holder = used if what == "parent" else path
    mode = holder.stat().st_mode
    if what == "database":  # its owner could simply make it writable again, but does not
        for beside in used.glob("*.db-*"):
            beside.unlink()
    holder.chmod(0 if what == "unreadable" else 0o500 if holder.is_dir() else 0o400)
    try:
        said = refused(path if what == "parent" else used, "--port", "0", user=user)
        assert "may not be written" in said or "ermission denied" in said
        assert str(used) in said
    finally:
        holder.chmod(mode)
    still_kept(used)


# A full disk -------------------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs takes root on Linux")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Takes the rest of the disk."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return ballast


def test_no_space_at_the_start(disk: Path) -> None:
    ballast = fill(disk)
    said = refused(disk / "data", "--port", "0")
    assert "space" in said
    ballast.unlink()
    with running(disk / "data"):
        pass


def test_a_full_disk_for_lines(disk: Path) -> None:
    """Each publication is either acknowledged, and there for ever, or refused with `store`."""
    with running(disk / "data") as broker:
        acked: dict[str, int] = {}
        with hello(broker, "full", "writer") as client:

            def write(number: int) -> str:
                client.say(type="msg", text="x" * 5000, id=f"m{number}")
                while (answer := client.hear())["type"] not in ("ack", "error"):
                    pass
                assert answer["id"] == f"m{number}"
                if answer["type"] == "ack":
                    acked[answer["id"]] = answer["seq"]
                    return "stored"
                return str(answer["code"])

            assert write(0) == "stored"
            ballast = fill(disk)
            number = 1
            while (answer := write(number)) == "stored":
                number += 1
                assert number < 20_000
            assert answer == "store"
            assert [write(number + each) for each in range(5)] == ["store"] * 5
            client.say(type="ping")
            client.hear_until("pong")
            ballast.unlink()
            assert until(lambda: write(number) == "stored")
            assert sorted(acked.values()) == list(range(1, len(acked) + 1)), "no holes"
            client.say(type="replay", after=0, limit=10_000)
            stored: dict[str, int] = {}
            while (heard := client.hear())["type"] != "replayed":
                if heard["type"] == "msg":
                    stored[heard["id"]] = heard["seq"]
            assert stored == acked
        unruffled(broker)


class Command:
    """One of ours, with lines both ways."""

    def __init__(self, home: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandpiper.cli", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "SANDPIPER_HOME": str(home)},
        )

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def objects_until(self, kind: str) -> list[dict[str, Any]]:
        """What it prints up to the next object of that type."""
        assert self.process.stdout is not None
        found: list[dict[str, Any]] = []
        while not found or found[-1]["type"] != kind:
            found.append(json.loads(self.process.stdout.readline()))
        return found

    def errors_until(self, words: str) -> list[str]:
        """What it says on stderr up to the line with these words."""
        assert self.process.stderr is not None
        found: list[str] = []
        while not found or words not in found[-1]:
            line = self.process.stderr.readline().decode()
            assert line, f"it ended without {words!r}: {found}"
            found.append(line)
        return found

    def end(self) -> int:
        self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode


async def next_of(room: Room, kind: type[T]) -> T:
    """The room's next event of that type."""
    async for event in room:
        if isinstance(event, kind):
            return event
    raise AssertionError("the room ended")


def heard(tool: Tool, words: str) -> str:
    """The tool's next message with these words in it."""
    while words not in (text := str(tool.hear().get("text"))):
        pass
    return text


def test_who_waits_is_told_why_and_when_it_is_over(disk: Path, tmp_path: Path) -> None:
    """In JSON and in text, by the library, at the JSON-lines door and at the plain bus; `say` ends with the reason."""
    why = "its disk is full"
    long = "x" * 5000
    with running(disk / "data") as broker:
        target = f"{broker.door}/full"
        program = Command(tmp_path / "a", "connect", target, "--json", "--nick", "program")
        person = Command(tmp_path / "b", "connect", target, "--plain", "--nick", "person")
        program.objects_until("joined")
        person.errors_until("in full as person")
        loop = Loop()
        member = connect(target, nick="member", profile=Profile.ephemeral())
        loop.run(member.__aenter__())
        with hello(broker, "full", "guest") as guest, Tool(broker, "full/notice") as tool:
            ballast = fill(disk)

            def refused() -> bool:
                guest.say(type="msg", text=long, id="g")
                while (answer := guest.hear())["type"] not in ("ack", "error"):
                    pass
                return answer["type"] == "error" and why in str(answer["text"])

            until(refused)
            for _ in range(3):
                program.say(json.dumps({"type": "msg", "text": long, "id": "p"}))
                person.say(long)
                tool.publish("full", text=long)
            (held,) = (each for each in program.objects_until("held") if each["type"] == "held")
            assert (held["room"], held["code"]) == ("full", "store")
            assert why in held["text"]
            assert why in person.errors_until("nothing is stored")[-1]
            assert why in heard(tool, "cannot be written")
            loop.run(member.post(long))
            told = loop.run(next_of(member, Held))
            assert (told.code, why in told.text) == ("store", True)

            ended = subprocess.run(
                [sys.executable, "-m", "sandpiper.cli", "say", target, long],
                env={**os.environ, "SANDPIPER_HOME": str(tmp_path / "c")},
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert ended.returncode == 6, ended
            last = ended.stderr.splitlines()[-1]
            assert last.startswith(f"sandpiper: {broker.door} has stored nothing for 10 s: ")
            assert why in last

            ballast.unlink()
            assert [each["type"] for each in program.objects_until("resumed")].count("held") == 0, "told once"
            assert not [line for line in person.errors_until("being stored again") if why in line]
            heard(tool, "written again")
            while "written again" not in guest.hear_until("notice")["text"]:
                pass
            loop.run(next_of(member, Resumed))
            loop.run(member.flush())
            loop.run(member.close())
            loop.close()
        assert program.end() == person.end() == 0
        unruffled(broker)


async def listen(room: Room, heard: list[Msg], most: int) -> None:
    async for event in room:
        if isinstance(event, Received) and isinstance(event.message, Msg):
            heard.append(event.message)
            if len(heard) == most:
                return


def test_a_full_disk_for_members(disk: Path) -> None:
    """Publishers wait, and go on by themselves when there is space, over a `kill -9` too."""
    count, text = 2000, "x" * 3000
    broker = RunningBroker(disk / "data", "--rate", "1000000:1000")
    target = f"{broker.door}/full"
    heard: list[Msg] = []
    done: list[int] = []

    def full() -> None:
        """Returns when the broker says that it cannot write."""
        with hello(broker, "probe", "prober") as prober:

            def told() -> bool:
                prober.say(type="msg", text=text, id="p")
                while (answer := prober.hear())["type"] not in ("ack", "error"):
                    pass
                return answer.get("code") == "store"

            until(told)

    async def write(writer: Room) -> None:
        pending: list[Pending] = [await writer.post(f"{n} {text}") for n in range(1, count)]
        for each in pending:
            done.append(await each)

    async def everything() -> None:
        loop = asyncio.get_running_loop()
        async with (
            connect(target, nick="reader", profile=Profile.ephemeral(), after=0) as reader,
            connect(target, nick="writer", profile=Profile.ephemeral(), listen=False) as writer,
        ):
            listening = asyncio.create_task(listen(reader, heard, count))
            await writer.send(f"0 {text}")
            ballast = fill(disk)
            writing = asyncio.create_task(write(writer))
            await loop.run_in_executor(None, full)
            assert len(done) < count - 1
            await loop.run_in_executor(None, broker.kill)
            ballast.unlink()
            await loop.run_in_executor(None, broker.restart)
            await writing
            await listening

    try:
        asyncio.run(asyncio.wait_for(everything(), 45.0))
        assert [message.text.partition(" ")[0] for message in heard] == [str(n) for n in range(count)]
        assert [message.seq for message in heard] == list(range(1, count + 1))
    finally:
        broker.stop()
