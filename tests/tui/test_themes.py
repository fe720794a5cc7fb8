from __future__ import annotations

import pytest

from sandpiper.tui.themes import DARK, LIGHT, PALETTES, TERMINAL, Palette, Styles, first_palette, textual_theme


@pytest.mark.parametrize(
    ("wanted", "recalled", "no_color", "palette"),
    [
        ("", None, False, DARK),
        ("", "light", False, LIGHT),
        ("terminal", "light", False, TERMINAL),
        ("", 7, False, DARK),
        ("light", "light", True, TERMINAL),
    ],
)
def test_the_first_theme(wanted: str, recalled: object, no_color: bool, palette: Palette) -> None:
    assert first_palette(wanted, recalled, no_color=no_color) is palette


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_every_theme_has_a_style_for_every_word(palette: Palette) -> None:
    styles = Styles(palette)
    assert styles["bold italic"].bold
    assert styles["bold italic"].italic
    assert styles["link https://example.org"].link == "https://example.org"
    assert styles.nick("bob") == styles["nick bob"] != styles["nick alice"]
    assert styles["alarm"].bold
    assert textual_theme(palette).name == palette.name


def test_without_greys_what_is_soft_is_dim() -> None:
    assert Styles(TERMINAL)["soft"].dim
    assert not Styles(DARK)["soft"].dim
