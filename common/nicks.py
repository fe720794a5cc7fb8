"""Nicks: which may be claimed, which are the same, and which only look the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from unicodedata import category, is_normalized, normalize

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import NICK_CHARS, NICKS_CACHED, SKELETONS
from sandpiper.common.sanitise import SHAPING, printable

ANON: Final = "anon"
"""Who has not said a nick. Nobody owns it."""
COLOURS: Final = 12
"""Colours that a nick may have: as many as a reader can still tell apart on either background."""

_RESERVED: Final = re.compile('[/@:,#<>"]')  # they stand beside nicks in commands, targets and on the screen
_MARKS: Final = re.compile("[*~!·•…✓✔✗✘⚠←-⇿─-◿]")  # what a screen says of who speaks: nobody says it of themselves
_TAKEN: Final = frozenset(("you",))


def nick(text: str) -> str:
    """`text` if it may be claimed as a nick. Raises Refusal; for an empty one just `invalid nick`.

    1 to NICK_CHARS characters in NFC, at least one of them a letter, digit or pictograph; single ASCII spaces
    inside; none of `/ @ : , # < > "`, no mark of those that a screen puts beside a nick, no hyphen in front, not
    `you`, and nothing that cannot be seen.
    """
    if not text or text.isspace():
        raise Refusal(Code.INVALID, "invalid nick")
    if fault := _fault(text):
        raise Refusal(Code.INVALID, f"invalid nick: {fault}")
    return text


def chosen(text: str) -> str:
    """Checks a nick that a person has typed: a letter and its accent are one character, whoever composes them."""
    return nick(normalize("NFC", text))


@lru_cache(maxsize=NICKS_CACHED)
def _fault(text: str) -> str | None:
    if len(text) > NICK_CHARS:
        return f"at most {NICK_CHARS} characters"
    if not text.isprintable() or printable(text) != text or not SHAPING.isdisjoint(text):
        return "only characters that can be seen, and plain spaces"
    if not is_normalized("NFC", text):
        return "Unicode must be in NFC"
    if text != " ".join(text.split()):
        return "no space at either end, and only one between words"
    if _RESERVED.search(text):
        return 'none of / @ : , # < > "'
    if found := _MARKS.search(text):
        return f"no {found.group()}, which is a mark of the screen's"
    if text.startswith("-"):
        return "no hyphen in front"
    if fold(text) in _TAKEN:
        return "that is what everyone is called here"
    if not any(category(char)[0] in "LN" or category(char) == "So" for char in text):
        return "more than punctuation"
    return None


@lru_cache(maxsize=NICKS_CACHED)
def fold(nick: str) -> str:
    """The key by which a nick is owned: NFKC and case folded, so that `Alice` is `alice`."""
    return normalize("NFKC", normalize("NFKC", nick).casefold())


def colour(nick: str) -> int:
    """The nick's colour, 0 to COLOURS - 1: a hash of the folded name, so the same for everyone."""
    digest = hashlib.blake2b(fold(nick).encode("utf-8", "replace"), digest_size=4).digest()
    return int.from_bytes(digest, "big") % COLOURS


@lru_cache(maxsize=SKELETONS)
def skeleton(text: str) -> str:
    """The look of `text` (Unicode TR39, section 4, case folded): equal for what the eye may confuse."""
    # Twice, because folding makes confusable letters of others: M is only itself, m is r and n.
    for _ in range(2):
        plain = normalize("NFD", text).translate(_confusables())
        text = normalize("NFD", plain).casefold()
    return normalize("NFD", text.translate(_confusables()))


@lru_cache(maxsize=1)
def _confusables() -> Mapping[int, str]:
    """Each confusable character's prototype, out of the library's two-way table (loading it takes 50 ms)."""
    from confusable_homoglyphs.confusables import confusables_data  # type: ignore[import-untyped]

    prototypes: dict[int, str] = {}
    for name, alike in confusables_data.items():
        char = name.strip("\u200e")  # the table wraps right-to-left letters
        if len(char) != 1 or len(alike) != 1:  # a prototype of many, or of several characters
            continue
        other = alike[0]["c"].strip("\u200e")
        # Of two that only have each other either may be the prototype, as long as it is always the same.
        if len(other) != 1 or len(confusables_data.get(other, ())) != 1 or other < char:
            prototypes[ord(char)] = other
    return prototypes
