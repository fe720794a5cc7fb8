from __future__ import annotations

import pytest

from sandpiper.chat.look_alikes import LookAlikes
from sandpiper.tui.renderer import BAR, WIDE, Renderer
from sandpiper.tui.themes import DARK, Styles
from sandpiper.tui.timeline_entry import TimelineEntry
from sandpiper.tui.timeline_model import TimelineModel
from tests.tui.fake import START


def shown(entry: TimelineEntry, width: int = 60) -> list[str]:
    made = Renderer(Styles(DARK), LookAlikes()).lines(entry, TimelineModel(), width)
    assert all(line.strip.cell_length == width for line in made)
    return [line.strip.text.rstrip() for line in made]


def said(text: str, **more: object) -> TimelineEntry:
    return TimelineEntry("msg", START, text, "bob", head=True, **more)  # type: ignore[arg-type]


def test_a_message_has_its_sender_above_it() -> None:
    name, text = shown(said("hello"))
    assert name.endswith(f"{BAR}bob")
    assert text.partition(BAR)[2].strip() == "hello"


def test_the_time_has_a_gutter_where_there_is_room() -> None:
    assert ":" in shown(said("x"), WIDE)[0].partition(BAR)[0]
    assert ":" in shown(said("x"), WIDE - 1)[0].partition(BAR)[2]


def test_a_nick_without_a_key_and_what_is_hidden() -> None:
    assert f"{BAR}~bob" in shown(said("x", verified=False))[0]
    assert shown(said("x", hidden=True)) == []


def test_what_could_not_be_stored_says_so_and_what_to_do() -> None:
    rows = shown(said("x", own=True, mark="✗ not stored: the disk is full"))
    assert any("the disk is full" in row for row in rows)
    assert "Up brings it back" in rows[-1]


@pytest.mark.parametrize("width", [12, 30, 80])
def test_a_table_hangs_in_its_last_column(width: int) -> None:
    line = [("/nick NAME  ", "accent"), ("take another nick, as often as you like", "")]
    rows = shown(TimelineEntry("table", START, lines=(line,)), width)
    words = " ".join(" ".join(rows).split())
    assert words == "/nick NAME take another nick, as often as you like" or width < 20
    if width == 80:
        assert len(rows) == 1


def test_nothing_raw_comes_through() -> None:
    hostile = "\x1b[2J\u202e"
    for entry in (said(hostile), TimelineEntry("data", START, hostile, "bob"), TimelineEntry("note", START, hostile)):
        assert all(row.isprintable() for row in shown(entry))
