"""The original server's observable behaviour, line by line (docs/protocol.md, "The original dialect")."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sockets.running import Lines, RunningBroker, running


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    folder: Path = tmp_path_factory.mktemp("broker")
    with running(folder / "data") as broker:
        yield broker


def test_a_conversation(broker: RunningBroker) -> None:
    with Lines(broker) as alice:
        # Everyone, the newcomer included, hears of it, before it has sent a byte.
        joined = alice.hear()
        assert joined == {"type": "notice", "text": "anon joined", "ts": joined["ts"]}
        assert abs(joined["ts"] - time.time()) < 5
        assert isinstance(joined["ts"], int)

        # A nick: everyone hears the notice, the client its own answer too.
        alice.say(type="nick", nick="alice")
        renamed = alice.hear()
        assert renamed == {"type": "notice", "text": "anon is now alice", "ts": renamed["ts"]}
        answer = alice.hear()
        assert answer == {"type": "nick", "text": "nick set to alice", "ts": answer["ts"]}

        # Several clients may be anon.
        with Lines(broker) as bob, Lines(broker) as carol:
            assert bob.hear()["text"] == "anon joined"
            assert carol.hear_until("notice")["text"] == "anon joined"
            assert [alice.hear()["text"] for _ in range(2)] == ["anon joined", "anon joined"]

            # A message reaches everyone, its sender included, with nick and whole seconds, and no key more.
            alice.say(type="msg", text="hi")
            for client in (alice, bob, carol):
                message = client.hear_until("msg")
                assert message == {"type": "msg", "nick": "alice", "text": "hi", "ts": message["ts"]}
                assert isinstance(message["ts"], int)

            # A taken nick is an error, and the old one stays.
            bob.say(type="nick", nick="alice")
            error = bob.hear()
            assert error["type"] == "error"
            assert set(error) == {"type", "text", "ts"}
            bob.say(type="msg", text="still anon")
            assert bob.hear_until("msg")["nick"] == "anon"

        # On close everyone hears it.
        assert [alice.hear_until("notice")["text"] for _ in range(2)] == ["anon left", "anon left"]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b'{"type":"nick","nick":""}', "invalid nick"),
        (b'{"type":"nick","nick":"   "}', "invalid nick"),
        (b'{"type":"nick"}', "invalid nick"),
        (b'{"type":"dance"}', "invalid message type"),
        (b'{"type":"msg","text"', "invalid json"),
        (b"nonsense", "invalid json"),
    ],
)
def test_an_error_leaves_the_connection_open(broker: RunningBroker, line: bytes, text: str) -> None:
    with Lines(broker) as client:
        client.hear_until("notice")
        client.raw(line + b"\n")
        error = client.hear()
        assert error == {"type": "error", "text": text, "ts": error["ts"]}
        client.say(type="msg", text="still here")
        assert client.hear_until("msg")["text"] == "still here"


def test_a_nick_is_free_when_its_owner_has_left(broker: RunningBroker) -> None:
    with Lines(broker) as watcher:
        watcher.hear()
        with Lines(broker) as first:
            first.say(type="nick", nick="dora")
            first.hear_until("nick")
        while watcher.hear_until("notice")["text"] != "dora left":
            pass
        with Lines(broker) as second:
            second.say(type="nick", nick="dora")
            assert second.hear_until("nick")["text"] == "nick set to dora"


def test_answers_come_in_the_order_of_the_lines(broker: RunningBroker) -> None:
    with Lines(broker) as client:
        client.raw(b'{"type":"nick","nick":"swift"}\n{"type":"msg","text":"one"}\n{"type":"dance"}\n')
        heard = [client.hear() for _ in range(5)]
        assert [message["text"] for message in heard[:3]] == ["anon joined", "anon is now swift", "nick set to swift"]
        assert sorted(message["text"] for message in heard[3:]) == ["invalid message type", "one"]


def test_what_came_before_the_first_newline_counts_too(broker: RunningBroker) -> None:
    with Lines(broker) as client:
        client.say(type="nick", nick="eager")
        assert client.hear()["text"] == "anon joined"
        assert client.hear()["text"] == "anon is now eager"
        assert client.hear()["text"] == "nick set to eager"
