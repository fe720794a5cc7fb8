from __future__ import annotations

from collections.abc import Callable

import pytest

from sandpiper.bridge.conversation import LineState
from sandpiper.common.limits import LINE_BYTES
from sandpiper.common.messages import Member
from tests.bridge.client import LOBBY, Client
from tests.bridge.rooms import TS, MemoryRooms

# The original behaviour ----------------------------------------------------------------------------------------


def test_what_was_said_before_it_was_known_for_an_original_one_is_kept_for_it(
    rooms: MemoryRooms, join: Callable[..., Client]
) -> None:
    anna = join(nick="anna")
    anna.say({"type": "msg", "text": "long ago"})
    late = Client(rooms, since=rooms.newest("lobby", 0))
    anna.say({"type": "msg", "text": "meanwhile"}, {"type": "msg", "text": "and then"})
    late.session.silent(TS)
    first = late.send(b"")
    assert [each["text"] for each in first] == ["anon joined", "meanwhile", "and then"]
    assert set(first[1]) == {"type", "nick", "text", "ts"}, "the documented keys"
    anna.say({"type": "msg", "text": "now"})
    assert [each["text"] for each in late.heard()] == ["now"], "each once"
    prompt = Client(rooms, since=rooms.newest("lobby", 0))
    anna.say({"type": "msg", "text": "before its first line"})
    texts = [each.get("text") for each in prompt.say({"type": "msg", "text": "its own"})]
    assert texts.index("before its first line") < texts.index("its own")
    assert texts.count("its own") == 1
    assert Client(rooms, since=rooms.newest("lobby", 0)).silent() == [
        {"type": "notice", "text": "anon joined", "ts": TS}
    ]


def test_a_silent_client_joins_the_lobby_as_anon(rooms: MemoryRooms) -> None:
    client = Client(rooms)
    assert client.silent() == [{"type": "notice", "text": "anon joined", "ts": TS}]
    assert client.session.conversation.state is LineState.ORIGINAL


@pytest.mark.parametrize("line", [b"\n", b'{"type":"msg","text":"hi"}\n', b"nonsense\n", b'{"type":"who"}\n'])
def test_any_first_line_but_hello_joins_too(rooms: MemoryRooms, line: bytes) -> None:
    told = Client(rooms).send(line)
    assert {"type": "notice", "text": "anon joined", "ts": TS} in told


# Bounds --------------------------------------------------------------------------------------------------------


def test_each_line_is_charged_good_or_bad(rooms: MemoryRooms, join: Callable[..., Client]) -> None:
    client = join()
    rooms.charges.clear()
    client.send(b'{}\n\nnonsense\n{"type":"ping"}\n' + b"x" * (LINE_BYTES + 1) + b"\n")
    assert rooms.charges == [2, 0, 8, 15, LINE_BYTES]


def test_a_pause_holds_the_lines_that_follow(rooms: MemoryRooms, join: Callable[..., Client]) -> None:
    client = join()
    rooms.charge = 0.25
    ping = {"type": "ping"}
    assert len(client.say(ping, ping)) == 1
    assert client.session.wait == 0.25
    rooms.charge = client.session.wait = 0.0
    client.session.work(0.0, TS)
    assert len(client.heard()) == 1


def test_an_answer_over_the_limit_says_so(join: Callable[..., Client], rooms: MemoryRooms) -> None:
    many = [Member(f"nick{number}", "f" * 24, True, "bus") for number in range(1000)]
    rooms.members = lambda room: many  # type: ignore[method-assign]
    client = Client(rooms)
    _, joined, error, _ = client.say(LOBBY)
    assert (joined["type"], joined["members"]) == ("joined", [])
    assert "joined 0 cannot be shown" in error["text"]
    (error,) = client.say({"type": "who"})
    assert (error["code"], error["room"], error["ts"]) == ("too_large", "lobby", TS)


def test_a_line_without_its_end(rooms: MemoryRooms) -> None:
    client = Client(rooms)
    assert client.send(b'{"type":"hello"') == []
    assert client.session.unfinished
    assert client.send(b"}\n")[0]["type"] == "welcome"
    assert not client.session.unfinished


# Ends ----------------------------------------------------------------------------------------------------------


def test_a_client_that_will_say_no_more_gets_what_it_is_owed(rooms: MemoryRooms, join: Callable[..., Client]) -> None:
    client = join()
    rooms.auto = False
    assert client.send(b'{"type":"msg","text":"a"}\n{"type":"msg","text":"last, without a newline"}') == []
    client.session.finish()
    client.session.work(0.0, TS)
    assert not client.session.ended
    rooms.commit()
    assert [each["type"] for each in client.heard()] == ["msg", "ack", "msg", "ack"]
    assert client.session.ended


def test_the_port_says_goodbye(rooms: MemoryRooms, join: Callable[..., Client], original: Callable[[], Client]) -> None:
    plain, extended = original(), join()
    for client in (plain, extended):
        client.heard()
        client.close("the broker is shutting down")
        assert client.session.ended
    assert plain.heard() == [{"type": "notice", "text": "the broker is shutting down", "ts": TS}]
    assert extended.heard()[0]["code"] == "closing"
