from __future__ import annotations

import pytest

from sandpiper.common.limits import NAMES_SEEN
from sandpiper.common.messages import Member
from sandpiper.tui.port import RoomRequest
from sandpiper.tui.tab_state import TabState
from tests.tui.fake import OWN, FakeRoom


def entered(code: str | None = None) -> tuple[TabState, FakeRoom]:
    tab, room = TabState(RoomRequest("lobby", nick="anna"), "all"), FakeRoom(code or "lobby", code=code)
    tab.room, tab.name, tab.state = room, room.name, "open"
    return tab, room


def test_before_and_after_a_room_is_entered() -> None:
    tab = TabState(RoomRequest(create=True, nick="anna"), "all")
    assert (tab.name, tab.nick, tab.entered, tab.health) == ("new room", "anna", False, "warn")
    assert tab.status == "new room: getting ready …"
    tab.state, tab.words = "failed", "cannot reach it"
    assert (tab.health, tab.status) == ("bad", "cannot reach it. Enter tries again")
    tab.state = "left"
    assert tab.status == "left new room. Enter comes back"


@pytest.mark.parametrize(
    ("code", "path", "held", "status"),
    [
        (None, "bus", "", "lobby · broker localhost:5000, 1.2 ms, 1 to send"),
        (None, "offline", "", "lobby: not connected to localhost:5000, trying again, 1 to send"),
        ("pine-ocean-42", "offline", "", "pine-ocean-42: not connected to the others, trying again, 1 to send"),
        ("pine-ocean-42", "direct", "", "pine-ocean-42 · direct, 1.2 ms, 1 to send"),
        (None, "bus", "slow down", "lobby: slow down, trying again, 1 to send"),
    ],
)
def test_the_status_says_what_the_connection_does(code: str | None, path: str, held: str, status: str) -> None:
    tab, room = entered(code)
    room.path, tab.held = path, held
    tab.model.post("local 1", "msg", "mine", 0)
    assert tab.status == status
    assert tab.unsent == ["mine"]
    assert tab.health == ("warn" if held or path == "offline" else "good")


def test_who_spoke_last_is_completed_first_and_oneself_never() -> None:
    tab, _ = entered()
    tab.members = (Member("anna", OWN, True, "bus"), Member("carol", None, False, "bus"))
    for nick in ("bob", "eve", "bob"):
        tab.meet(nick)
    assert tab.nicks == ["bob", "eve", "carol"]
    for number in range(2 * NAMES_SEEN):
        tab.meet(f"n{number}")
    assert len(tab.nicks) == NAMES_SEEN + 1
