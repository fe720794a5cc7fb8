from __future__ import annotations

import pytest
from textual.events import Key, Paste

from sandpiper.common.errors import AccessDenied
from tests.tui.fake import FakeRoom, House
from tests.tui.stage import Stage, play


def test_enter_sends_and_the_mark_says_when_it_is_stored() -> None:
    room = FakeRoom()

    async def scene(stage: Stage) -> None:
        room.hold = True
        await stage.enters("hello, world")
        await stage.shows("hello, world …", "1 to send")
        room.store()
        await stage.shows("hello, world ✓")
        await stage.hides("to send")

    play(scene, room)


@pytest.mark.parametrize("key", ["alt+enter", "shift+enter", "ctrl+j"])
def test_a_new_line(key: str) -> None:
    async def scene(stage: Stage) -> None:
        await stage.types("one")
        await stage.press(key)
        await stage.types("two")
        assert stage.app.composer.text == "one\ntwo"
        await stage.press("enter")
        await stage.shows("▎one", "▎two ✓")

    play(scene)


def test_keys_that_nothing_is_bound_to_leave_the_input_as_it_is() -> None:
    async def scene(stage: Stage) -> None:
        await stage.types("ab")
        for key, character in (("alt+z", "z"), ("alt+shift+q", "Q"), ("alt+é", "é"), ("ctrl+e", "e")):
            stage.app.post_message(Key(key, character))
        await stage.types("c")
        assert stage.app.composer.text == "abc"

    play(scene)


def test_a_secret_is_typed_without_alt_too() -> None:
    async def scene(stage: Stage) -> None:
        await stage.shows("shown to nobody")
        await stage.types("ab")
        stage.app.post_message(Key("alt+z", "z"))
        await stage.press("enter")
        await stage.until(lambda: len(stage.house.requests) == 2)
        assert stage.house.requests[-1].secret == "ab"

    play(scene, house=House(FakeRoom(), errors=[AccessDenied("wrong code")]), wait=False)


def test_up_and_down_bring_back_what_one_sent_and_then_the_draft() -> None:
    async def scene(stage: Stage) -> None:
        await stage.enters("first")
        await stage.enters("second")
        await stage.types("draft")
        await stage.press("up")
        assert stage.app.composer.text == "second"
        await stage.press("up", "up")
        assert stage.app.composer.text == "first"
        await stage.press("down", "down")
        assert stage.app.composer.text == "draft"
        await stage.press("down")
        assert stage.app.composer.text == "draft"

    play(scene)


def test_reverse_search() -> None:
    async def scene(stage: Stage) -> None:
        for line in ("deploy alpha", "look", "deploy beta"):
            await stage.enters(line)
        await stage.types("draft")
        await stage.press("ctrl+r")
        await stage.types("deploy")
        await stage.shows("Sent before: deploy beta")
        await stage.press("ctrl+r")
        await stage.shows("Sent before: deploy alpha")
        await stage.press("enter")
        assert stage.app.composer.text == "deploy alpha"
        stage.app.composer.set_text("draft")
        await stage.press("ctrl+r")
        await stage.types("zzz")
        await stage.shows("nothing like that")
        await stage.press("escape")
        assert stage.app.composer.text == "draft"

    play(scene)


def test_tab_completes_commands_nicks_and_code_words() -> None:
    async def scene(stage: Stage) -> None:
        stage.room.joins("Beatrix")
        stage.room.joins("bernd")
        await stage.until(lambda: len(stage.app.current.members) == 3)
        await stage.types("/ver")
        await stage.press("tab")
        assert stage.app.composer.text == "/verify "
        await stage.types("bea")
        await stage.press("tab")
        assert stage.app.composer.text == "/verify Beatrix "
        stage.app.composer.set_text("")
        await stage.types("be")
        await stage.press("tab")
        first = stage.app.composer.text
        await stage.shows("Beatrix", "bernd", "▸")
        await stage.press("tab")
        assert {first, stage.app.composer.text} == {"Beatrix: ", "bernd: "}
        await stage.press("shift+tab")
        assert stage.app.composer.text == first
        await stage.press("escape")
        assert stage.app.composer.text == "be"
        stage.app.composer.set_text("")
        await stage.types("/join pine-oc")
        await stage.press("tab")
        assert stage.app.composer.text == "/join pine-ocean-"
        stage.app.composer.set_text("")
        await stage.types("/n")
        await stage.press("tab")
        await stage.shows("/nick NAME", "take another nick", "/notify")

    play(scene, words=("pine", "ocean", "maple"))


