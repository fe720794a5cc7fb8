"""Found by mDNS on networks of their own: two machines, liars among them, cables, addresses, a firewall."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from sandpiper.common.io.lan import NO_NETWORK
from tests.sockets.netns import DEADLINE_S, Host, has_ipv6, network

ROOT = Path(__file__).parents[2]
SECONDS = 10.0  # a search that finds something ends long before
QUIET_S = 0.5  # in which nobody is found: an answer takes a quarter of a second


class Program:
    """One of on_lan.py's, with every warning an error. What it says on stderr fails the test."""

    def __init__(self, host: Host, *arguments: str) -> None:
        self.process = host.popen(
            [sys.executable, "-W", "error", "-m", "tests.sockets.on_lan", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self.hear() == {"ready": True}

    def __enter__(self) -> Program:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            _, stderr = self.process.communicate(timeout=DEADLINE_S)
            assert stderr == ""
            assert self.process.returncode == 0

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(self.process.communicate(timeout=DEADLINE_S)[1])
        heard: dict[str, Any] = json.loads(line)
        return heard

    def call(self, *call: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(call) + "\n")
        self.process.stdin.flush()
        return self.hear()

    def browse(self, nameplate: int, seconds: float = SECONDS) -> list[str]:
        found: list[str] = self.call("browse", nameplate, seconds)["answer"]
        return found

    def until(self, nameplate: int, *wanted: str) -> None:
        """Searches until these places are found, and no others."""
        until = time.monotonic() + DEADLINE_S
        while set(found := self.browse(nameplate, QUIET_S)) != set(wanted):
            assert time.monotonic() < until, found


def both(host: Host, port: int, on: str | None = None) -> list[str]:
    """Where a service of that host is, on one network."""
    return [f"{host.address(on)}:{port}", *([f"[{host.address6(on)}]:{port}"] if has_ipv6() else [])]


# Found ---------------------------------------------------------------------------------------------------------


def test_one_tells_and_the_other_finds() -> None:
    with network("lan", "lan") as (alice, bob), Program(alice, "serve") as here, Program(bob, "serve") as there:
        assert here.call("advertise", 42, 8000)["trouble"] == ""
        found = there.call("browse", 42, SECONDS)
        assert found["answer"] == both(alice, 8000)
        assert found["trouble"] == ""
        assert found["seconds"] < SECONDS / 2
        assert there.browse(43, QUIET_S) == []
        assert here.browse(42, QUIET_S) == []  # its own


def test_two_accounts_on_one_machine() -> None:
    with network("lan") as (host,), Program(host, "serve") as one, Program(host, "serve") as another:
        one.call("advertise", 42, 8000)
        assert another.browse(42) == both(host, 8000)


def test_what_is_told_is_replaced_and_taken_back() -> None:
    with network("lan", "lan") as (alice, bob), Program(alice, "serve") as here, Program(bob, "serve") as there:
        here.call("advertise", 42, 8000)
        here.call("advertise", 77, 8003)
        assert there.browse(77) == both(alice, 8003)
        assert there.browse(42, QUIET_S) == []
        here.call("close")
        assert there.browse(77, QUIET_S) == []
        assert here.call("advertise", 77, 8003)["answer"] is None
        assert there.browse(77, QUIET_S) == []


def test_who_loses_patience_leaves_nothing_behind() -> None:
    with network("lan", "lan") as (alice, bob), Program(alice, "serve") as here, Program(bob, "serve") as there:
        here.call("hurry", 42)
        here.call("advertise", 42, 8000)
        there.until(42, *both(alice, 8000))


def test_each_network_learns_its_own_addresses() -> None:
    with (
        network("cafe", "cafe vpn", "vpn") as (stranger, host, colleague),
        Program(stranger, "serve") as outside,
        Program(host, "serve") as here,
        Program(colleague, "serve") as inside,
    ):
        here.call("advertise", 42, 8000)
        assert outside.browse(42) == both(host, 8000, "cafe")
        assert inside.browse(42) == both(host, 8000, "vpn")


def test_the_network_hears_no_name() -> None:
    names = {socket.gethostname().encode().lower(), socket.getfqdn().encode().lower()}
    with network("lan", "lan") as (alice, bob), Program(alice, "serve") as here:
        ear = Program(bob, "hear", bob.address())
        here.call("advertise", 42, 8000)
        packets = b""
        while b"n=42" not in packets:
            heard = ear.hear()
            if heard["host"] == alice.address():
                packets += bytes.fromhex(heard["packet"]).lower()
        assert b"_sandpiper" in packets
        assert [name for name in names if name and name in packets] == []


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6")
def test_a_wire_with_nothing_but_link_local_addresses() -> None:
    with network("lan", "lan") as (alice, bob):
        for host in (alice, bob):
            host.run(["ip", "-4", "addr", "flush", "dev", "lan"])
            host.run(["ip", "-6", "addr", "flush", "dev", "lan", "scope", "global"])
        with Program(alice, "serve") as here, Program(bob, "serve") as there:
            here.call("advertise", 42, 8000)
            (found,) = there.browse(42)
            place, _, port = found.rpartition(":")
            address, _, zone = place.strip("[]").partition("%")
            assert (address, port) == (alice.link_local(), "8000")
            assert zone.isdigit()


# Liars ---------------------------------------------------------------------------------------------------------


def name(text: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".") if label) + b"\0"


def record(owner: bytes, kind: int, data: bytes) -> bytes:
    return owner + struct.pack("!HHIH", kind, 1, 120, len(data)) + data


def answer(*records: bytes) -> bytes:
    return struct.pack("!HHHHHH", 0, 0x8400, 0, len(records), 0, 0) + b"".join(records)


def service(label: str, port: int = 8000, text: bytes = b"\x04n=42\x03v=1", address: str = "10.77.0.66") -> bytes:
    """What a responder says of one service."""
    kind, instance, server = (
        name("_sandpiper._tcp.local"),
        name(f"{label}._sandpiper._tcp.local"),
        name(f"{label}.local"),
    )
    return answer(
        record(kind, 12, instance),
        record(instance, 33, struct.pack("!HHH", 0, 0, port) + server),
        record(instance, 16, text),
        record(server, 1, socket.inet_aton(address)),
    )


LIES = {
    "no port": service("lie1", 0),
    "a neighbour's mail": service("lie2", 25),
    "another room": service("lie4", text=b"\x05n=421\x03v=1"),
    "a huge TXT": service("lie5", text=b"\x04n=42\x03v=1" + b"\xff" + b"x" * 255 + b"\xff" + b"y" * 255),
    "a broken TXT": service("lie6", text=b"\xf0n=42"),
    "nobody's TXT": service("lie7", text=b"\0"),
    "a newer version": service("lie8", text=b"\x04n=42\x03v=2"),
    "loopback": service("lie9", address="127.0.0.1"),
    "far away": service("lie10", address="8.8.8.8"),
    "the group itself": service("lie11", address="224.0.0.251"),
    "no address": answer(record(name("_sandpiper._tcp.local"), 12, name("lie12._sandpiper._tcp.local"))),
    "a hostile name": service("\x1b[2J\x07" + "x" * 58),
    "points at itself": answer(record(name("_sandpiper._tcp.local"), 12, name("_sandpiper._tcp.local"))),
    "another kind": answer(record(name("_sandpiper._tcp.local"), 12, name("lie13._http._tcp.local"))),
    "a loop in a name": struct.pack("!HHHHHH", 0, 0x8400, 0, 1, 0, 0) + b"\xc0\x0c" + bytes(10),
    "cut off": service("lie14")[:60],
    "rubbish": bytes(range(256)),
    "empty": bytes(12),
}


def test_liars_are_not_believed_and_keep_nobody_from_being_found() -> None:
    with (
        network("lan", "lan", "lan") as (alice, bob, mallory),
        Program(alice, "serve") as here,
        Program(bob, "serve") as there,
    ):
        liar = Program(mallory, "shout", mallory.address(), *(packet.hex() for packet in LIES.values()))
        assert there.browse(42, QUIET_S) == []
        here.call("advertise", 42, 8000)
        assert there.browse(42) == both(alice, 8000)
        assert here.browse(42, QUIET_S) == []
        assert liar.process.poll() is None


def test_what_the_liars_say_is_heard_but_for_the_lie() -> None:
    with network("lan", "lan") as (bob, mallory), Program(bob, "serve") as there:
        Program(mallory, "shout", mallory.address(), service("truth").hex())
        assert there.browse(42) == ["10.77.0.66:8000"]


def test_a_flood_of_services_ends_in_time_with_a_few() -> None:
    with network("lan", "lan") as (bob, mallory), Program(bob, "serve") as there:
        flood = [service(f"flood{n}", address=f"10.77.0.{n}").hex() for n in range(100, 250)]
        Program(mallory, "shout", mallory.address(), *flood)
        found = there.call("browse", 42, SECONDS)
        assert 1 <= len(found["answer"]) <= 16
        assert found["seconds"] < SECONDS / 2


# Networks that come and go -------------------------------------------------------------------------------------


def test_without_a_network_it_says_so_at_once() -> None:
    with network("") as (alone,), Program(alone, "serve") as here:
        found = here.call("browse", 42, SECONDS)
        assert (found["answer"], found["trouble"]) == ([], NO_NETWORK)
        assert found["seconds"] < SECONDS / 2
        assert here.call("advertise", 42, 8000)["trouble"] == NO_NETWORK


def test_nobody_is_found_in_the_time_that_was_given() -> None:
    with network("lan") as (host,), Program(host, "serve") as here:
        found = here.call("browse", 42, 0.5)
        assert found["answer"] == []
        assert 0.5 <= found["seconds"] < 0.5 + SECONDS / 2


def test_it_follows_an_address_that_changes_and_a_cable() -> None:
    with network("lan", "lan") as (alice, bob), Program(alice, "serve") as here, Program(bob, "serve") as there:
        here.call("advertise", 42, 8000)
        alice.move(150)
        there.until(42, *both(alice, 8000))
        alice.cut()
        assert there.browse(42, QUIET_S) == []
        alice.restore()
        there.until(42, *both(alice, 8000))


def test_a_network_that_comes_later() -> None:
    with network("lan", "lan") as (alice, bob):
        alice.run(["ip", "addr", "flush", "dev", "lan"])
        with Program(alice, "serve") as here, Program(bob, "serve") as there:
            assert here.call("advertise", 42, 8000)["trouble"] == NO_NETWORK
            alice.run(["ip", "addr", "add", f"{alice.address()}/24", "dev", "lan"])
            there.until(42, f"{alice.address()}:8000")


def test_where_another_program_keeps_the_port_it_says_so() -> None:
    with network("lan", "lan") as (alice, bob), Program(alice, "serve") as here, Program(bob, "serve") as there:
        with Program(alice, "keep"):
            found = here.call("advertise", 42, 8000)
            assert "another program" in found["trouble"]
            assert found["seconds"] < SECONDS / 2
        there.until(42, *both(alice, 8000))
        assert here.call("browse", 42, 0.3)["trouble"] == ""
