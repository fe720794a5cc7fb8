"""The four themes. A nick's hue is the same in all: it is a hash of the name (common/nicks.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rich.style import Style
from textual.theme import BUILTIN_THEMES, Theme

from sandpiper.common.nicks import colour


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours, as rich writes them; `""` for the terminal's own."""

    name: str
    dark: bool
    back: str
    side: str
    raised: str
    text: str
    soft: str
    faint: str
    accent: str
    good: str
    warn: str
    bad: str
    link: str
    lit: str
    """Behind a message that mentions the reader."""
    keyword: str
    string: str
    number: str
    nicks: tuple[str, ...]
    """COLOURS of them."""
    ansi: bool = False


DARK: Final = Palette(
    name="dark",
    dark=True,
    back="#14171c",
    side="#101216",
    raised="#1c2027",
    text="#d6d9de",
    soft="#9098a5",
    faint="#59616e",
    accent="#e3b778",
    good="#8fc27a",
    warn="#e8b04f",
    bad="#ef7a7a",
    link="#7db7e8",
    lit="#2b2519",
    keyword="#c792ea",
    string="#a5c98b",
    number="#e8a06b",
    nicks=(
        "#f08080", "#f09a62", "#d8b850", "#98c468", "#62c897", "#5cc4c4",
        "#66b2ee", "#939ff4", "#b48ef0", "#d687dc", "#f085b0", "#aab2be",
    ),
)  # fmt: skip
LIGHT: Final = Palette(
    name="light",
    dark=False,
    back="#fbfaf7",
    side="#f1efe9",
    raised="#eceae3",
    text="#26282c",
    soft="#666b74",
    faint="#a2a49f",
    accent="#9a5d00",
    good="#2f7a24",
    warn="#8f5b00",
    bad="#b3261e",
    link="#0b62a8",
    lit="#fdf0cf",
    keyword="#7a3db8",
    string="#39701c",
    number="#a4480b",
    nicks=(
        "#b3261e", "#b0500a", "#856100", "#3c7710", "#0c784b", "#0a7477",
        "#0b62b0", "#4450c4", "#6c3cc0", "#91389a", "#b0326a", "#5c636f",
    ),
)  # fmt: skip
CONTRAST: Final = Palette(
    name="contrast",
    dark=True,
    back="#000000",
    side="#000000",
    raised="#1a1a1a",
    text="#ffffff",
    soft="#e0e0e0",
    faint="#b0b0b0",
    accent="#ffd75f",
    good="#5fff87",
    warn="#ffd700",
    bad="#ff8787",
    link="#87d7ff",
    lit="#3a3000",
    keyword="#ffafff",
    string="#afff87",
    number="#ffd787",
    nicks=(
        "#ff9d9d", "#ffb375", "#ffe066", "#b6ff7a", "#7dffc0", "#7dffff",
        "#87cfff", "#b8c0ff", "#d3b4ff", "#ffabff", "#ffa8d2", "#e4e4e4",
    ),
)  # fmt: skip
TERMINAL: Final = Palette(
    name="terminal",
    dark=True,
    back="",
    side="",
    raised="",
    text="",
    soft="",
    faint="",
    accent="yellow",
    good="green",
    warn="yellow",
    bad="red",
    link="cyan",
    lit="",
    keyword="magenta",
    string="green",
    number="yellow",
    nicks=(
        "red", "bright_red", "yellow", "green", "bright_green", "cyan",
        "blue", "bright_blue", "magenta", "bright_magenta", "bright_yellow", "bright_cyan",
    ),
    ansi=True,
)  # fmt: skip
PALETTES: Final = {palette.name: palette for palette in (DARK, LIGHT, CONTRAST, TERMINAL)}


def first_palette(wanted: str, recalled: object, *, no_color: bool) -> Palette:
    """Returns the palette to begin with: the one that is wanted, else the one of last time, else dark."""
    return TERMINAL if no_color else PALETTES.get(wanted or str(recalled or ""), DARK)


