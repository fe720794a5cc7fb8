"""The networks that other tests stand on are what they claim to be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.sockets.attack import until
from tests.sockets.netns import DEADLINE_S, Host, has_ipv6, network

ASK = """
import socket, sys
with socket.create_connection((sys.argv[1], 7000), timeout=float(sys.argv[2])) as connection:
    print(connection.recv(100).decode())
"""
ANSWER = """
import socket
families = [socket.AF_INET6] if socket.has_dualstack_ipv6() else [socket.AF_INET]
with socket.create_server(("", 7000), family=families[0], dualstack_ipv6=families[0] == socket.AF_INET6) as server:
    print("ready", flush=True)
    while True:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"hello")
"""


def serve(host: Host) -> subprocess.Popen[str]:
    process = host.popen([sys.executable, "-c", ANSWER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def reaches(host: Host, address: str, seconds: float = 5.0) -> bool:
    asked = host.run([sys.executable, "-c", ASK, address, str(seconds)], check=False)
    return asked.stdout == "hello\n"


def test_two_on_one_network_reach_each_other() -> None:
    with network("lan", "lan") as (alice, bob):
        serve(bob)
        assert bob.address() == "10.77.0.2"
        assert reaches(alice, bob.address())
        if has_ipv6():
            assert reaches(alice, bob.address6())
            assert reaches(alice, f"{bob.link_local()}%lan")


def test_nothing_outside_is_reached() -> None:
    with network("lan") as (alone,):
        links = alone.run(["ip", "-br", "link"]).stdout
        assert {line.split()[0].partition("@")[0] for line in links.splitlines()} == {"lo", "lan"}


def test_those_on_two_networks_reach_only_who_is_on_both() -> None:
    with network("left", "left right", "right") as (alice, both, bob):
        serve(both)
        serve(bob)
        assert reaches(alice, both.address("left"))
        assert reaches(both, bob.address())
        assert not reaches(alice, bob.address(), 0.3)


def test_a_cable_that_is_out_and_back() -> None:
    with network("lan", "lan") as (alice, bob):
        serve(bob)
        bob.cut()
        assert not reaches(alice, bob.address(), 0.3)
        bob.restore()
        assert reaches(alice, bob.address(), DEADLINE_S)


def test_two_that_are_kept_apart_and_a_third_that_is_not() -> None:
    with network("lan", "lan", "lan") as (alice, bob, carol):
        serve(bob)
        alice.block(bob)
        assert not reaches(alice, bob.address(), 0.3)
        assert reaches(carol, bob.address())
        bob.move(200)
        assert not reaches(alice, bob.address(), 0.3)
        if has_ipv6():
            assert not reaches(alice, bob.address6(), 0.3)
            assert not reaches(alice, f"{bob.link_local()}%lan", 0.3)
        alice.unblock(bob)
        assert reaches(alice, bob.address())


def test_an_address_that_changes() -> None:
    with network("left", "left right") as (alice, both):
        serve(alice)
        before = alice.address()
        alice.move(150)
        assert alice.address() == "10.77.0.150"
        assert reaches(both, alice.address())
        assert not reaches(both, before, 0.3)
        assert "default via" in alice.run(["ip", "route"]).stdout


def test_what_runs_there_ends_with_the_test_whatever_happens() -> None:
    def fail() -> None:
        with network("lan") as (host,):
            stray = host.popen(["sh", "-c", "setsid sleep 1000 & echo $!; exec sleep 1000"], stdout=subprocess.PIPE)
            assert stray.stdout is not None
            pids.extend([stray.pid, int(stray.stdout.readline())])
            raise RuntimeError("a test that fails")

    pids: list[int] = []
    with pytest.raises(RuntimeError):
        fail()
    until(lambda: all(map(_has_ended, pids)))


def _has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True
