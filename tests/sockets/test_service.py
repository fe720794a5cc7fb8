"""The broker as a process: its ready line, its ports, its end, its metrics."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.sockets.running import DEADLINE_S, Lines, running


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=DEADLINE_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_ready_line(tmp_path: Path) -> None:
    with running(tmp_path / "data") as broker:
        base = broker.port
        assert list(broker.ready) == ["type", "door", "xsub", "xpub", "plain_xsub", "plain_xpub", "key"]
        assert broker.ready["type"] == "ready"
        assert broker.ready["xsub"] == f"tcp://127.0.0.1:{base + 1}"
        assert broker.ready["xpub"] == f"tcp://127.0.0.1:{base + 2}"
        assert broker.ready["plain_xsub"] == f"tcp://127.0.0.1:{base + 11}"
        assert broker.ready["plain_xpub"] == f"tcp://127.0.0.1:{base + 12}"
        assert len(broker.ready["key"]) == 40
        assert base + 12 < 32_768  # below the ephemeral range


def test_no_plain_closes_the_plain_doors(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--no-plain") as broker:
        assert broker.ready["plain_xsub"] is None
        assert broker.ready["plain_xpub"] is None
        for offset in (11, 12):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", broker.port + offset), timeout=DEADLINE_S)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_with_0_and_clients_are_told(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path / "data") as broker, Lines(broker) as client:
        client.say(type="msg", text="kept")
        client.hear_until("msg")
        broker.process.send_signal(number)
        assert "shutting down" in client.hear_until("notice")["text"]
        assert client.at_end()
        _, stderr = broker.process.communicate(timeout=DEADLINE_S)
        assert broker.process.returncode == 0
        assert stderr == b""


def test_the_log_goes_on_after_a_stop(tmp_path: Path) -> None:
    with running(tmp_path / "data") as broker:
        with Lines(broker) as client:
            client.say(type="hello", v=1, room="lobby")
            client.hear_until("joined")
            client.say(type="msg", text="before", id="a")
            assert client.hear_until("ack")["seq"] == 1
        assert broker.stop() == 0
        broker.restart()
        with Lines(broker) as client:
            client.say(type="hello", v=1, room="lobby", backlog=10)
            client.hear_until("joined")
            assert client.hear_until("msg")["text"] == "before"
            client.say(type="msg", text="after", id="b")
            assert client.hear_until("ack")["seq"] == 2


def test_health_and_metrics(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path / "data", "--metrics-port", str(port)) as broker, Lines(broker) as client:
        client.say(type="msg", text="counted")
        client.hear_until("msg")
        assert get(port, "/healthz") == (200, "ok\n")
        status, page = get(port, "/metrics")
        assert status == 200
        assert "sandpiper_messages_stored_total 1.0" in page
        assert "sandpiper_line_clients 1.0" in page
        assert "sandpiper_door_lines_total 1.0" in page
        with socket.create_connection(("127.0.0.1", broker.port), timeout=DEADLINE_S) as foreign:
            foreign.sendall(b"\x16\x03\x01")  # as TLS begins
            assert foreign.recv(1000)
        assert "sandpiper_door_foreign_total 1.0" in get(port, "/metrics")[1]
        assert get(port, "/elsewhere")[0] == 404


def test_a_port_in_use_is_one_line_and_exit_1(tmp_path: Path) -> None:
    with running(tmp_path / "data") as broker:
        command = [sys.executable, "-m", "sandpiper.cli", "broker", "--json", "--port", str(broker.port)]
        second = subprocess.run(
            [*command, "--data", str(tmp_path / "other")], capture_output=True, timeout=DEADLINE_S, check=False
        )
        assert second.returncode == 1
        assert second.stdout == b""
        (line,) = second.stderr.decode().splitlines()
        assert str(broker.port) in line
        assert "--port" in line


def test_secrets_are_in_no_log(tmp_path: Path) -> None:
    code = "correct-horse-battery"
    os.environ["SANDPIPER_ACCESS_CODE"] = code
    try:
        with running(tmp_path / "data", "--log-level", "debug") as broker, Lines(broker) as client:
            client.say(type="hello", v=1, room="lobby", access_code=code)
            client.hear_until("joined")
            cmdline = Path(f"/proc/{broker.process.pid}/cmdline")
            if cmdline.exists():
                assert code.encode() not in cmdline.read_bytes()
    finally:
        del os.environ["SANDPIPER_ACCESS_CODE"]
    for file in (tmp_path / "data").rglob("*"):
        if file.is_file():
            assert code.encode() not in file.read_bytes(), file


def test_the_extended_tongue_names_the_doors(tmp_path: Path) -> None:
    with running(tmp_path / "data") as broker, Lines(broker) as client:
        client.say(type="hello", v=1)
        welcome = client.hear()
        assert json.loads(json.dumps(welcome)) == welcome
        assert (welcome["type"], welcome["v"], welcome["key"]) == ("welcome", 1, broker.ready["key"])
        assert (welcome["xsub"], welcome["xpub"]) == (broker.ready["xsub"], broker.ready["xpub"])
