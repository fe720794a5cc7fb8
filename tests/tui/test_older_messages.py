"""The way back beyond what came with the room."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec.structs import replace

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.messages import Message
from sandpiper.peer.events import Received
from sandpiper.tui.history import History
from sandpiper.tui.older_messages import OlderMessages
from sandpiper.tui.timeline_model import TimelineModel
from tests.tui.fake import FakeRoom
from tests.tui.stage import Stage, play


def _told(room: FakeRoom, count: int = 300, shown: int = 50) -> None:
    """So many messages, of which the newest come with the room."""
    room.log = [room.message("bob", f"number {number}.") for number in range(1, count + 1)]
    for message in room.log[-shown:]:
        room.happens(Received(message, backlog=True))


def test_ctrl_home_brings_older_messages_above_the_first() -> None:
    room = FakeRoom()

    async def scene(stage: Stage) -> None:
        _told(room)
        await stage.shows("number 300.")
        await stage.press("ctrl+home")
        await stage.shows("number 251.")
        await stage.settle()
        assert room.pages == 1
        assert next(entry.text for entry in stage.app.current.model if entry.message is not None) == "number 201."

    play(scene, room)


def test_pgup_at_the_top_brings_older_messages() -> None:
    room = FakeRoom()

    async def scene(stage: Stage) -> None:
        _told(room)
        await stage.shows("number 300.")
        while "number 1." not in stage.text:
            await stage.press("pageup")
            await stage.settle()
        shown = [entry.text for entry in stage.app.current.model if entry.message is not None]
        assert shown == [f"number {number}." for number in range(1, 301)]
        pages = room.pages
        await stage.press("pageup", "pageup")
        await stage.settle()
        assert room.pages == pages
        await stage.press("ctrl+end")
        await stage.shows("number 300.")
        await stage.enters("and one's own")
        await stage.shows("and one's own ✓")

    play(scene, room)


def test_a_search_goes_on_in_the_log() -> None:
    room = FakeRoom()

    async def scene(stage: Stage) -> None:
        _told(room)
        await stage.shows("number 300.")
        await stage.enters("/search number 7.")
        await stage.shows("number 7.", "number 8.")
        await stage.press("escape")
        await stage.enters("/search not to be found")
        await stage.shows("nothing found")
        assert len(stage.app.current.model) >= 300
        await stage.press("escape")
        await stage.press("ctrl+end")
        await stage.enters("/search number 299.")
        await stage.shows("number 299.")

    play(scene, room)


def test_what_is_cleared_away_stays_so() -> None:
    room = FakeRoom()

    async def scene(stage: Stage) -> None:
        _told(room)
        await stage.shows("number 300.")
        await stage.enters("/clear")
        await stage.hides("number 300.")
        await stage.press("pageup")
        await stage.settle()
        assert "number" not in stage.text

    play(scene, room)


def test_older_entries_keep_the_serials_of_the_others_and_have_a_bound() -> None:
    room = FakeRoom()
    messages = [room.message("bob" if number % 5 else "cleo", f"anna {number}") for number in range(100)]
    model, whole = TimelineModel(most=60), TimelineModel()
    model.called("anna")
    whole.called("anna")
    for message in messages[80:]:
        model.message(message, old=True)
    for message in messages[40:]:
        whole.message(message, old=True)
    kept = model.at(0)
    assert model.prepend(messages[50:80], "") == 30
    assert model.at(0) is kept
    assert model.at(-30).text == "anna 50"
    assert (model.first, model.oldest, model.end) == (-30, -30, 20)
    assert model.mentions == list(range(-30, 20))
    assert model.begins == messages[50]
    assert model.prepend(messages[:50], "") == 10  # there is room for no more
    assert [(each.text, each.head, each.day) for each in model] == [(each.text, each.head, each.day) for each in whole]
    assert model.prepend(messages[:40], "") == 0


def test_what_fills_the_hole_stands_before_what_was_kept(tmp_path: Path) -> None:
    """A room of 400, of which 100 were seen the last time, and the newest 50 come with the room."""
    room, history = FakeRoom(), History(tmp_path)
    seen = [room.message("bob", f"number {number}.") for number in range(1, 101)]
    for message in seen:
        history.add("localhost:5000/lobby", message)
    room.log = [*seen, *(room.message("bob", f"number {number}.") for number in range(101, 401))]

    async def scene(stage: Stage) -> None:
        for message in room.log[-50:]:
            room.happens(Received(message, backlog=True))
        await stage.shows("number 400.")
        assert numbers(stage) == list(range(351, 401)), "what is not next to it is not shown as if it were"
        await up(stage, "number 1.")
        assert numbers(stage) == list(range(1, 401))
        await stage.enters("/search number 77.")
        await stage.shows("number 77.")

    play(scene, room, history=lambda: history)


def test_a_hole_that_nobody_can_fill_is_marked(tmp_path: Path) -> None:
    room, history = FakeRoom(), History(tmp_path)
    seen = [room.message("bob", f"number {number}.") for number in range(1, 41)]
    for message in seen:
        history.add("localhost:5000/lobby", message)
    room.seq = 300
    room.log = [room.message("bob", f"number {number}.") for number in range(301, 401)]
    room.no_older = "older messages are gone: the broker keeps the newest 100"

    async def scene(stage: Stage) -> None:
        for message in room.log[-50:]:
            room.happens(Received(message, backlog=True))
        await stage.shows("number 400.")
        await up(stage, "number 1.")
        assert numbers(stage) == [*range(1, 41), *range(301, 401)]
        said = [entry.text for entry in stage.app.current.model if entry.kind == "note"]
        mark = "older messages are gone: the broker keeps the newest 100. What stands above was kept on this machine"
        assert said.count(mark) == 1
        texts = [entry.text for entry in stage.app.current.model]
        assert (texts.index("number 40."), texts.index(mark), texts.index("number 301.")) == (39, 40, 41)

    play(scene, room, history=lambda: history)


def test_a_hole_in_what_was_kept_is_found_at_the_next_start(tmp_path: Path) -> None:
    room, history = FakeRoom(), History(tmp_path)
    room.log = [room.message("bob", f"number {number}.") for number in range(1, 201)]
    for message in room.log[:30] + room.log[150:]:
        history.add("localhost:5000/lobby", message)

    async def scene(stage: Stage) -> None:
        for message in room.log[-10:]:
            room.happens(Received(message, backlog=True))
        await stage.shows("number 200.")
        assert numbers(stage) == list(range(151, 201))
        await up(stage, "number 1.")
        assert numbers(stage) == list(range(1, 201))

    play(scene, room, history=lambda: history)


def test_nothing_missing_nothing_taken_away(tmp_path: Path) -> None:
    room, history = FakeRoom(), History(tmp_path)
    room.log = [room.message("bob", f"number {number}.") for number in range(1, 61)]
    for message in room.log[:50]:
        history.add("localhost:5000/lobby", message)

    async def scene(stage: Stage) -> None:
        for message in room.log[-20:]:
            room.happens(Received(message, backlog=True))
        await stage.shows("number 60.")
        assert numbers(stage) == list(range(1, 61))

    play(scene, room, history=lambda: history)


def test_where_nothing_older_comes_it_is_said_why() -> None:
    room = FakeRoom("pine-ocean-42", code="pine-ocean-42")
    room.no_older = "older messages are not given to those who join later"

    async def scene(stage: Stage) -> None:
        await stage.enters("/join pine-ocean-42")
        await stage.shows("in pine-ocean-42")
        await stage.press("pageup")
        await stage.shows(room.no_older)
        await stage.press("escape")
        await stage.hides(room.no_older)
        room.log = [room.message("bob", "they came back and had it")]
        room.joins("bob")
        await stage.shows("bob joined")
        await stage.press("pageup")
        await stage.shows("they came back and had it")

    play(scene, room)


def test_esc_stops_a_search_that_goes_on_and_on() -> None:
    room = FakeRoom()
    gate = asyncio.Event()

    async def scene(stage: Stage) -> None:
        _told(room, 3000)
        await stage.shows("number 3000.")
        older = room.older

        async def slow(before: int | Message | None) -> list[Message]:
            await gate.wait()
            return await older(before)

        room.older = slow  # type: ignore[method-assign]
        await stage.enters("/search nowhere")
        await stage.shows("looking further back, before 2025-03-04", "Esc stops")
        await stage.press("escape")
        gate.set()
        await stage.hides("looking further back")
        await stage.until(lambda: not stage.app.current.looking_back)
        await stage.settle()
        assert room.pages <= 1

    play(scene, room)


def test_a_search_that_cannot_go_on_says_so() -> None:
    room = FakeRoom()

    async def scene(stage: Stage) -> None:
        _told(room)
        await stage.shows("number 300.")

        async def refuses(before: int | Message | None) -> list[Message]:
            raise Refusal(Code.CLOSING, "not connected")

        room.older = refuses  # type: ignore[method-assign]
        await stage.enters("/search nowhere")
        await stage.shows("nothing found (not connected)")

    play(scene, room)


def numbers(stage: Stage) -> list[int]:
    texts = [entry.text for entry in stage.app.current.model if entry.message is not None]
    return [int(text.removeprefix("number ").rstrip(".")) for text in texts]


async def up(stage: Stage, text: str) -> None:
    """Pages up until it stands there."""
    for _ in range(100):
        if text in stage.text:
            return
        await stage.press("pageup")
        await stage.settle()
        await stage.until(lambda: not stage.app.current.looking_back)
    raise AssertionError(f"{text} does not come\n{stage.text}\n{stage.app.current.older.why}")


def test_between_peers_each_log_may_have_a_hole_and_what_the_room_told_of_stays() -> None:
    room, model = FakeRoom(code="pine-ocean-42"), TimelineModel()
    before = OlderMessages(model)

    def said(run: str, seq: int) -> Message:
        return replace(room.message("bob", f"{run} {seq}"), run=run, seq=seq)

    kept = [said(run, seq) for seq in range(1, 6) for run in ("a", "b")]
    before.stored(kept, "", one_log=False)
    assert len(model) == 10
    news = [said("c", 7), said("a", 5), said("a", 6), said("b", 9)]  # c is new, a goes on, of b 6 to 8 are missing
    for message in news:
        before.heard(message, one_log=False)
        model.message(message, old=True)
    assert [entry.text for entry in model] == ["a 5", "c 7", "a 6", "b 9"]
    assert [entry.serial for entry in model] == [9, 10, 11, 12]
    assert [model.at(serial).text for serial in range(model.oldest, model.end)] == ["a 5", "c 7", "a 6", "b 9"]
    assert model.prepend([*kept, said("b", 6)], "") == 10  # all but a 5, which is here
    assert model._bytes == sum(entry.size for entry in model)
