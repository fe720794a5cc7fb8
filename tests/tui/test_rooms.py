"""Several rooms, and what goes wrong with them: shown where one looks, with the next thing to try."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandpiper.common.errors import (
    AccessDenied,
    Code,
    NoSuchRoom,
    PasswordNeeded,
    Refusal,
    Rejected,
    Removed,
    SandpiperError,
    Unreachable,
)
from sandpiper.common.messages import Lost, Trimmed, Whisper
from sandpiper.peer.events import Delivered, Entered, Failed, Held, PathChanged, Resumed
from sandpiper.tui.history import History
from sandpiper.tui.notify import Notifier
from sandpiper.tui.port import RoomRequest, ScreenSettings
from tests.tui.fake import START, FakeRoom, House, key
from tests.tui.stage import Stage, play


def test_the_first_frame_is_there_before_anything_is_connected() -> None:
    house = House(FakeRoom())
    house.gate.clear()

    async def scene(stage: Stage) -> None:
        await stage.shows("localhost:5000/lobby: knocking at localhost:5000/lobby …", "Write to")
        await stage.enters("typed already")
        await stage.shows("typed already …")
        house.gate.set()
        await stage.shows("typed already ✓", "lobby · broker localhost:5000, 1.2 ms")

    play(scene, house=house, wait=False)


NOBODY = Unreachable("nobody answers at localhost:5000; is `sandpiper broker` running?")


@pytest.mark.parametrize("error", [NOBODY, NoSuchRoom("nobody has that room"), Rejected("the room is full")])
def test_a_screen_whose_only_room_cannot_be_entered_closes_and_leaves_it_to_the_command_to_say_why(
    error: SandpiperError,
) -> None:
    async def scene(stage: Stage) -> None:
        await stage.until(lambda: stage.app.ended)

    app = play(scene, house=House(errors=[error]), wait=False)
    assert (app.exit_status, app.failure) == (error.exit_code, error)


def test_a_room_that_would_not_have_one_is_a_refusal_here_too() -> None:
    async def scene(stage: Stage) -> None:
        await stage.until(lambda: stage.app.ended)

    app = play(scene, house=House(errors=[Refusal(Code.INVALID, "invalid nick")]), wait=False)
    assert (app.exit_status, str(app.failure)) == (6, "invalid nick")


def test_who_has_typed_something_keeps_the_screen_and_tries_again_with_enter() -> None:
    house = House(FakeRoom(), errors=[NOBODY])
    house.gate.clear()

    async def scene(stage: Stage) -> None:
        await stage.shows("knocking")
        await stage.types("hello?")
        house.gate.set()
        await stage.shows("✗ nobody answers at localhost:5000", "Enter tries again")
        await stage.press("enter")
        await stage.shows("Enter on an empty line tries again")
        assert stage.app.composer.text == "hello?"
        stage.app.composer.set_text("")
        await stage.press("enter")
        await stage.shows("in lobby as anna")

    play(scene, house=house, wait=False)


async def type_and_take_back(stage: Stage) -> None:
    """While the room is being entered, which then fails: the screen stays for who has begun to use it."""
    await stage.shows("knocking")
    await stage.types("h")
    await stage.press("backspace")
    stage.house.gate.set()


def test_what_was_typed_and_taken_back_has_been_typed() -> None:
    house = House(errors=[NOBODY, NOBODY])
    house.gate.clear()

    async def scene(stage: Stage) -> None:
        await type_and_take_back(stage)
        await stage.shows("✗ nobody answers")
        await stage.press("enter")
        await stage.until(lambda: stage.text.count("✗ nobody answers") == 2)
        assert not stage.app.leaving

    play(scene, house=house, wait=False)


def test_other_rooms_keep_the_screen() -> None:
    house = House(errors=[NOBODY])
    house.gate.clear()

    async def scene(stage: Stage) -> None:
        await stage.shows("knocking")
        stage.app.open(RoomRequest("localhost:5000/ops"))
        await stage.until(lambda: len(house.requests) == 2)
        house.gate.set()
        await stage.until(lambda: stage.app.tabs[0].state == "failed" and stage.app.tabs[1].state == "open")
        assert not stage.app.leaving

    play(scene, house=house, wait=False)


def test_a_room_that_is_opened_later_says_what_is_wrong_where_one_looks() -> None:
    async def scene(stage: Stage) -> None:
        stage.house.errors.append(NoSuchRoom("nobody has that room"))
        stage.app.open(RoomRequest("pine-ocean-42"))
        await stage.shows("✗ nobody has that room", "Enter tries again")
        assert not stage.app.leaving

    play(scene)


def test_leaving_a_screen_on_which_no_room_was_ever_entered_says_why() -> None:
    house = House(errors=[NOBODY])
    house.gate.clear()

    async def scene(stage: Stage) -> None:
        await type_and_take_back(stage)
        await stage.shows("nobody answers")
        await stage.press("ctrl+d")

    app = play(scene, house=house, wait=False)
    assert (app.exit_status, app.failure) == (3, NOBODY)


def test_who_does_not_wait_is_told_nothing_more() -> None:
    house = House(errors=[NOBODY])
    house.gate.clear()

    async def scene(stage: Stage) -> None:
        await stage.shows("knocking")
        await stage.press("ctrl+c")
        await stage.until(lambda: stage.app.ended)

    app = play(scene, house=house, wait=False)
    assert (app.exit_status, app.failure) == (130, None)


def test_a_secret_is_asked_for_hidden_and_kept_nowhere(tmp_path: Path) -> None:
    denied = [AccessDenied("the broker asks for an access code"), AccessDenied("wrong access code; ask for it again")]
    house = House(FakeRoom(), errors=denied)

    async def scene(stage: Stage) -> None:
        await stage.shows("asks for an access code", "shown to nobody")
        await stage.types("sesam")
        await stage.shows("•••••▏")
        await stage.press("enter")
        await stage.shows("wrong access code")
        await stage.types("sesamee")
        await stage.press("backspace", "enter")
        await stage.shows("in lobby as anna")
        await stage.types("hi")
        await stage.shows("> hi")
        assert [request.secret for request in house.requests] == [None, "sesam", "sesame"]
        assert "sesam" not in stage.text
        assert "sesam" not in repr(house.requests)

    play(scene, house=house, wait=False, history=lambda: History(tmp_path))
    history = History(tmp_path)
    assert "sesame" not in str(history.recall("typed"))
    history.close()


def test_a_wrong_password_is_asked_for_again_as_the_rooms_password() -> None:
    denied = [PasswordNeeded(), AccessDenied("wrong code or password", asks_for="password")]
    house = House(FakeRoom(), errors=denied)

    async def scene(stage: Stage) -> None:
        await stage.shows("The room's password goes here")
        await stage.enters("open says me")
        await stage.shows("wrong code or password", "The room's password goes here")
        await stage.enters("open sesame")
        await stage.shows("in lobby as anna")

    play(scene, house=house, wait=False)


def test_a_broker_is_asked_with_an_access_code_not_with_a_password() -> None:
    async def scene(stage: Stage) -> None:
        await stage.shows("The broker's access code goes here")
        await stage.enters("sesame")
        await stage.shows("in lobby as anna")

    play(scene, house=House(FakeRoom(), errors=[AccessDenied("the broker asks for an access code")]), wait=False)


def test_a_wrong_code_of_a_room_without_a_password_asks_for_nothing_and_ends_as_the_command_does() -> None:
    error = AccessDenied("wrong code or password; ask for the code again", asks_for="")

    async def scene(stage: Stage) -> None:
        await stage.until(lambda: stage.app.ended or stage.app.secret_prompt.tab is not None)

    app = play(scene, house=House(errors=[error]), wait=False)
    assert app.secret_prompt.tab is None
    assert (app.exit_status, app.failure) == (4, error)


def test_a_wrong_code_beside_other_rooms_is_said_where_one_looks() -> None:
    async def scene(stage: Stage) -> None:
        stage.house.errors.append(AccessDenied("wrong code or password; ask for the code again", asks_for=""))
        stage.app.open(RoomRequest("pine-ocean-42"))
        await stage.shows("✗ wrong code or password; ask for the code again")
        assert stage.app.secret_prompt.tab is None
        assert not stage.app.leaving

    play(scene)


@pytest.mark.parametrize("key", ["escape", "enter"])
def test_giving_up_on_the_secret_of_the_only_room_closes_the_screen(key: str) -> None:
    error = AccessDenied("wrong code")

    async def scene(stage: Stage) -> None:
        await stage.shows("shown to nobody")
        await stage.press(key)
        await stage.until(lambda: stage.app.ended)

    app = play(scene, house=House(FakeRoom(), errors=[error]), wait=False)
    assert (app.exit_status, app.failure) == (4, error)


def test_giving_up_on_a_secret_beside_what_one_has_typed() -> None:
    house = House(FakeRoom(), errors=[AccessDenied("wrong code")])
    house.gate.clear()

    async def scene(stage: Stage) -> None:
        await stage.shows("knocking")
        await stage.types("/join elsewhere.example/den")
        house.gate.set()
        await stage.shows("shown to nobody")
        await stage.press("escape")
        await stage.hides("shown to nobody")
        await stage.press("enter")
        await stage.until(lambda: len(house.requests) == 2)
        await stage.shows("in den as anna")

    play(scene, house=house, wait=False)


def test_a_lost_connection_and_its_return() -> None:
    async def scene(stage: Stage) -> None:
        room = stage.room
        room.path = "offline"
        room.happens(PathChanged("offline", "the broker does not answer"))
        await stage.shows(
            "the broker does not answer; connecting again", "not connected to localhost:5000, trying again"
        )
        room.hold = True
        await stage.enters("meanwhile")
        await stage.shows("meanwhile …", "1 to send")
        room.path = "bus"
        room.happens(PathChanged("bus", ""), Entered("lobby", "anna", True))
        room.store()
        await stage.shows("back in lobby as anna", "meanwhile ✓")

    play(scene)


def test_what_is_held_up_says_why_and_when_it_goes_on() -> None:
    room = FakeRoom()

    async def scene(stage: Stage) -> None:
        room.hold = True
        await stage.enters("meanwhile")
        room.happens(Held("store", "its disk is full"))
        await stage.shows(
            "nothing is stored: its disk is full. What you write is kept", "its disk is full, trying again, 1 to send"
        )
        room.happens(Resumed())
        room.store()
        await stage.shows("what was held up is being stored again", "lobby · broker localhost:5000", "meanwhile ✓")

    play(scene, room)


def test_lost_trimmed_and_refused() -> None:
    room = FakeRoom()

    async def scene(stage: Stage) -> None:
        room.happens(Lost("lobby", None, 3), Trimmed("lobby", 100))
        await stage.shows("3 messages lost: nobody has them any more", "what is older than this has been removed")
        room.hold = True
        await stage.enters("too much")
        await stage.shows("too much …")
        name = room.unflushed[0][0]
        room.happens(Failed(name, "rate", "slow down"))
        await stage.shows("✗ not sent: slow down", "Up brings it back")
        room.unflushed.clear()
        await stage.press("up")
        assert stage.app.composer.text == "too much"
        room.refuse = Refusal(Code.TOO_LARGE, "too large; at most 56 KiB")
        await stage.press("enter")
        await stage.shows("✗ not sent: too large; at most 56 KiB")
        room.refuse = None
        room.happens(Failed("unknown", "store", "cannot be stored"))
        await stage.shows("not stored: cannot be stored")

    play(scene, room)


def test_delivered_without_a_place() -> None:
    room = FakeRoom()

    async def scene(stage: Stage) -> None:
        room.hold = True
        await stage.enters("long ago")
        await stage.shows("long ago …")
        room.happens(Delivered(room.unflushed.pop()[0], 0))
        await stage.shows("long ago ✓")

    play(scene, room)


def test_a_room_that_ends_says_why() -> None:
    async def scene(stage: Stage) -> None:
        stage.room.breaks(Removed("you were removed from the room; ask to be let in again"))
        await stage.shows("You were removed from lobby")
        await stage.shows("✗ you were removed from the room", "Enter tries again")
        await stage.press("enter")
        await stage.until(lambda: len(stage.house.requests) == 2)

    play(scene)


def test_drafts_and_places_stay_with_their_rooms() -> None:
    async def scene(stage: Stage) -> None:
        for number in range(100):
            stage.room.says("bob", f"line {number}.")
        await stage.shows("line 99.")
        await stage.press("pageup", "pageup")
        await stage.hides("line 99.")
        top = stage.app.timeline.place
        await stage.types("for the lobby")
        stage.app.open(RoomRequest("localhost:5000/ops"))
        await stage.shows("in ops as anna")
        assert stage.app.composer.text == ""
        await stage.types("for ops")
        await stage.press("alt+up")
        assert stage.app.composer.text == "for the lobby"
        assert stage.app.timeline.place == top
        await stage.press("alt+2")
        assert stage.app.composer.text == "for ops"
        await stage.press("alt+9")
        assert stage.app.current.name == "ops"

    play(scene)


def test_unread_counts_the_unread_line_and_mentions() -> None:
    async def scene(stage: Stage) -> None:
        stage.app.open(RoomRequest("localhost:5000/ops"))
        await stage.shows("in ops as anna")
        stage.room.says("bob", "seen by nobody")
        stage.room.says("bob", "anna: but you")
        await stage.shows("2 elsewhere: Alt+A", "@ 2")
        await stage.press("alt+a")
        await stage.shows("─── new ", "seen by nobody", "but you")
        await stage.hides("elsewhere")
        await stage.enters("read it")
        await stage.hides("─── new ")

    play(scene)


def test_who_rings_and_when(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        rang: list[str | None] = []
        notifier = Notifier(ScreenSettings())

        def ring(room: str, nick: str, text: str, now: float) -> str | None:
            if said := notifier.sequences(room, nick, text, now):
                rang.append(said)
            return said

        monkeypatch.setattr(stage.app._notifier, "sequences", ring)
        stage.app.open(RoomRequest("localhost:5000/ops"))
        await stage.shows("in ops as anna")
        lobby = stage.app.tabs[0]
        stage.room.says("bob", "no mention")
        stage.room.says("bob", "anna!")
        stage.room.says("bob", "anna!!")
        await stage.until(lambda: lobby.unread == 3)
        assert len(rang) == 1
        stage.time += 10
        lobby.notify = "none"
        stage.room.says("bob", "anna?")
        await stage.until(lambda: lobby.unread == 4)
        assert len(rang) == 1
        lobby.notify = "all"
        stage.room.says("bob", "anybody?")
        await stage.until(lambda: lobby.unread == 5)
        assert len(rang) == 2

    play(scene)


def test_whispers_are_told_apart() -> None:
    async def scene(stage: Stage) -> None:
        stage.room.happens(Whisper("bob", "anna", "psst", START, "lobby", "w-1", key("bob"), True))
        await stage.shows("@bob whispers to you", "psst")

    play(scene)


def test_comings_and_goings_take_one_line() -> None:
    async def scene(stage: Stage) -> None:
        for number in range(9):
            stage.room.joins(f"m{number}")
        stage.room.leaves("m0")
        await stage.shows("m0, m1, m2, m3, m4, m5 and 3 others joined · m0 left")
        await stage.shows("Here 9")

    play(scene)


def test_the_members_show_path_time_and_who_only_looks_like_another() -> None:
    async def scene(stage: Stage) -> None:
        stage.room.joins("bob", "lan", 0.4)
        stage.room.joins("b\u043eb", "relay", 41.0, verified=False)
        stage.room.joins("eve", "none", None)
        await stage.shows("● bob ✓", "LAN 0.4", "! ~b\u043eb", "like bob", "eve", "none")

    play(scene)


def test_history_comes_first_dimmed_and_the_backlog_is_not_doubled(tmp_path: Path) -> None:
    first = FakeRoom()

    async def talk(stage: Stage) -> None:
        first.says("bob", "one")
        await stage.enters("two")
        await stage.shows("two ✓")
        await stage.enters("/notify all")
        await stage.shows("every message rings")
        await stage.enters("/theme light")
        await stage.types("never sent")

    play(talk, first, history=lambda: History(tmp_path), theme="")
    again = FakeRoom()
    for message in [first.message("bob", "one"), first.message("anna", "two")]:
        message.seq -= 2
        again.says(message.nick, message.text, backlog=True)
    again.seq = 2
    again.says("bob", "three", backlog=True)

    async def back(stage: Stage) -> None:
        await stage.shows("one", "two", "three", "never sent")
        assert stage.text.count("two") == 1
        assert stage.app.current.model.at(stage.app.current.model.first).old
        assert stage.app.current.notify == "all"
        assert stage.app.palette.name == "light"
        await stage.press("ctrl+c")

    play(back, again, history=lambda: History(tmp_path), theme="")


def test_history_comes_after_a_secret_too(tmp_path: Path) -> None:
    async def talk(stage: Stage) -> None:
        stage.room.says("bob", "long ago")
        await stage.shows("long ago")

    async def back(stage: Stage) -> None:
        await stage.shows("shown to nobody")
        await stage.enters("sesame")
        await stage.shows("long ago", "in lobby as anna")

    play(talk, FakeRoom(), history=lambda: History(tmp_path))
    denied = House(FakeRoom(), errors=[AccessDenied("the broker asks for an access code")])
    play(back, house=denied, wait=False, history=lambda: History(tmp_path))


def test_what_is_unsent_when_it_ends_is_a_draft_the_next_time(tmp_path: Path) -> None:
    room = FakeRoom()

    async def scene(stage: Stage) -> None:
        room.hold = True
        await stage.enters("unsent")
        await stage.shows("unsent …")
        await stage.types("and this")
        await stage.press("ctrl+c", "ctrl+c")

    play(scene, room, history=lambda: History(tmp_path))

    async def again(stage: Stage) -> None:
        await stage.until(lambda: stage.app.composer.text == "unsent\nand this")

    play(again, FakeRoom(), history=lambda: History(tmp_path))


def test_a_room_that_could_not_be_opened_is_there_no_more_once_one_looks_at_another() -> None:
    house = House(FakeRoom(), FakeRoom("tea"))

    async def scene(stage: Stage) -> None:
        house.errors = [Rejected("a room has at most 32 characters"), NOBODY]
        await stage.enters("/join tpyo")
        await stage.shows("a room has at most 32 characters")
        await stage.enters("/join tea")  # nobody answers: it can be tried again
        await stage.shows("nobody answers")
        assert [tab.name for tab in stage.app.tabs] == ["lobby", "tea"]
        await stage.enters("")
        await stage.shows("in tea as")
        await stage.press("alt+up")
        assert [tab.name for tab in stage.app.tabs] == ["lobby", "tea"]

    play(scene, house=house)
