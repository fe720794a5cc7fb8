from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common.codes import RoomCode
from sandpiper.common.errors import UsageError
from sandpiper.common.invite import Invite
from sandpiper.common.rooms import LOBBY
from sandpiper.common.sanitise import printable
from sandpiper.common.target import PORT, Target, parse_host
from sandpiper.common.target_parser import parse_broker, parse_target

FINGERPRINT = "abcdefghijklmnopqrstu234"

targets = st.builds(
    Target,
    host=st.one_of(
        st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z]{2,5}){0,2}", fullmatch=True),
        st.ip_addresses().map(str),
    ),
    port=st.integers(1, 65535),
    room=st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,20}", fullmatch=True),
    fingerprint=st.none() | st.from_regex(r"[a-z2-7]{24}", fullmatch=True),
)


@given(targets)
def test_a_target_reads_back(target: Target) -> None:
    assert parse_target(str(target)) == target
    assert parse_host(f"tcp://{target}") == target


@given(st.one_of(st.text(max_size=30), st.text(":/#[].a5-", max_size=20)))
def test_anything_else_is_one_line_of_usage(text: str) -> None:
    for parse in (parse_target, parse_broker, parse_host):
        try:
            target = parse(text)
        except UsageError as error:
            said = str(error)
        else:
            said = ""
            assert parse_target(str(target)) == target
        assert printable(said) == said
        assert len(said) < 250


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("localhost", Target("localhost")),
        ("LocalHost", Target("localhost")),
        ("  chat.example.org ", Target("chat.example.org")),
        ("127.0.0.1:5001", Target("127.0.0.1", 5001)),
        ("foo:5001/Ops", Target("foo", 5001, "Ops")),
        ("foo/ops", Target("foo", PORT, "ops")),
        ("foo:5001/", Target("foo", 5001, LOBBY)),
        ("[::1]", Target("::1")),
        ("[0:0:0:0:0:0:0:1]:5000/room", Target("::1", 5000, "room")),
        ("tcp://4.tcp.example.io:12345", Target("4.tcp.example.io", 12345)),
        ("TCP://foo:1", Target("foo", 1)),
        (f"foo:5000/ops#{FINGERPRINT.upper()}", Target("foo", 5000, "ops", FINGERPRINT)),
        (f"foo.org#{FINGERPRINT}", Target("foo.org", PORT, LOBBY, FINGERPRINT)),
    ],
)
def test_brokers(text: str, target: Target) -> None:
    assert parse_target(text) == parse_broker(text) == parse_host(text) == target


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("foo", "'foo' is no broker (HOST[:PORT][/ROOM][#FINGERPRINT]) and no room code (pine-ocean-42); for a host"),
        ("foo", "for a host of that name try foo:5000"),
        ("pine-ocean", "the room code has no number at its end"),
        ("oceon-pine-42", "'oceon' is in no word list; did you mean 'ocean'?"),
        ("web-01", "if it is a host, give web-01:5000"),
        ("sandpiper://pine", "the invite link leads nowhere"),
        ("", "try localhost:5000"),
        ("two words", "try localhost:5000"),
        ("::1", "goes in brackets: [::1]:5000"),
        ("[::1", "is no broker"),
        ("[nonsense]:5000", "no IPv6 address in its brackets"),
        ("/ops", "names no host"),
        (":5000", "names no host"),
        ("foo:", "a port is a number from 1 to 65535"),
        ("foo:0", "a port is a number"),
        ("foo:65536", "a port is a number"),
        ("foo:٣", "a port is a number"),
        ("http://foo/bar", "is no broker's address"),
        ("foo/a/b", "invalid room name"),
        ("foo/.hidden", "invalid room name"),
        ("foo.org#", "has a fingerprint that is none"),
        ("foo.org#abc", "has a fingerprint that is none"),
        ("-foo.org", "has a host name with something in it"),
        ("us er@foo.org", "has a host name with something in it"),
        ("\x1b[31mfoo.org", "'␛[31mfoo.org'"),
    ],
)
def test_usage_errors_help(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_target(text)
    assert says in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["pine-ocean-42", " Pine Ocean 42 ", "42_pine_ocean"])
def test_words_and_a_number_are_a_room_code(text: str) -> None:
    assert parse_target(text) == RoomCode(("pine", "ocean"), 42)


def test_a_link_is_an_invite() -> None:
    assert parse_target("Sandpiper://join#pine-ocean-42") == Invite(RoomCode(("pine", "ocean"), 42))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pine-ocean-42", "reads like a room code: `sandpiper join` takes it"),
        ("sandpiper://join#pine-ocean-42", "leads to a room between peers: `sandpiper join` takes it"),
        ("http://chat.example.org/", "is no broker's address"),
    ],
)
def test_where_a_broker_is_wanted_nothing_else_will_do_and_no_code_is_quoted(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_broker(text)
    assert says in str(caught.value)
    assert "ocean" not in str(caught.value)


def test_a_broker_is_a_host_or_a_link_to_one() -> None:
    assert parse_broker("foo") == Target("foo")
    assert parse_broker("sandpiper://connect/foo:5001/ops") == Target("foo", 5001, "ops")
