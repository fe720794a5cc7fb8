from __future__ import annotations

from sandpiper.chat.look_alikes import LookAlikes
from sandpiper.tui.entry_rows import EntryRows, row_number
from sandpiper.tui.renderer import Renderer
from sandpiper.tui.themes import DARK, Styles
from sandpiper.tui.timeline_model import TimelineModel
from tests.tui.fake import START, FakeRoom


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def made(count: int) -> tuple[EntryRows, TimelineModel, Clock]:
    room, model, clock = FakeRoom(), TimelineModel(), Clock()
    for number in range(count):
        model.message(room.message("bob", f"line {number}", at=START))
    rows = EntryRows(Renderer(Styles(DARK), LookAlikes()), model, clock)
    rows.allow(1.0, 60)
    return rows, model, clock


def test_rows_are_made_once_and_anew_when_the_entry_has_changed() -> None:
    rows, model, _ = made(2)
    first = rows.rows(0)
    assert any("line 0" in line.strip.text for line in first)
    assert rows.rows(0) is first
    model.at(0).version += 1
    assert rows.rows(0) is not first


def test_what_takes_too_long_is_dots_until_the_next_try() -> None:
    rows, _, clock = made(1)
    clock.now = 2.0
    assert [line.strip.text.strip() for line in rows.rows(0)] == ["⋯"]
    assert rows.unfinished
    rows.allow(1.0, 60)
    assert "line 0" in "".join(line.strip.text for line in rows.rows(0))


def test_up_and_down_go_by_rows_and_end_at_the_ends() -> None:
    rows, model, _ = made(3)
    heights = [len(rows.rows(serial)) for serial in range(3)]
    assert rows.down((0, 0), heights[0]) == (1, 0)
    assert rows.up((1, 0), heights[0]) == (0, 0)
    assert rows.up((2, 0), 1000) == (model.first, 0)
    assert rows.down((0, 0), sum(heights)) is None
    assert row_number((1, 0)) > row_number((0, heights[0]))
