from __future__ import annotations

import pytest

from sandpiper.common.legacy import RoomCreated
from sandpiper.common.limits import SCREEN_MEMBERS_SETTLE_S
from sandpiper.common.messages import Found, Lost, Message, Notice, Trimmed, Whisper
from sandpiper.peer.events import (
    CodeChanged,
    Delivered,
    Entered,
    Event,
    Failed,
    Held,
    PathChanged,
    Received,
    Resumed,
    Warned,
)
from sandpiper.tui.port import RoomRequest
from sandpiper.tui.tab_events import TabEvents
from sandpiper.tui.tab_state import TabState
from sandpiper.tui.timeline_entry import TimelineEntry
from tests.tui.fake import OWN, START, FakeRoom, key


class Scene:
    """A room's state, and what its events have told."""

    def __init__(self, code: str | None = None) -> None:
        self.tab = TabState(RoomRequest("lobby", nick="anna"), "mentions")
        self.room = self.tab.room = FakeRoom(code or "lobby", code=code)
        self.kept: list[Message] = []
        self.heard: list[TimelineEntry] = []
        self.events = TabEvents(self.tab, self.kept.append, lambda code, _: f"join {code}", self.heard.append)

    def happens(self, *events: Event) -> list[tuple[str, str]]:
        for event in events:
            self.events.handle(event, float(START), 100.0)
        return [(entry.kind, entry.text) for entry in self.tab.model]


def test_messages_are_kept_shown_and_told_of() -> None:
    scene = Scene()
    message = scene.room.message("bob", "hello")
    assert scene.happens(Received(message)) == [("msg", "hello")]
    assert scene.kept == [message]
    assert [entry.text for entry in scene.heard] == ["hello"]
    assert scene.tab.nicks == ["bob"]
    scene.happens(Received(scene.room.message("bob", "before"), backlog=True))
    assert len(scene.heard) == 1


def test_what_had_been_lost_is_told_of_as_what_is_new() -> None:
    scene = Scene()
    scene.happens(Received(scene.room.message("bob", "first"), late=True))
    assert len(scene.heard) == len(scene.kept) == 1


def test_an_ignored_person_is_not_told_of() -> None:
    scene = Scene()
    scene.tab.model.ignored.ignore("bob", [key("bob")])
    scene.happens(Received(scene.room.message("bob", "hello")))
    assert scene.heard == []
    assert len(scene.kept) == 1


@pytest.mark.parametrize(
    ("event", "kind", "words"),
    [
        (Lost("lobby", None, 3), "bad", "3 messages lost"),
        (Found("lobby", None, 3), "note", "3 messages told to be lost, here after all"),
        (Trimmed("lobby", 7), "note", "older than this has been removed"),
        (Warned("key", "bob has another key"), "bad", "bob has another key"),
        (Warned("clock", "your clock is late"), "warn", "your clock is late"),
        (Failed("id", "too_large", "too large"), "bad", "not stored: too large"),
        (PathChanged("offline", "no route"), "warn", "no route; connecting again"),
        (PathChanged("relay", "by a relay now"), "note", "by a relay now"),
        (Entered("lobby", "anna"), "note", "in lobby as anna"),
    ],
)
def test_what_a_room_tells_is_a_line(event: Event, kind: str, words: str) -> None:
    [(said, text)] = Scene().happens(event)
    assert said == kind
    assert words in text


def test_codes_come_with_the_line_for_others() -> None:
    assert Scene("pine-ocean-42").happens(RoomCreated("pine-ocean-42", 0))[-1] == ("note", "join pine-ocean-42")
    told = Scene("pine-ocean-42").happens(CodeChanged("maple-river-7", "new"))
    assert "maple-river-7, and the password new" in told[0][1]
    assert told[1] == ("note", "join maple-river-7")


def test_what_is_held_up_is_so_until_it_goes_on() -> None:
    scene = Scene()
    scene.happens(Held("rate", "slow down"))
    assert (scene.tab.held, scene.tab.health) == ("slow down", "warn")
    scene.happens(Resumed())
    assert scene.tab.held == ""


def test_who_comes_and_goes_is_asked_for_soon_but_ones_own_window_says_nothing() -> None:
    scene = Scene()
    scene.tab.members_due = 1000.0
    scene.happens(Notice("bob joined", START, "lobby", "join", "bob", None, key("bob")))
    assert scene.tab.members_due == 100.0 + SCREEN_MEMBERS_SETTLE_S
    assert [entry.people for entry in scene.tab.model] == [(("join", "bob"),)]
    scene.happens(Notice("anna left", START, "lobby", "leave", "anna", None, OWN))
    assert len(scene.tab.model) == 1


def test_own_messages_and_whispers() -> None:
    scene = Scene()
    scene.tab.model.post("local 1", "msg", "mine", START)
    scene.tab.model.posted("local 1", "id-1")
    scene.happens(Delivered("id-1", 1))
    assert [entry.mark for entry in scene.tab.model.pending.values()] == ["✓"]
    scene.happens(Whisper("bob", "anna", "psst", START, "lobby", "w", key("bob"), True))
    assert scene.heard[-1].kind == "whisper"
