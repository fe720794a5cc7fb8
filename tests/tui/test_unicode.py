"""Every string of Unicode's own test files that holds no control: entered, sent, stored and shown as it is.

Taken from the machine, where it has them (Debian: unicode-data), else made after their manner from Python's tables.
"""

from __future__ import annotations

import bz2
import json
import re
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import product
from pathlib import Path
from unicodedata import category, normalize

import pytest
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding import KeyPress
from rich.color import ColorSystem
from rich.segment import Segment
from textual._xterm_parser import XTermParser
from textual.events import Key

from sandpiper.cli.chat.line_renderer import LineRenderer
from sandpiper.common import frame
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import MsgDraft
from sandpiper.common.sanitise import BLANK, SHAPING, UNKNOWN, printable, stand_ins
from sandpiper.peer.events import Received
from sandpiper.tui import keyboard
from sandpiper.tui.composer import clean
from sandpiper.tui.framebuffer import Framebuffer
from sandpiper.tui.input_parser import InputParser, Pasted
from sandpiper.tui.input_text import InputText
from sandpiper.tui.markup import rows
from tests.cli.scripted import msg

FILES = Path("/usr/share/unicode")
SYLLABLES = frozenset(map(chr, range(0xAC00, 0xD7A4)))
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
KINDS = ("emoji", "graphemes", "normalization")


def lines(path: Path) -> Iterator[str]:
    packed = path.with_name(f"{path.name}.bz2")
    data = path.read_bytes() if path.exists() else bz2.decompress(packed.read_bytes())
    for line in data.decode().splitlines():
        if line[:1] != "@" and (line := line.partition("#")[0].strip()):
            yield line


def spelt(codes: str) -> str:
    return "".join(chr(int(code, 16)) for code in re.findall("[0-9A-F]{4,6}", codes))


def from_files(kind: str) -> Iterator[str]:
    if kind == "emoji":
        yield from (spelt(line.partition(";")[0]) for line in lines(FILES / "emoji" / "emoji-test.txt"))
    elif kind == "graphemes":
        yield from map(spelt, lines(FILES / "auxiliary" / "GraphemeBreakTest.txt"))
    else:
        for line in lines(FILES / "NormalizationTest.txt"):
            forms = [spelt(form) for form in line.split(";")[:5]]
            if forms[0] in SYLLABLES and ord(forms[0]) % 97:  # eleven thousand that are made alike
                continue
            yield from forms


def made(kind: str) -> Iterator[str]:
    if kind == "emoji":
        bases = [*map(chr, range(0x1F300, 0x1FB00)), *map(chr, range(0x2600, 0x27C0)), *"0123456789#*"]
        for base in bases:
            yield from (base, f"{base}\ufe0f", f"{base}\ufe0e", f"{base}\ufe0f\u20e3")
        for base, tone in product(bases[: 0x1F600 - 0x1F300], map(chr, range(0x1F3FB, 0x1F400))):
            yield from (base + tone, f"{base}{tone}\u200d\u2764\ufe0f\u200d{base}")
        yield from map("".join, product(map(chr, range(0x1F1E6, 0x1F200)), repeat=2))
    elif kind == "graphemes":
        one_of_each = " \u034f\U0001f1e6\u0600\u0903\u1100\u1160\u11a8\uac00\uac01\u231a\u0300\u200d\u0378\u0915\u094d"
        yield from map("".join, product(one_of_each, repeat=2))
        yield from (f"{one}\u0308{other}" for one, other in product(one_of_each, repeat=2))
    else:
        for char in map(chr, range(sys.maxunicode + 1)):
            forms = [normalize(form, char) for form in ("NFC", "NFD", "NFKC", "NFKD")] if char.isprintable() else []
            if any(form != char for form in forms):
                yield from (char, *forms)


@lru_cache
def texts(kind: str) -> tuple[str, ...]:
    try:
        found = list(from_files(kind))
    except FileNotFoundError:
        found = list(made(kind))
    return tuple(dict.fromkeys(text for text in found if not CONTROL.search(text)))


each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
def test_what_is_entered_is_what_is_held(kind: str) -> None:
    assert len(texts(kind)) > 300
    for text in texts(kind):
        assert InputParser().feed(f"\x1b[200~{text}\x1b[201~") == [Pasted(text, len(text))]
        assert clean(text) == text
        assert InputText(text).text == text
        assert len(stand_ins(text)) == len(text)


@each_kind
def test_what_is_typed_is_what_is_held(kind: str) -> None:
    keyboard.install_keys()
    whole = "".join(texts(kind))
    events = [event for event in XTermParser().feed(whole) if isinstance(event, Key)]
    assert "".join(keyboard.text_of(event) or "" for event in events) == whole
    presses: list[KeyPress] = []
    Vt100Parser(presses.append).feed(whole)  # of --plain
    assert "".join(press.data for press in presses) == whole


@each_kind
def test_what_is_sent_arrives(kind: str) -> None:
    for text in texts(kind):
        draft = MsgDraft(text=text, nick="anna", id="a-1", n=1)
        _, body = frame.split(frame.encode("lobby", "msg", draft))
        assert frame.decode_draft("msg", body) == draft
        assert json.loads(encode_line(msg(text)))["text"] == text


@each_kind
def test_what_arrives_is_shown(kind: str) -> None:
    """On each of the ways alike; and all of it, but for what nobody sees."""
    renderer = LineRenderer()
    for text in texts(kind):
        shown = printable(f"x{text}x")
        assert in_sight(shown) == in_sight(f"x{text}x")
        assert renderer.event(Received(msg(f"x{text}x"))) == f"{renderer.event(Received(msg('')))}{shown}"
        assert "".join(span for row in rows(f"x{text}x", 200) for span, _ in row) == shown
        assert drawn(shown) == shown
        begins = printable(text)  # a mark without a letter gets something to stand on
        assert in_sight(begins.removeprefix("\u25cc") if begins[:1] != text[:1] else begins) == in_sight(text)


def in_sight(text: str) -> str:
    """Without what only shapes its neighbours; spaces are spaces, and blank letters are to be seen."""
    kept: Iterable[str] = (char for char in text if char not in SHAPING)
    return "".join("  " if char == "\u3000" else " " if category(char) == "Zs" else
                   UNKNOWN if char in BLANK else char for char in kept)  # fmt: skip


def drawn(text: str) -> str:
    """What the terminal is to show of it."""
    framebuffer = Framebuffer(ColorSystem.TRUECOLOR)
    framebuffer.resize(200, 1)
    framebuffer.put(0, 0, [Segment(text)])
    written = re.sub("\x1b\\[[0-9;]*[A-Za-z]", "", framebuffer.changes())
    assert text.replace(" ", "") in written.replace(" ", "")
    return "".join(cell or "" for cell in framebuffer._wanted[0].texts).rstrip(" ")


def test_a_mark_in_a_piece_of_its_own_is_drawn_on_what_stands_before() -> None:
    framebuffer = Framebuffer(ColorSystem.TRUECOLOR)
    framebuffer.resize(8, 1)
    framebuffer.put(0, 0, [Segment("日a"), Segment("\u0301b"), Segment("日"), Segment("\u0302")])
    assert framebuffer._wanted[0].texts == ["日", "", "a\u0301", "b", "日\u0302", "", " ", " "]
