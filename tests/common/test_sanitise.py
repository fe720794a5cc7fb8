# ruff: noqa: RUF001  # scripts of all kinds
from __future__ import annotations

import re
import sys
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcwidth

from sandpiper.common.limits import EMOJI_JOINS, ERROR_CHARS, MARKS_PER_CHARACTER, TAB_COLUMNS
from sandpiper.common.sanitise import BLANK, SHAPING, UNKNOWN, clip, complaint, printable, width

NASTY = (
    "\x00\x07\x08\t\n\r\x1b\x7f\x85\x9b\x9d\xad\u034f\u0301\u0489\u0600\u061c\u115f\u1161\u180e\u200b\u200c\u200d"
    "\u200e\u200f\u2028\u2029\u202a\u202e\u2060\u2066\u2069\u2800\u3000\u3164\ud800\ue000\ufe0e\ufe0f\ufeff\uffa0"
    "\u0903\u1c29\ufff9\ufffd\ufffe\U0001d159\U0001f468\U0001f3fd\U0001f1e9\u2764\U0001faff\U000e0001\U000e0041\U000e0100"
)
texts = st.text(st.one_of(st.sampled_from(NASTY), st.characters(), st.sampled_from("ab é中")), max_size=40)


SELECTORS = frozenset("\u180b\u180c\u180d\u180f") | frozenset(
    chr(code) for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
)
BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
INVISIBLE = SHAPING | BLANK | BIDI
NEW = "\U0001fae9\U0001fa77\U0001fa8f\u0378\u1c89"
"""Newer than some Python's tables, or still free."""


def is_safe(text: str) -> bool:
    """Draws something or is a space; what draws nothing stands alone, behind what it is for."""
    rest = re.sub("\U0001f3f4[\U000e0030-\U000e007a]+\U000e007f", "", text)
    for before, char in zip(" " + rest, rest, strict=False):
        if char in "\u034f\u200c\u200d":
            if before in " \u034f\u200c\u200d":
                return False
        elif char in SELECTORS:
            if before == " " or before in SELECTORS:
                return False
        elif char in INVISIBLE or category(char) in ("Cc", "Cs") or 0xE0000 <= ord(char) < 0xE0100 or wcwidth(char) < 0:
            return False
    return True


@given(texts)
def test_what_comes_out_is_safe(text: str) -> None:
    assert is_safe(printable(text))


@given(texts, st.booleans())
def test_a_second_pass_changes_nothing(text: str, newlines: bool) -> None:
    once = printable(text, newlines=newlines)
    assert printable(once, newlines=newlines) == once


@given(texts)
def test_with_newlines_each_line_is_safe(text: str) -> None:
    assert all(is_safe(line) for line in printable(text, newlines=True).split("\n"))


