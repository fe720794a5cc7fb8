from __future__ import annotations

from sandpiper.common.messages import Member
from sandpiper.tui.port import RoomRequest
from sandpiper.tui.surroundings import left_words, right_end, sidebar_rooms
from sandpiper.tui.tab_state import TabState
from tests.tui.fake import FakeRoom


def tabs(*names: str) -> list[TabState]:
    return [TabState(RoomRequest(name), "all") for name in names]


def test_rooms_beside_the_timeline() -> None:
    here, other = tabs("lobby", "ops")
    other.unread, other.mentioned, other.notify = 3, True, "none"
    first, second = sidebar_rooms([here, other], here)
    assert (first.name, first.current, first.unread) == ("lobby", True, 0)
    assert (second.name, second.current, second.unread, second.mentioned, second.quiet) == (
        "ops",
        False,
        3,
        True,
        True,
    )


def test_the_right_end_of_the_last_line() -> None:
    here, other = tabs("lobby", "ops")
    assert right_end([here, other], here, 0, beside=True) == (("F1 help", "faint"),)
    other.unread, other.mentioned = 3, True
    here.members = (Member("bob", None, False, "bus"),)
    words = [text for text, _ in right_end([here, other], here, 2, beside=False)]
    assert words == ["2 new below: Ctrl+End", "   ", "@ 3 elsewhere: Alt+A", "   ", "1 here"]


def test_what_becomes_of_a_room_that_is_left() -> None:
    [tab] = tabs("lobby")
    assert left_words(tab) == ""
    tab.room = FakeRoom()
    assert left_words(tab).endswith("to come back: /join localhost:5000/lobby")
    room = tab.room = FakeRoom("pine-ocean-42", code="pine-ocean-42")
    room.alone = True
    assert "is gone" in left_words(tab)