def test_a_paste_of_many_lines_asks_first() -> None:
    async def scene(stage: Stage) -> None:
        text = "\n".join(f"line {number}" for number in range(12))
        stage.app.composer.post_message(Paste(text))
        await stage.shows("Paste 12 lines")
        await stage.press("escape")
        await stage.hides("Paste 12 lines")
        assert stage.app.composer.text == ""
        stage.app.composer.post_message(Paste(text))
        await stage.shows("Paste 12 lines")
        await stage.press("enter")
        assert stage.app.composer.text == text
        stage.app.composer.set_text("")
        stage.app.composer.post_message(Paste("two\r\nlines\x1b[2J\u202e"))
        await stage.until(lambda: stage.app.composer.text == "two\nlines␛[2J\u202e")

    play(scene)


@pytest.mark.parametrize(
    ("pasted", "asked", "text"),
    [
        ("line\n" * 12, "Paste 12 lines, 59 characters?", "line\n" * 11 + "line"),
        ("one\r\ntwo\r\n\r\n", "", "one\ntwo"),
        ("one\ntwo\nthree\nfour\n", "", "one\ntwo\nthree\nfour"),
        ("just one\n", "", "just one"),
        ("\n  indented\n", "", "\n  indented"),
    ],
)
def test_a_paste_ends_with_its_last_line(pasted: str, asked: str, text: str) -> None:
    async def scene(stage: Stage) -> None:
        stage.app.composer.post_message(Paste(pasted))
        if asked:
            await stage.shows(asked)
            await stage.press("enter")
        await stage.until(lambda: stage.app.composer.text == text)

    play(scene)


def test_scrolling() -> None:
    async def scene(stage: Stage) -> None:
        for number in range(300):
            stage.room.says("bob", f"line {number}.")
        await stage.shows("line 299.")
        await stage.press("pageup")
        await stage.hides("line 299.")
        stage.room.says("bob", "something new")
        await stage.shows("1 new below: Ctrl+End")
        assert "something new" not in stage.text
        await stage.press("ctrl+home")
        await stage.shows("line 0.", "Tuesday 4 March 2025", "nothing older")
        await stage.press("escape")  # that there is nothing older has been read
        await stage.press("shift+down")
        await stage.press("pagedown")
        await stage.hides("line 0.")
        await stage.press("ctrl+end")
        await stage.shows("something new")
        await stage.press("pageup")
        await stage.press("escape")
        await stage.shows("something new")
        await stage.press("shift+up", "shift+up")
        await stage.press("pagedown")
        assert stage.app.timeline.following

    play(scene)


def test_the_last_mention_and_those_before() -> None:
    async def scene(stage: Stage) -> None:
        await stage.press("alt+m")
        await stage.shows("Nobody has mentioned you here")
        stage.room.says("bob", "anna, the first")
        for number in range(100):
            stage.room.says("bob", f"filler {number}.")
        stage.room.says("bob", "@anna the second")
        for number in range(100, 200):
            stage.room.says("bob", f"filler {number}.")
        await stage.shows("filler 199.")
        await stage.press("alt+m")
        await stage.shows("the second")
        await stage.press("alt+m")
        await stage.shows("the first")
        await stage.press("alt+m")
        await stage.shows("That was the first")

    play(scene)


def test_copying_with_the_keyboard() -> None:
    async def scene(stage: Stage) -> None:
        stage.room.says("bob", "first **line**\nand more")
        stage.room.says("bob", "second line")
        await stage.shows("second line")
        await stage.press("alt+c")
        await stage.shows("Copy: Up and Down")
        await stage.press("up")
        await stage.press("enter")
        await stage.shows("Copied")
        assert stage.app.clipboard == "first **line**\nand more"

    play(scene)


def test_copying_with_the_mouse_takes_the_text_and_not_the_gutter() -> None:
    async def scene(stage: Stage) -> None:
        stage.room.says("bob", "a long line that is going to be wrapped " * 3)
        stage.room.says("bob", "second")
        await stage.shows("second")
        timeline = stage.app.timeline
        height = timeline.size.height
        await stage.pilot.mouse_down(timeline, offset=(8, height - 3))
        await stage.pilot.hover(timeline, offset=(13, height - 1))
        await stage.pilot.mouse_up(timeline, offset=(13, height - 1))
        await stage.press("ctrl+c")
        await stage.shows("Copied")
        first, second = stage.app.clipboard.split("\n")
        assert first == ("a long line that is going to be wrapped " * 3).strip()
        assert second == "second"

    play(scene, size=(100, 24))


