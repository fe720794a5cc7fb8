"""`peer --attach` as a process: its doors with JSON lines and ZeroMQ, beside another member that hears it all."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq

from sandpiper.common.limits import LINE_BYTES
from tests.sockets.running import RunningDiscovery

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sockets in the file system")
DEADLINE_S = 30


class Process:
    """A member as a process that prints objects."""

    def __init__(self, home: Path, place: str, command: str, *words: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SANDPIPER_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandpiper.cli", command, "--json", "--discovery", place, *words],
            env={**clean, "SANDPIPER_HOME": str(home), "TMPDIR": str(home.parent)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def hears(self, kind: str, **fields: Any) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said: dict[str, Any] = json.loads(line)
            if said["type"] == kind and all(said.get(name) == value for name, value in fields.items()):
                return said
        raise AssertionError(f"never heard {kind} {fields}")

    def says(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"type": "msg", "text": text}) + "\n")
        self.process.stdin.flush()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode


class Lines:
    """A JSON-lines client at the member's socket."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def says(self, **fields: Any) -> None:
        self.socket.sendall(json.dumps(fields).encode() + b"\n")

    def hears(self, kind: str, **fields: Any) -> dict[str, Any]:
        while line := self.file.readline():
            said: dict[str, Any] = json.loads(line)
            if said["type"] == kind and all(said.get(name) == value for name, value in fields.items()):
                return said
        raise AssertionError(f"never heard {kind} {fields}")

    def close(self) -> None:
        self.file.close()
        self.socket.close()


class Attached:
    """Alice, who has doors, and bob, who is just in the room."""

    def __init__(self, folder: Path, place: str) -> None:
        self.bob = Process(folder / "bob", place, "create", "--nick", "bob")
        self.name: str = self.bob.hears("room_created")["code"]
        words = ["--room", self.name, "--nick", "alice", "--attach", "--headless"]
        self.alice = Process(folder / "alice", place, "peer", *words)
        self.alice.hears("joined")
        self.ready = self.alice.hears("ready")
        self.bob.hears("peer_joined")

    def lines(self) -> Lines:
        return Lines(self.ready["lines"])


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attached]:
    folder = tmp_path_factory.mktemp("attach")
    discovery = RunningDiscovery(folder / "discovery")
    made = None
    try:
        made = Attached(folder, discovery.ready["door"])
        yield made
    finally:
        if made is not None:
            made.bob.process.kill()
            made.bob.process.communicate(timeout=DEADLINE_S)
            made.alice.process.kill()
            made.alice.process.communicate(timeout=DEADLINE_S)
        discovery.stop()


def test_the_folder_is_its_owner_s_alone(room: Attached) -> None:
    folder = Path(room.ready["lines"]).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert room.ready["plain_xsub"] == f"ipc://{folder}/xsub"
    assert room.ready["plain_xpub"] == f"ipc://{folder}/xpub"
    assert room.ready["room"] == room.name


def test_both_tongues_speak_and_the_room_hears_whose_tool_it_is(room: Attached) -> None:
    volt, old = room.lines(), room.lines()
    volt.says(type="hello", v=1, room=room.name, nick="volt")
    assert volt.hears("joined")["nick"] == "volt"
    old.says(type="nick", nick="cron")
    assert old.hears("nick")["text"] == "nick set to cron"

    volt.says(type="msg", text="3.3 V", id="v1")
    message, ack = volt.hears("msg", id="v1"), volt.hears("ack", id="v1")
    assert (message["nick"], message["verified"], message["seq"]) == ("alice/volt", False, ack["seq"])
    assert old.hears("msg")["nick"] == "alice/volt"
    heard = room.bob.hears("msg", text="3.3 V")
    assert (heard["nick"], heard["verified"]) == ("alice/volt", False)

    old.says(type="msg", text="backup done")
    assert room.bob.hears("msg", text="backup done")["nick"] == "alice/cron"
    room.bob.says("good")
    assert (volt.hears("msg", text="good")["verified"], old.hears("msg", text="good")["nick"]) == (True, "bob")

    volt.says(type="who")
    assert {member["nick"] for member in volt.hears("members")["members"]} == {
        "alice", "bob", "alice/volt", "alice/cron",
    }  # fmt: skip
    volt.says(type="whisper", to="bob", text="psst", id="w")
    assert volt.hears("ack", id="w")["seq"] is None
    assert room.bob.hears("whisper")["text"] == "[volt] psst"
    volt.says(type="whisper", to="nobody", text="psst", id="x")
    assert volt.hears("error", id="x")["code"] == "not_here"

    later = room.lines()
    later.says(type="hello", v=1, room=room.name, nick="late", backlog=2)
    later.hears("joined")
    texts = [later.hears("msg")["text"] for _ in range(2)]
    assert texts == ["backup done", "good"]
    for each in (volt, old, later):
        each.close()


def test_rubbish_at_every_door_stops_nothing(room: Attached) -> None:
    lines = room.lines()
    lines.socket.sendall(b"{nonsense\n" + b'{"type":"zzz"}\n' + b"x" * (LINE_BYTES + 5) + b"\n\xff\xfe\n")
    assert lines.hears("error")["text"] == "invalid json"
    assert lines.hears("error")["text"] == "invalid message type"
    assert "too long" in lines.hears("error")["text"]
    foreign = room.lines()
    foreign.socket.sendall(b"GET / HTTP/1.0\r\n\r\n")
    assert "speak JSON lines" in foreign.hears("error")["text"]
    greeting = room.lines()
    greeting.socket.sendall(b"\xff" + bytes(9))
    assert "speak JSON lines" in greeting.hears("error")["text"]

    with zmq.Context() as context, context.socket(zmq.XPUB) as speak:
        speak.linger = 0
        speak.connect(room.ready["plain_xsub"])
        assert speak.poll(DEADLINE_S * 1000)
        speak.recv()
        topic = f"{room.name}/msg\0".encode()
        for bad in (b"", b"\0", topic, topic + b"\xc1", b"den/msg\0\x80", b"\0" * 60_000):
            speak.send(bad)
        speak.send_multipart([topic, b"two"])
        speak.send(topic + msgspec.msgpack.encode({"type": "msg", "nick": "thermo", "text": "still here"}))
        assert room.bob.hears("msg", text="still here")["nick"] == "alice/thermo"
    for each in (lines, foreign, greeting):
        each.close()


def test_nobody_waits_for_who_does_not_read(room: Attached) -> None:
    """Neither for a tool, nor for alice's own stdout, which nobody here reads any more."""
    sleeper, volt = room.lines(), room.lines()
    for client, nick in ((sleeper, "sleeper"), (volt, "flood")):
        client.says(type="hello", v=1, room=room.name, nick=nick)
    text = "x" * 10_000
    for number in range(2000):
        volt.says(type="msg", text=f"{text} {number}", id=f"n{number}")
        if number % 100 == 99:
            volt.hears("ack", id=f"n{number}")
    assert room.bob.hears("msg", id="n1999")
    sleeper.close()
    volt.close()


def test_at_the_end_the_tools_are_told_and_nothing_is_left(room: Attached) -> None:
    lines = room.lines()
    lines.says(type="hello", v=1, room=room.name, nick="last")
    lines.hears("joined")
    folder = Path(room.ready["lines"]).parent
    assert room.alice.stop() == 0
    assert lines.hears("error")["code"] == "closing"
    assert lines.file.readline() == b""
    assert not folder.exists()
    room.bob.hears("peer_left", nick="alice")
    lines.close()