def test_every_code_point_is_safe_and_visible() -> None:
    everything = "".join(f"x{chr(code)}" for code in range(sys.maxunicode + 1))
    shown = printable(everything)
    assert is_safe(shown)
    kept = SELECTORS | frozenset("\u200c\u200d")
    unseen = {char for char in set(shown) - kept if wcwidth(char) == 0 and category(char)[0] != "M"}
    shaping = [(0x1160, 0x11FF), (0xD7B0, 0xD7FF), (0x13430, 0x1345F)]  # jamo, and what joins hieroglyphs
    known = {char for char in unseen if category(char) != "Cn"}
    assert all(any(first <= ord(char) <= last for first, last in shaping) for char in known)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("", ""),
        ("grüße, 世界", "grüße, 世界"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("\x1bPq#0\x1b\\", "␛Pq#0␛\\"),
        ("\x9b2J", f"{UNKNOWN}2J"),
        ("a\r\nb", "a␍␊b"),
        ("\x7f", "␡"),
        ("a\tb", "a" + " " * TAB_COLUMNS + "b"),
        ("abc\u202efdp.exe", f"abc{UNKNOWN}fdp.exe"),
        ("a\u200fb\u2066c\u2069", f"a{UNKNOWN}b{UNKNOWN}c{UNKNOWN}"),
        ("pay\u200bpal", "paypal"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("क्\u200dष क्\u200cष", "क्\u200dष क्\u200cष"),
        ("می\u200c\u200c\u200dخ", "می\u200cخ"),
        ("ל\u05b7\u034f\u05b4ם", "ל\u05b7\u034f\u05b4ם"),
        ("1\u034f \u034f\u034f", "1 "),
        ("1\ufe0f\u20e3 #\ufe0f\u20e3", "1\ufe0f\u20e3 #\ufe0f\u20e3"),
        ("\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",) * 2,
        ("葛\U000e0100", "葛\U000e0100"),
        (NEW, NEW),
        ("\ue0b0\uf303", "\ue0b0\uf303"),  # a powerline's, an icon font's
        ("\u0600١٢ \u06dd١", "\u0600١٢ \u06dd١"),
        ("\ufdd0\uffff\U0001fffe\ufff9", UNKNOWN * 4),
        ("a\u2028b", "a␤b"),
        ("\ud800", UNKNOWN),
        ("\U000e0041\U000e0042", UNKNOWN * 2),
        ("\u3164", UNKNOWN),
        ("a\u00a0b\u3000c", "a b  c"),
        ("\u0301x", "◌\u0301x"),
        ("\u2764\ufe0f", "\u2764\ufe0f"),
        ("x\ufe0f\ufe0e\ufe01", "x\ufe0f"),  # a row of selectors is a hidden text
        (" \ufe0f", " "),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("1\u200db", "1b"),
    ],
)
def test_examples(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_newlines_stay_when_asked_for() -> None:
    assert printable("a\nb\r\nc\u2028\x1bd\n", newlines=True) == "a\nb\nc\n␛d\n"


def test_stacked_marks_are_capped_even_through_what_is_left_out() -> None:
    assert printable("e" + "\u0301\u200b" * 100) == "e" + "\u0301" * MARKS_PER_CHARACTER
    assert printable("ᄀ" + "ᅡ" * 100) == "ᄀ" + "ᅡ" * MARKS_PER_CHARACTER


def test_an_emoji_has_a_bounded_number_of_parts() -> None:
    assert printable("\u200d".join("👩" * 100)).count("\u200d") == 100 // (EMOJI_JOINS + 1) * EMOJI_JOINS


def test_a_complaint_is_one_short_harmless_line() -> None:
    assert complaint(ValueError("no")) == "no"
    text = complaint(ValueError("\x1b[31m\n" * 1000))
    assert len(text) == ERROR_CHARS
    assert is_safe(text)


@given(texts, st.integers(-1, 30))
def test_clipping_fits(text: str, columns: int) -> None:
    line = printable(text)
    cut = clip(line, columns)
    assert width(cut) <= max(0, columns)
    if width(line) <= columns:
        assert cut == line
    elif columns > 0:
        assert cut.endswith("…")
        assert line.startswith(cut[:-1])
    else:
        assert not cut


@pytest.mark.parametrize(
    ("text", "columns", "cut"),
    [
        ("hello", 5, "hello"),
        ("hello", 4, "hel…"),
        ("hello", 1, "…"),
        ("世界世界", 5, "世界…"),
        ("世界世界", 4, "世…"),
        ("cafe\u0301 noir", 5, "cafe\u0301…"),
        ("क\u0903abcd", 5, "क\u0903ab…"),
        ("ab👨\u200d👩\u200d👧cd", 5, "ab…"),
    ],
)
def test_clip_examples(text: str, columns: int, cut: str) -> None:
    assert clip(text, columns) == cut


def test_width_counts_columns() -> None:
    assert width("abc") == 3
    assert width("世界") == 4
    assert width("e\u0301") == 1
    assert width("世\x1b") == 3  # as printable would show it
