from __future__ import annotations

from rich.cells import cell_len

from sandpiper.tui.statusline import spans_strip
from sandpiper.tui.themes import DARK, Styles


def test_pieces_fill_a_row_of_the_width_and_are_cut_there() -> None:
    styles = Styles(DARK)
    for text in ("hello", "x" * 100, "你好" * 20, ""):
        strip = spans_strip([(" ", ""), (text, "soft"), ("end", "accent")], 20, styles, "side")
        assert cell_len(strip.text) == 20


def test_a_piece_has_its_style_on_the_row_s_ground() -> None:
    styles = Styles(DARK)
    strip = spans_strip([("a", ""), ("b", "accent")], 4, styles, "raised")
    grounds = {segment.style.bgcolor for segment in strip if segment.style is not None}
    assert grounds == {(styles.base + styles["raised"]).bgcolor}
    assert strip.crop(1, 2)._segments[0].style == styles.base + styles["raised"] + styles["accent"]


def test_nothing_raw_comes_through() -> None:
    assert spans_strip([("\x1b[2J\n", "")], 20, Styles(DARK), "side").text.isprintable()
