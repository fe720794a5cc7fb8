"""`sandpiper doctor` against real services: what it tells of each, and with which exit code."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandpiper.common.trust import KnownBrokers, format_known
from tests.sockets.running import DEADLINE_S, RunningBroker, RunningDiscovery, running

KEY = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
Outcome = tuple[int, dict[str, Any], list[str]]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    with running(tmp_path_factory.mktemp("broker") / "data") as made:
        yield made


@pytest.fixture(scope="module")
def discovery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDiscovery]:
    made = RunningDiscovery(tmp_path_factory.mktemp("discovery") / "data")
    yield made
    made.stop()


def environment(home: Path) -> dict[str, str]:
    # Multicast is looked at elsewhere, and takes its time.
    return {**os.environ, "SANDPIPER_HOME": str(home), "SANDPIPER_DOCTOR_NO_LAN": "1"}


def doctor(home: Path, *words: str) -> Outcome:
    """Exit code, report, and what is wrong."""
    ran = subprocess.run(
        [sys.executable, "-m", "sandpiper.cli", "doctor", "--json", *words],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.stderr == ""
    report = json.loads(ran.stdout)
    return ran.returncode, report, [each["text"] for each in report["findings"] if each["state"] == "wrong"]


def about(report: dict[str, Any], what: str) -> list[str]:
    return [each["text"] for each in report["findings"] if each["about"] == what]


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def test_a_broker_that_is_well(broker: RunningBroker, tmp_path: Path) -> None:
    code, report, wrong = doctor(tmp_path, broker.door)
    assert (code, wrong, report["reachable"]) == (0, [], True)
    answers, room = about(report, "target")
    assert "not known before" in answers
    assert room.startswith("room lobby by bus; ")
    assert not (tmp_path / "known_brokers").exists()  # it has only looked
    assert not (tmp_path / "identity.key").exists()


def test_a_broker_with_another_key(broker: RunningBroker, tmp_path: Path) -> None:
    pinned = format_known(KnownBrokers().with_pin(broker.door, KEY))
    (tmp_path / "known_brokers").write_text(pinned)
    code, report, wrong = doctor(tmp_path, broker.door)
    assert (code, report["reachable"]) == (1, True)
    assert f"the key of {broker.door} has changed" in wrong[0]
    assert (tmp_path / "known_brokers").read_text() == pinned
    code, _, wrong = doctor(tmp_path / "other", f"{broker.door}#{'a' * 24}")
    assert code == 1
    assert "somebody may be in between" in wrong[0]


def test_a_broker_that_asks_for_a_code(tmp_path: Path) -> None:
    secret = tmp_path / "code"
    secret.write_text("hush-hush\n")
    with running(tmp_path / "data", "--access-code-file", str(secret)) as guarded:
        code, report, wrong = doctor(tmp_path, guarded.door)
        assert (code, report["reachable"]) == (1, True)
        assert wrong == [f"{guarded.door} asks for an access code, and none is given"]
        code, report, wrong = doctor(tmp_path, guarded.door, "--access-code-file", str(secret))
        assert (code, wrong) == (0, [])
        secret.write_text("wrong-wrong\n")
        code, report, wrong = doctor(tmp_path, guarded.door, "--access-code-file", str(secret))
        assert code == 4
        assert "access code" in wrong[0]
        assert "wrong-wrong" not in json.dumps(report)


def test_nobody_there(tmp_path: Path) -> None:
    code, report, wrong = doctor(tmp_path, f"127.0.0.1:{free_port()}")
    assert (code, report["reachable"]) == (3, False)
    assert "cannot reach" in wrong[0]


def test_somebody_else_there(discovery: RunningDiscovery, tmp_path: Path) -> None:
    code, _, wrong = doctor(tmp_path, discovery.door)
    assert code == 3
    assert "is a discovery service, not a broker" in wrong[0]


def test_named_services(broker: RunningBroker, discovery: RunningDiscovery, tmp_path: Path) -> None:
    code, report, _ = doctor(tmp_path, "--discovery", discovery.door, "--broker", broker.door)
    assert code == 0
    assert discovery.door in about(report, "discovery")[0]
    assert broker.door in about(report, "broker")[0]
    code, report, wrong = doctor(tmp_path, "--discovery", f"127.0.0.1:{free_port()}")
    assert (code, report["reachable"]) == (1, None)
    assert "cannot reach" in wrong[0]


def test_a_room_code(discovery: RunningDiscovery, tmp_path: Path) -> None:
    there = ["--discovery", discovery.door]
    alice = subprocess.Popen(
        [sys.executable, "-m", "sandpiper.cli", "create", "--json", "--nick", "alice", "--local", *there],
        env=environment(tmp_path / "alice"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert alice.stdout is not None
        while (said := json.loads(alice.stdout.readline()))["type"] != "room_created":
            pass
        room = said["code"]
        code, report, wrong = doctor(tmp_path / "bob", room, *there)
        assert (code, wrong, report["reachable"]) == (0, [], True)
        assert "somebody is there" in about(report, "target")[0]
        code, report, wrong = doctor(tmp_path / "bob", room, "--join", "--local", *there)
        assert (code, wrong) == (0, [])
        ((path),) = report["paths"]
        assert path["nick"] == "alice"
        assert path["path"] in ("direct", "lan")
        assert about(report, "paths")[0].startswith("alice: ")
        words, _, number = room.rpartition("-")
        wrong_code = f"{'aardvark-abacus' if words != 'aardvark-abacus' else 'abacus-aardvark'}-{number}"
        code, report, wrong = doctor(tmp_path / "eve", wrong_code, "--join", "--local", *there)
        assert (code, report["reachable"]) == (4, True)
        assert words not in json.dumps(report)
        code, report, wrong = doctor(tmp_path / "bob", "pine-ocean-999998", *there)
        assert report["reachable"] is False
        assert code == (3 if "has just started" in wrong[-1] else 5)
        assert wrong
    finally:
        alice.kill()
        alice.communicate(timeout=DEADLINE_S)


def test_a_room_code_and_no_service(tmp_path: Path) -> None:
    code, report, wrong = doctor(tmp_path, "pine-ocean-42", "--discovery", f"127.0.0.1:{free_port()}")
    assert (code, report["reachable"]) == (3, False)
    assert any("cannot reach" in text for text in wrong)
