"""What is written leads to what is wanted, whatever was shown before; judged by a terminal."""

from __future__ import annotations

from typing import TypeAlias

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style

from sandpiper.tui.framebuffer import Framebuffer, Part

WIDTH, HEIGHT = 20, 8
Drawn: TypeAlias = "list[list[tuple[str, Style | None]]]"
STYLES = (
    None,
    Style(),
    Style(color="#ff0000", bgcolor="#001020", bold=True),
    Style(color="#00ff00", bgcolor="#001020", dim=True),
    Style(bgcolor="#102000", underline=True),
    Style(color="red", reverse=True, italic=True),
    Style(color="#00ff00", bold=True, dim=True),
    Style(color="#7db7e8", underline=True, link="https://example.org/"),
)
WORDS = ("a", "bc", "     ", " " * 14, "─│", "日本", "é", "long words", " x ", "日", "✓")

DOUBTFUL = (
    "❤\ufe0f",
    "👩\u200d👩\u200d👧",
    "🏳\ufe0f\u200d🌈",
    "1\ufe0f\u20e3",
    "e\u0301",
    "🩷",
    "\U0001f1e9\U0001f1ea",
    "ab",
    "x" * 9,
    "   ",
)

spans = st.tuples(st.sampled_from(WORDS), st.sampled_from(STYLES))
rows = st.lists(spans, max_size=8)
pictures = st.lists(rows, min_size=HEIGHT, max_size=HEIGHT)


class Paper:
    """A terminal, and the picture that is to be on it."""

    def __init__(self, *, erases: bool = False) -> None:
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self.stream = pyte.Stream(self.screen)
        self.screen.reset_mode(7, private=True)  # no wrapping, as on our screen
        self.picture = Framebuffer(ColorSystem.TRUECOLOR, erases=erases)
        self.picture.scrolls = Part(4, 0, WIDTH - 4, HEIGHT - 1)
        self.picture.resize(WIDTH, HEIGHT)

    def draw(self, picture: Drawn) -> str:
        for y, spans in enumerate(picture):
            self.picture.put(0, y, [Segment(text, style) for text, style in [*spans, (" " * WIDTH, None)]])
        return self.show()

    def show(self) -> str:
        written = self.picture.changes()
        self.stream.feed(written)
        return written

    def cells(self) -> list[list[tuple[object, ...]]]:
        buffer = self.screen.buffer
        return [[_seen(buffer[y][x]) for x in range(WIDTH)] for y in range(HEIGHT)]


def _seen(char: pyte.screens.Char) -> tuple[object, ...]:
    """What the eye sees of a cell: of a blank neither the colour of its letter nor how bold it is."""
    lines = (char.underscore, char.reverse, char.strikethrough)
    if char.data == " " and not any(lines):
        return " ", char.bg
    return char.data, char.bg, char.fg, char.bold, char.italics, *lines


@settings(deadline=None)
@given(st.lists(pictures, min_size=2, max_size=4), st.booleans())
def test_what_is_written_over_another_picture_is_the_picture(shown: list[Drawn], erases: bool) -> None:
    paper, fresh = Paper(erases=erases), Paper()
    for each in shown:
        paper.draw(each)
    fresh.draw(shown[-1])
    assert paper.cells() == fresh.cells()
    assert paper.show() == ""


@settings(deadline=None)
@given(pictures, st.lists(rows, min_size=1, max_size=3), st.booleans(), st.booleans())
def test_rows_that_wander_are_the_same_afterwards(before: Drawn, come: Drawn, up: bool, erases: bool) -> None:
    paper, fresh = Paper(erases=erases), Paper()
    low, last = before[:-1], before[-1:]
    moved = [*low[len(come) :], *come] if up else [*come, *low[: -len(come)]]
    paper.draw(before)
    paper.draw([*moved, *last])
    fresh.draw([*moved, *last])
    assert paper.cells() == fresh.cells()


@settings(deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.sampled_from(DOUBTFUL), st.just(None)), max_size=8), min_size=2, max_size=5),
    st.booleans(),
)
def test_a_terminal_that_counts_otherwise_shows_no_ghosts(rows: Drawn, erases: bool) -> None:
    """To this one each of what is joined is as wide as it is alone, and a selector changes nothing."""
    paper, fresh = Paper(erases=erases), Paper(erases=erases)
    for row in rows:
        paper.draw([row])
    fresh.draw([rows[-1]])
    assert paper.cells() == fresh.cells()


def test_a_row_that_comes_in_costs_itself() -> None:
    style = Style(color="#c0c0c0", bgcolor="#101418")
    lines: Drawn = [[(f"line {number} of many", style)] for number in range(20)]
    paper = Paper()
    whole = len(paper.draw(lines[:HEIGHT]))
    one = len(paper.draw([*lines[1:HEIGHT], lines[HEIGHT]]))
    assert one < whole / 3


def test_nothing_is_kept_of_what_was_wanted_in_between() -> None:
    paper = Paper()
    size = len(paper.draw([[(f"{0:20}", None)]] * HEIGHT))
    for number in range(1, 1000):
        for y in range(HEIGHT):
            paper.picture.put(0, y, [Segment(f"{number:20}", None)])
    assert len(paper.show()) < 2 * size
    assert "999" in paper.screen.display[0]


def test_what_is_put_beside_the_screen_is_not_on_it() -> None:
    paper = Paper()
    for x, y in ((WIDTH, 0), (WIDTH + 5, 0), (0, HEIGHT), (0, -1)):
        paper.picture.put(x, y, [Segment("words " * WIDTH)])
    assert all(len(row.texts) == len(row.inks) == WIDTH for row in paper.picture._wanted)
    paper.show()
    assert paper.screen.display == [" " * WIDTH] * HEIGHT


def test_styles_without_end_are_not_kept() -> None:
    paper = Paper()
    for number in range(10_000):
        paper.picture.put(0, 0, [Segment("here", Style(link=f"https://example.org/{number}"))])
    assert len(paper.picture._inks) <= 4000


def test_an_emoji_that_a_terminal_thinks_narrow_leaves_nothing_beside_it() -> None:
    paper = Paper()
    paper.draw([[("x" * WIDTH, None)]] * HEIGHT)
    written = paper.draw([[("❤\ufe0f ok", None)]] * HEIGHT)
    assert "  \x1b[1G❤\ufe0f\x1b[3G" in written
