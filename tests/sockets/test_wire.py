"""What crosses the wire, and what a discovery service and a relaying broker hold, says nothing of a room's words."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sockets.members import Cast, MemberProcess
from tests.sockets.running import DEADLINE_S, RunningBroker, RunningDiscovery

TCPDUMP = shutil.which("tcpdump")
NICKS = ("quillfeather", "mossbank", "thistledown")
RENAMED = "wolfsbane"
PASSWORD = "kestrel over the marsh"
TEXTS = (
    "the heron stands in the reeds",
    "and the otter has seen it",
    "only for your ears, mossbank",
    "looks up from the water",
    "millrace level",
)


class Capture:
    """Everything on loopback, in full, while it runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        assert TCPDUMP is not None
        self._process = subprocess.Popen(
            [TCPDUMP, "-i", "lo", "-s", "0", "-B", "65536", "-U", "--immediate-mode", "-w", str(path), "tcp or udp"],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if "listening on" in line:
                return
        pytest.skip("tcpdump may not capture here")

    def stop(self) -> bytes:
        """What has been captured."""
        self._process.send_signal(signal.SIGINT)
        _, said = self._process.communicate(timeout=DEADLINE_S)
        assert "0 packets dropped by kernel" in said, said
        return self._path.read_bytes()


@pytest.fixture
def services(tmp_path: Path) -> Iterator[tuple[RunningBroker, RunningDiscovery]]:
    broker = RunningBroker(tmp_path / "broker", "--log-level", "debug")
    discovery = RunningDiscovery(tmp_path / "discovery", "--broker", broker.door, "--log-level", "debug")
    yield broker, discovery
    for service in (discovery, broker):
        if service.process.poll() is None:
            assert service.stop() == 0


def memory(pid: int) -> bytes:
    """All that a process holds (Linux)."""
    held = []
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        for line in maps:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if found and "[vvar]" not in line:
                start, end = (int(each, 16) for each in found.groups())
                with contextlib.suppress(OSError, OverflowError, ValueError):
                    file.seek(start)
                    held.append(file.read(end - start))
    return b"".join(held)


def converse(cast: Cast) -> tuple[list[str], list[str]]:
    """A conversation with everything in it; the words of its codes, and its passwords."""
    alice = cast.create(NICKS[0], password=PASSWORD)
    codes = [alice.code]
    bob = cast.join(NICKS[1], alice.code, password=PASSWORD)
    relayed = cast.join(NICKS[2], alice.code, "--path", "relay", password=PASSWORD)
    for member in (alice, bob, relayed):
        member.sees(*NICKS)
    alice.path(NICKS[2], "relay")
    alice.send(TEXTS[0])
    bob.send(TEXTS[1])
    for member in (alice, bob, relayed):
        member.hears(*TEXTS[:2])
    alice.say("whisper", to=NICKS[1], text=TEXTS[2])
    bob.hear("whisper", text=TEXTS[2])
    bob.say("nick", nick=RENAMED)
    alice.hear("notice", event="nick", nick=RENAMED)
    alice.say("me", text=TEXTS[3])
    alice.say("data", value={TEXTS[4]: 1})
    bob.hear("me", text=TEXTS[3])
    relayed.hear("data", value={TEXTS[4]: 1})
    codes.append(_new_code(alice, bob, "code", new=True))
    codes.append(_new_code(alice, bob, "kick", nick=NICKS[2]))
    passwords = {said.get("password") or PASSWORD for said in bob.objects if said["type"] == "code_changed"}
    assert len(passwords) == 2  # a removal takes another one
    relayed.end()
    assert bob.leave() == alice.leave() == 0
    return [word for code in codes for word in code.split("-")[:-1]], sorted(passwords)


def _new_code(one: MemberProcess, other: MemberProcess, kind: str, **fields: object) -> str:
    since = len(other.objects)
    one.say(kind, **fields)
    return str(other.hear("code_changed", since=since)["code"])


@pytest.mark.skipif(TCPDUMP is None or sys.platform != "linux", reason="needs tcpdump on Linux")
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root: a capture, others' memory")
def test_no_word_of_a_room_is_on_the_wire_or_at_a_service(
    tmp_path: Path, services: tuple[RunningBroker, RunningDiscovery]
) -> None:
    broker, discovery = services
    capture = Capture(tmp_path / "capture")
    with Cast(tmp_path, "--local", "--discovery", discovery.door) as cast:
        words, passwords = converse(cast)
    captured = capture.stop()
    assert captured.count(b"CURVE") > 10  # everybody's greetings: what is in clear is seen

    secrets = [each.encode() for each in (*NICKS, RENAMED, *TEXTS, *passwords)]
    # A word of a code is short, so by itself it may stand in any memory; two in a row do not.
    pairs = [
        between.join(pair).encode()
        for pair in zip(words[::2], words[1::2], strict=True)
        for between in ("-", " ", "\0")
    ]
    for secret in (*secrets, *pairs):
        assert secret not in captured
    for word in words:
        assert not re.search(rb"(?i)\b%b\b" % re.escape(word.encode()), captured), word

    for service in services:
        held = memory(service.process.pid)
        assert str(service.data).encode() in held  # what it does hold is seen
        for secret in (*secrets, *pairs):
            assert secret not in held
    for service in services:
        assert service.stop() == 0
    for folder in (broker.data, discovery.data):
        kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        assert kept
        for secret in (*secrets, *pairs):
            assert secret not in kept
