"""What commands really print with --json is what docs/schema/sandpiper.json says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.sockets.running import DEADLINE_S, RunningBroker, RunningDiscovery, running

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schema" / "sandpiper.json").read_text("utf-8"))
PRINTED = jsonschema.Draft202012Validator(SCHEMA)


def part(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    with running(tmp_path_factory.mktemp("broker") / "data") as made:
        yield made


@pytest.fixture(scope="module")
def discovery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDiscovery]:
    made = RunningDiscovery(tmp_path_factory.mktemp("discovery") / "data")
    yield made
    made.stop()


def start(home: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sandpiper.cli", *words],
        env={**os.environ, "SANDPIPER_HOME": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def said(home: Path, *words: str, lines: str = "") -> list[dict[str, Any]]:
    with start(home, *words) as process:
        printed, _ = process.communicate(lines, timeout=DEADLINE_S * 2)
    return checked(printed.splitlines())


def checked(lines: list[str]) -> list[dict[str, Any]]:
    """The objects, each of which the schema allows."""
    found: list[dict[str, Any]] = [json.loads(line) for line in lines]
    for each in found:
        PRINTED.validate(each)
    return found


def types(found: list[dict[str, Any]]) -> Counter[str]:
    return Counter(each["type"] for each in found)


REQUESTS: list[dict[str, Any]] = [
    {"type": "msg", "text": "hello", "id": "1"},
    {"type": "me", "text": "waves", "id": "2"},
    {"type": "data", "value": {"t": [1, None]}, "id": "3"},
    {"type": "who"},
    {"type": "rooms"},
    {"type": "ping"},
    {"type": "nick", "nick": "anna2"},
    {"type": "whisper", "to": "nobody-here", "text": "psst", "id": "4"},
    {"type": "paths"},
    {"type": "code"},
    {"type": "verify", "nick": "anna2"},
    {"type": "kick", "nick": "nobody-here"},
    {"type": "readmit", "nicks": ["nobody-here"]},
    {"type": "owner", "nick": "nobody-here"},
]


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "wrong", [{}, {"type": "nothing"}, {"type": "ack", "id": 1}, {"type": "lost", "room": "lobby", "from": None}]
)
def test_it_does_not_allow_just_anything(wrong: dict[str, Any]) -> None:
    assert not PRINTED.is_valid(wrong)


def test_what_is_read() -> None:
    for request in REQUESTS:
        part("read").validate(request)
    assert not part("read").is_valid({"type": "msg"})
    assert not part("read").is_valid({"type": "nothing"})


def test_a_chat_through_a_broker(broker: RunningBroker, tmp_path: Path) -> None:
    checked([json.dumps(broker.ready)])
    lines = "".join(json.dumps(request) + "\n" for request in [*REQUESTS, {"type": "nothing"}])
    found = types(said(tmp_path, "connect", f"{broker.door}/schema", "--json", "--nick", "anna", lines=lines))
    assert found["joined"] == found["msg"] == found["me"] == found["data"] == found["members"] == found["rooms"] == 1
    assert found["pong"] == found["nick"] == found["code"] == found["paths"] == 1
    assert (found["ack"], found["error"]) == (3, 6)
    heard = said(tmp_path, "listen", f"{broker.door}/schema", "--json", "--backlog", "3", "--count", "3")
    assert types(heard) == {"joined": 1, "msg": 1, "me": 1, "data": 1}
    assert types(said(tmp_path, "say", f"{broker.door}/schema", "x", "--json")) == {"ack": 1}
    assert types(said(tmp_path, "who", f"{broker.door}/schema", "--json")) == {"members": 1}


def test_a_broker_s_door(broker: RunningBroker) -> None:
    from tests.sockets.running import Lines

    with Lines(broker) as client:
        client.say(type="hello", v=1, room="schema-door", nick="x")
        part("door").validate(client.hear_until("welcome"))
        client.say(type="replay", after=0)
        part("door").validate(client.hear_until("replayed"))
        client.say(type="leave")
        part("door").validate(client.hear_until("left"))


def changed(found: Counter[str]) -> bool:
    """Whether both questions for the code have been answered and the change is told of, in whatever order."""
    return found["code_changed"] > 0 and found["code"] > 1


def test_a_chat_between_peers(discovery: RunningDiscovery, tmp_path: Path) -> None:
    checked([json.dumps(discovery.ready)])
    there = ["--json", "--local", "--discovery", discovery.door]
    with start(tmp_path / "anna", "create", "--nick", "anna", *there) as anna:
        assert anna.stdin is not None
        assert anna.stdout is not None
        seen: list[str] = []

        def until(kind: str) -> dict[str, Any]:
            while True:
                seen.append(anna.stdout.readline())  # type: ignore[union-attr]
                each: dict[str, Any] = json.loads(seen[-1])
                if each["type"] == kind:
                    return each

        code = until("room_created")["code"]
        with start(tmp_path / "bob", "peer", "--attach", "--room", code, "--nick", "bob", *there) as bob:
            until("peer_joined")
            lines = "".join(json.dumps(request) + "\n" for request in [*REQUESTS, {"type": "code", "new": True}])
            lines = lines.replace("nobody-here", "bob", 1).replace(
                '"verify", "nick": "anna2"', '"verify", "nick": "bob"'
            )
            anna.stdin.write(lines)
            anna.stdin.flush()
            while not changed(types([json.loads(line) for line in seen])):
                seen.append(anna.stdout.readline())
            rest, _ = anna.communicate(timeout=DEADLINE_S)  # once bob has all of it
            others, _ = bob.communicate(timeout=DEADLINE_S)
    found = types(checked([*seen, *rest.splitlines()]))
    assert {"room_created", "peer_joined", "verified", "paths", "code", "ack"} <= set(found)
    assert {"ready", "joined", "msg", "me", "data", "code_changed"} <= set(types(checked(others.splitlines())))


def test_what_tells_of_oneself(tmp_path: Path) -> None:
    assert types(said(tmp_path, "id", "show", "--json")) == {"identity": 1}
    assert types(said(tmp_path, "config", "show", "--json", "--all")) == {"config": 1}
    assert types(said(tmp_path, "doctor", "--json", "--local")) == {"doctor": 1}
