from __future__ import annotations

from sandpiper.common.limits import SCREEN_GROUP_S
from sandpiper.tui.grouping import Grouping
from sandpiper.tui.timeline_entry import TimelineEntry

START = 1_741_082_400.0


def said(nick: str, after: float = 0, *, kind: str = "msg", hidden: bool = False) -> TimelineEntry:
    return TimelineEntry(kind, START + after, "x", nick, hidden=hidden)


def heads(*entries: TimelineEntry) -> list[bool]:
    grouping = Grouping()
    for entry in entries:
        grouping.place(entry)
    return [entry.head for entry in entries]


def test_one_sender_has_one_name_for_a_while() -> None:
    assert heads(said("bob"), said("bob", 1), said("bob", 2 + SCREEN_GROUP_S), said("eve", 3 + SCREEN_GROUP_S)) == [
        True,
        False,
        True,
        True,
    ]


def test_what_is_hidden_does_not_count() -> None:
    assert heads(said("bob"), said("eve", 1, hidden=True), said("bob", 2)) == [True, True, False]


def test_a_day_stands_above_its_first_entry() -> None:
    grouping, entries = Grouping(), [said("bob"), said("bob", 1), said("bob", 86_400)]
    for entry in entries:
        grouping.place(entry)
    assert [bool(entry.day) for entry in entries] == [True, False, True]


def test_an_own_line_goes_on_with_the_one_before() -> None:
    grouping = Grouping()
    assert not grouping.goes_on("msg", START)
    own = said("anna")
    own.own = True
    grouping.place(own)
    assert grouping.goes_on("msg", START + 1)
    assert not grouping.goes_on("me", START + 1)
    assert not grouping.goes_on("msg", START + 1 + SCREEN_GROUP_S)
