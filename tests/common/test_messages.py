from __future__ import annotations

import json

import msgspec
import pytest

from sandpiper.common import messages
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import DRAFTS, Ack, Data, Error, Hello, Me, Msg, NickSet, Notice, Welcome


def test_the_documented_keys_stand_in_the_documented_order() -> None:
    assert encode_line(Notice("alice joined", 1735812345)) == (
        b'{"type":"notice","text":"alice joined","ts":1735812345}\n'
    )
    assert encode_line(NickSet("nick set to alice", 1)) == b'{"type":"nick","text":"nick set to alice","ts":1}\n'
    assert encode_line(Error("invalid message", 1)) == b'{"type":"error","text":"invalid message","ts":1}\n'


def test_a_stamped_message_says_from_and_every_key() -> None:
    line = encode_line(Msg("alice", "hi", 1, "lobby", 2, 1, "run", "id", None, False))
    assert list(json.loads(line)) == [
        "type", "nick", "text", "ts", "room", "seq", "prev", "run", "id", "from", "verified",
    ]  # fmt: skip
    assert json.loads(line)["from"] is None


def test_a_draft_has_the_type_that_names_it() -> None:
    for kind, draft in DRAFTS.items():
        assert draft.__struct_config__.tag == kind


@pytest.mark.parametrize("kind", [Msg, Me, Data])
def test_what_a_log_holds_has_the_same_stamps(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_encode_fields__[-7:] == ("room", "seq", "prev", "run", "id", "from", "verified")


def test_every_type_of_a_direction_has_its_own_word() -> None:
    told = [
        kind.__struct_config__.tag
        for name, kind in vars(messages).items()
        if isinstance(kind, type)
        and issubclass(kind, msgspec.Struct)
        and kind.__struct_config__.tag is not None
        and not name.startswith("Line")
        and not issubclass(kind, messages.Draft)
        and kind not in (Hello, messages.Nick, messages.Who, messages.ListRooms, messages.Leave, messages.Replay)
        and kind not in (messages.Ping, messages.Passing)
    ]
    assert len(told) == len(set(told))


def test_a_closed_door_is_null() -> None:
    welcome = Welcome(1, "sandpiper", "key", None, "tcp://127.0.0.1:5002", "ticket")
    assert json.loads(encode_line(welcome))["xsub"] is None


def test_hello_needs_nothing_but_its_type() -> None:
    assert msgspec.json.decode(b'{"type":"hello"}', type=Hello) == Hello(v=1)
    assert msgspec.json.decode(b'{"type":"hello","later":1}', type=Hello) == Hello()


def test_an_ack_may_have_no_seq() -> None:
    assert encode_line(Ack("id", "lobby", None)) == b'{"type":"ack","id":"id","room":"lobby","seq":null}\n'
