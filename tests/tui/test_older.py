"""The way back beyond what came with the room."""

from __future__ import annotations

from sandpiper.peer.events import Received
from sandpiper.tui.timeline_model import Record
from tests.tui.fake import FakeRoom
from tests.tui.stage import Stage, play


def _told(room: FakeRoom, count: int = 300, shown: int = 50) -> None:
    """So many messages, of which the newest come with the room."""
    room.log = [room.message("bob", f"number {number}.") for number in range(1, count + 1)]
    for message in room.log[-shown:]:
        room.happens(Received(message, backlog=True))


def test_pgup_at_the_top_brings_older_messages() -> None:
    room = FakeRoom()

    async def scene(stage: Stage) -> None:
        _told(room)
        await stage.shows("number 300.")
        while "number 1." not in stage.text:
            await stage.press("pageup")
            await stage.settle()
        shown = [entry.text for entry in stage.app.current.record if entry.message is not None]
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
        assert len(stage.app.current.record) >= 300
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
    record, whole = Record(most=60), Record()
    record.called("anna")
    whole.called("anna")
    for message in messages[80:]:
        record.message(message, old=True)
    for message in messages[40:]:
        whole.message(message, old=True)
    kept = record.at(0)
    assert record.prepend(messages[50:80], "") == 30
    assert record.at(0) is kept
    assert record.at(-30).text == "anna 50"
    assert (record.first, record.oldest, record.end) == (-30, -30, 20)
    assert record.mentions == list(range(-30, 20))
    assert record.begins == ("run", 51)
    assert record.prepend(messages[:50], "") == 10  # there is room for no more
    assert [(each.text, each.head, each.day) for each in record] == [(each.text, each.head, each.day) for each in whole]
    assert record.prepend(messages[:40], "") == 0
