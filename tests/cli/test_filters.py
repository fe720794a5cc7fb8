from __future__ import annotations

import pytest

from sandpiper.cli.filters import Filters, parse_filter, text_of
from sandpiper.common.errors import UsageError
from sandpiper.common.messages import Data, Joined, Msg, Notice
from sandpiper.peer.events import PathChanged
from tests.cli.scripted import msg

NOTICE = Notice("bob joined", 0, room="lobby", event="join", nick="bob", from_="f" * 24)
DATA = Data("bob", {"t": 21.5}, 0, "lobby", 3, 0, "run", "b-3", None, False)


def wanted(*filters: str) -> Filters:
    return Filters([parse_filter(text) for text in filters])


@pytest.mark.parametrize(
    ("text", "said", "passes"),
    [
        ("type=msg", msg("hello"), True),
        ("type=me|data", msg("hello"), False),
        ("type=me|data", DATA, True),
        ("nick=BOB", msg("hello"), True),
        ("nick=anna|bob", msg("hello"), True),
        ("nick=anna", msg("hello"), False),
        (f"from={'F' * 24}", msg("hello"), True),
        (f"from={'e' * 24}", msg("hello"), False),
        (f"from={'f' * 24}", DATA, False),
        ("regex=^hel+o$", msg("hello"), True),
        ("regex=a,b=c", msg("xa,b=c"), True),
        ("type=msg, nick=bob ,regex=o", msg("hello"), True),
        ("type=msg,nick=bob,regex=z", msg("hello"), False),
        (r'regex="t":21\.5', DATA, True),
        ("type=notice", NOTICE, True),
        ("regex=joined", NOTICE, True),
        ("type=notice", msg("hello"), False),
    ],
)
def test_every_part_must_hold(text: str, said: Msg, passes: bool) -> None:
    assert wanted(text).passes(said) is passes


def test_of_several_one_is_enough_and_none_wants_all() -> None:
    either = wanted("nick=anna", "regex=fire")
    assert either.passes(msg("fire!"))
    assert either.passes(msg("hello", nick="anna"))
    assert not either.passes(msg("hello"))
    assert Filters().passes(msg("hello"))


def test_what_is_no_message_is_always_told() -> None:
    assert wanted("nick=anna").passes(Joined("lobby", "bob", []))
    assert wanted("nick=anna").passes(PathChanged("bus", "on the bus"))


def test_it_knows_which_types_were_named() -> None:
    assert wanted("type=notice|msg").names("notice")
    assert not wanted("nick=bob").names("notice")


def test_the_text_of_a_value_is_its_json() -> None:
    assert text_of(DATA) == '{"t":21.5}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "--filter wants"),
        ("bob", "begins with"),
        ("colour=red", "begins with"),
        ("type=", "after type="),
        ("type=msg|", "after type="),
        ("type=mgs", "no type 'mgs'"),
        ("type=msg,type=me", "twice"),
        ("regex=", "after regex="),
        ("regex=(", "no regular expression"),
        ("regex=" + "(" * 5000 + ")" * 5000, "no regular expression"),
    ],
)
def test_what_is_wrong_with_a_filter_is_said(text: str, said: str) -> None:
    with pytest.raises(UsageError, match="--filter") as raised:
        parse_filter(text)
    assert said in str(raised.value)
