"""A path on which large packets vanish and small ones arrive: a tunnel on the way, and a firewall without ICMP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.sockets.members import Cast
from tests.sockets.netns import Host, network

LARGE = "x" * 20_000
CLI = [sys.executable, "-m", "sandpiper.cli"]
SEEN_S = 60.0


def run(host: Host, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SANDPIPER_HOME": str(folder), "SANDPIPER_DOCTOR_NO_LAN": "1"}
    return host.run([*CLI, *words], check=False, stdin=subprocess.DEVNULL, env=environment, timeout=SEEN_S)


def broker_at(host: Host, folder: Path) -> str:
    argv = [*CLI, "broker", "--json", "--open", "--host", "0.0.0.0", "--port", "0", "--data", str(folder)]
    process = host.popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    port = str(json.loads(process.stdout.readline())["door"]).rpartition(":")[2]
    return f"{host.address()}:{port}"


def test_who_says_something_large_is_told_that_it_gets_lost_for_its_size(tmp_path: Path) -> None:
    with network("lan", "lan") as (server, client):
        door = broker_at(server, tmp_path / "data")
        for host in (client, server):
            host.narrow(1000)
        small = run(client, tmp_path, "say", f"{door}/r", "small")
        assert small.returncode == 0, small.stderr
        large = run(client, tmp_path, "say", f"{door}/r", LARGE)
        assert large.returncode == 1
        assert "acknowledged nothing for 10 s (large packets seem to get lost on the way" in large.stderr
        looked = run(client, tmp_path, "doctor", f"{door}/r")
        assert looked.returncode == 1
        assert f"what is large does not get to {door}, what is small does" in looked.stdout


def objects(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    return (json.loads(line) for line in process.stdout)


def test_it_is_told_while_one_is_there_and_over_once_the_path_is_wide_again(tmp_path: Path) -> None:
    with network("lan", "lan") as (server, client):
        door = broker_at(server, tmp_path / "data")
        server.narrow(1000)
        argv = ["env", f"SANDPIPER_HOME={tmp_path}", *CLI, "connect", f"{door}/r", "--json", "--one-port"]
        client.narrow(1500)
        alice = client.popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = objects(alice)
        assert any(each["type"] == "joined" for each in said)
        assert alice.stdin is not None
        alice.stdin.write(json.dumps({"type": "msg", "text": LARGE, "id": "large"}) + "\n")
        alice.stdin.flush()
        held = next(each for each in said if each["type"] == "held")
        assert (held["code"], held["text"].startswith("large packets seem to get lost")) == ("path", True)
        server.narrow(1500)
        seen: set[str] = set()
        while not {"resumed", "ack"} <= seen:
            seen.add(next(said)["type"])


def test_peers_do_not_rely_on_a_way_that_falls_silent(tmp_path: Path) -> None:
    with network("lan", "lan") as (one, other), Cast(tmp_path, host=one) as cast:
        for host in (one, other):
            host.narrow(1500)
        alice = cast.create("alice")
        bob = cast.join("bob", alice.code, host=other)
        alice.send("small")
        bob.hears("small")
        other.narrow(1000)
        alice.send(LARGE)
        why = "connections are made and fall silent: large packets may get lost on the way"
        bob.asks_until("paths", "paths", lambda said: said if why in json.dumps(said) else None, SEEN_S)