def test_the_side() -> None:
    async def scene(stage: Stage) -> None:
        await stage.shows("Rooms", "Here 1")
        await stage.press("f2")
        await stage.hides("Rooms")
        await stage.press("f2")
        await stage.shows("Rooms")
        await stage.pilot.resize_terminal(40, 20)
        await stage.hides("Rooms")
        await stage.press("f2")
        await stage.shows("Rooms", "anna")
        await stage.press("escape")
        await stage.hides("Rooms")
        await stage.until(lambda: stage.app.composer.has_focus)
        await stage.types("still")
        await stage.shows("still")
        await stage.press("f2")
        await stage.shows("Rooms")
        await stage.types("!")
        await stage.hides("Rooms")
        await stage.shows("still!")

    play(scene)


def test_f1_is_help() -> None:
    async def scene(stage: Stage) -> None:
        await stage.press("f1")
        await stage.shows("/quit")

    play(scene, size=(100, 50))


@pytest.mark.parametrize(("key", "status"), [("ctrl+c", 130), ("ctrl+d", 0)])
def test_leaving(key: str, status: int) -> None:
    async def scene(stage: Stage) -> None:
        await stage.press(key)
        await stage.until(lambda: stage.room.closed)

    assert play(scene).exit_status == status


def test_ctrl_q_is_no_way_out() -> None:
    async def scene(stage: Stage) -> None:
        await stage.types("my text")
        await stage.press("ctrl+s", "ctrl+q")
        await stage.types(" goes on")
        await stage.press("enter")
        await stage.until(lambda: stage.room.posted == ["my text goes on"])
        assert not stage.room.closed

    play(scene)


def test_what_is_cut_goes_by_lines_and_not_by_rows_and_comes_back() -> None:
    async def scene(stage: Stage) -> None:
        composer = stage.app.composer
        long = "word " * 60
        composer.set_text(f"first\n{long}")
        await stage.press("ctrl+u")
        assert composer.text == "first\n"
        await stage.types("/who")
        await stage.press("ctrl+y")
        assert composer.text == f"first\n/who{long}"
        composer.set_text(f"one two three {long}\nlast")
        composer.move_cursor((0, 4))
        await stage.press("ctrl+k")
        assert composer.text == "one \nlast"
        await stage.press("ctrl+k", "ctrl+k", "ctrl+y")  # the line's end too, and all of it as one
        assert composer.text == f"one two three {long}\nlast"
        composer.set_text("one two three")
        await stage.press("ctrl+w", "ctrl+w", "home", "ctrl+y")
        assert composer.text == "two threeone "
        await stage.press("home", "alt+d", "end", "ctrl+y")
        assert composer.text == " threeone two"

    play(scene)


def test_ctrl_x_cuts_what_is_selected_only() -> None:
    async def scene(stage: Stage) -> None:
        await stage.types("one two")
        await stage.press("ctrl+x")
        assert stage.app.composer.text == "one two"
        await stage.press("shift+home", "ctrl+x")
        assert stage.app.composer.text == ""
        assert stage.app.clipboard == "one two"

    play(scene)


def test_ctrl_d_deletes_where_something_is_typed() -> None:
    async def scene(stage: Stage) -> None:
        await stage.types("ab")
        await stage.press("home", "ctrl+d")
        assert stage.app.composer.text == "b"
        assert not stage.room.closed

    play(scene)


def test_a_second_ctrl_c_does_not_wait() -> None:
    room = FakeRoom()

    async def scene(stage: Stage) -> None:
        room.hold = True
        await stage.enters("unsent")
        await stage.shows("unsent …")
        await stage.press("ctrl+c")
        await stage.shows("Ctrl+C does not wait")
        await stage.press("ctrl+c")
        await stage.until(lambda: stage.app.exit_status == 130)

    app = play(scene, room)
    assert app.tabs[0].unsent == ["unsent"]


def test_the_edges_of_the_input() -> None:
    async def scene(stage: Stage) -> None:
        stage.app.composer.set_text("x" * 16_000)
        await stage.types("y")
        assert len(stage.app.composer.text) == 16_000
        stage.app.composer.set_text("")
        await stage.press("enter")
        await stage.types(" ")
        await stage.press("enter")
        assert stage.room.seq == 0
        stage.app.composer.set_text("")
        await stage.types("one two")
        await stage.press("ctrl+w")
        assert stage.app.composer.text == "one "
        await stage.press("ctrl+underscore")
        assert stage.app.composer.text == "one two"
        await stage.press("home", "ctrl+k")
        assert stage.app.composer.text == ""

    play(scene)