class Styles:
    """A palette's styles, by the key that markup and the others give to a piece of text.

    A key is words: `bold italic`, `link URL`, `nick NAME`. Colour never says anything alone: there is a word, a mark or
    an attribute as well.
    """

    def __init__(self, palette: Palette) -> None:
        self.palette = palette
        self.base = Style(color=palette.text or None, bgcolor=palette.back or None)
        quiet = palette.ansi  # there is no grey that every terminal can show, but all know what dim is
        self._plain = {
            "": Style(),
            "soft": Style(color=palette.soft or None, dim=quiet),
            "faint": Style(color=palette.faint or None, dim=quiet),
            "note": Style(color=palette.soft or None, dim=quiet, italic=True),
            "rule": Style(color=palette.faint or None, dim=quiet),
            "bullet": Style(color=palette.accent),
            "accent": Style(color=palette.accent),
            "good": Style(color=palette.good),
            "warn": Style(color=palette.warn),
            "bad": Style(color=palette.bad),
            "alarm": Style(color=palette.bad, bold=True),
            "bold": Style(bold=True),
            "italic": Style(italic=True),
            "quote": Style(color=palette.soft or None, italic=True, dim=quiet),
            "code": Style(color=palette.text or None, bgcolor=palette.raised or None, bold=quiet),
            "keyword": Style(color=palette.keyword, bgcolor=palette.raised or None),
            "string": Style(color=palette.string, bgcolor=palette.raised or None),
            "number": Style(color=palette.number, bgcolor=palette.raised or None),
            "comment": Style(color=palette.soft or None, bgcolor=palette.raised or None, italic=True, dim=quiet),
            "added": Style(color=palette.good, bgcolor=palette.raised or None),
            "removed": Style(color=palette.bad, bgcolor=palette.raised or None),
            "mention": Style(color=palette.accent, bold=True, reverse=quiet),
            "found": Style(reverse=True),
            "lit": Style(bgcolor=palette.lit or None),
            "chosen": Style(bgcolor=palette.raised or None, reverse=quiet),
            "old": Style(color=palette.soft or None, dim=quiet),
            "side": Style(color=palette.soft or None, bgcolor=palette.side or None),
            "raised": Style(color=palette.soft or None, bgcolor=palette.raised or None),
        }
        self._known: dict[str, Style] = {}

    def __getitem__(self, key: str) -> Style:
        style = self._plain.get(key) or self._known.get(key)
        if style is None:
            style = self._make(key)
            if len(self._known) > 2000:
                self._known.clear()
            self._known[key] = style
        return style

    def nick(self, nick: str) -> Style:
        """Returns the style of the nick's own colour."""
        return self[f"nick {nick}"]

    def _make(self, key: str) -> Style:
        word, _, rest = key.partition(" ")
        palette = self.palette
        if word == "link":
            return Style(color=palette.link, underline=True, link=rest)
        if word == "host":
            return Style(color=palette.link, underline=True, bold=True, link=rest)
        if word == "nick":
            return Style(color=palette.nicks[colour(rest) % len(palette.nicks)], bold=True)
        made = Style()
        for part in key.split():
            made += self._plain.get(part, Style())
        return made


def textual_theme(palette: Palette) -> Theme:
    """The palette for Textual's own widgets."""
    if palette.ansi:
        return Theme(
            name=palette.name,
            ansi=True,
            primary="ansi_yellow",
            secondary="ansi_cyan",
            warning="ansi_yellow",
            error="ansi_red",
            success="ansi_green",
            accent="ansi_yellow",
            foreground="ansi_default",
            background="ansi_default",
            surface="ansi_default",
            panel="ansi_default",
            boost="ansi_default",
            variables={
                **BUILTIN_THEMES["ansi-dark"].variables,
                "input-cursor-background": "ansi_default",
                "input-cursor-foreground": "ansi_default",
                "input-cursor-text-style": "reverse",
                "input-selection-background": "ansi_cyan",
                "input-selection-foreground": "ansi_black",
                "screen-selection-background": "ansi_cyan",
                "screen-selection-foreground": "ansi_black",
            },
        )
    return Theme(
        name=palette.name,
        dark=palette.dark,
        primary=palette.accent,
        secondary=palette.link,
        warning=palette.warn,
        error=palette.bad,
        success=palette.good,
        accent=palette.accent,
        foreground=palette.text,
        background=palette.back,
        surface=palette.back,
        panel=palette.raised,
        variables={
            "input-cursor-background": palette.accent,
            "input-cursor-foreground": palette.back,
            "input-selection-background": f"{palette.link} 35%",
            "screen-selection-background": f"{palette.link} 35%",
            "screen-selection-foreground": palette.text,
        },
    )
