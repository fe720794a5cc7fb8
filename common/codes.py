"""Room codes such as `pine-ocean-42`, and what else is said in words.

The number is the nameplate, which the discovery service may see. The words are the secret: they are what SPAKE2 gets,
and they stand in no log, no error that somebody else may read, and no `repr`.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from sandpiper.common.errors import UsageError
from sandpiper.common.limits import (
    CODE_CHARS,
    CODE_WORDS_LEAST,
    CODE_WORDS_MOST,
    NAMEPLATE_LEAST,
    NAMEPLATE_MOST,
    PASSWORD_CHARS,
)
from sandpiper.common.sanitise import SHAPING, clip, printable
from sandpiper.common.words import INDEX, WORDS, nearest

EXAMPLE: Final = "pine-ocean-42"
KEY_BYTES: Final = 32

_BITS: Final = 11  # a word; 2,048 of them
_DOMAIN: Final = b"sandpiper words v1"
_DIGEST_BYTES: Final = 64  # BLAKE2b's most: 46 words
_QUOTED_COLUMNS: Final = 20
_SEPARATORS: Final = frozenset(("Zs", "Pd", "Pc"))  # spaces, dashes, underscores, as Unicode calls them
_PART: Final = re.compile(r"[^\W\d_]+|[0-9]+")

RandBelow = Callable[[int], int]
"""`secrets.randbelow`, or a stand-in."""


@dataclass(frozen=True, slots=True, repr=False)
class RoomCode:
    """A room code: the words, all in the list, and the nameplate; 0 before there is one."""

    words: tuple[str, ...]
    nameplate: int

    def __post_init__(self) -> None:
        if not CODE_WORDS_LEAST <= len(self.words) <= CODE_WORDS_MOST or not INDEX.keys() >= set(self.words):
            raise ValueError("no words of a room code")
        if self.nameplate and not NAMEPLATE_LEAST <= self.nameplate <= NAMEPLATE_MOST:
            raise ValueError(f"no nameplate: {self.nameplate}")

    @property
    def secret(self) -> str:
        """The words as SPAKE2 gets them: in lower case, with hyphens, without the nameplate."""
        return "-".join(self.words)

    def __str__(self) -> str:
        return f"{self.secret}-{self.nameplate}"

    def __repr__(self) -> str:
        return f"RoomCode(…-{self.nameplate})"


def parse_code(text: str, *, quote: bool = True) -> RoomCode:
    """A room code as people write it: case, spaces, hyphens, dashes and underscores forgiven, the number last or first.

    Raises UsageError. A mistyped word is quoted, with what was probably meant, only if `quote`: to the person who has
    just typed it, never where the code comes from a file or the environment, whose errors others may read.
    """
    parts = _parts(text)
    if parts is None:
        raise UsageError(f"that is no room code; one looks like {EXAMPLE}")
    if not parts:
        raise UsageError(f"the room code is empty; one looks like {EXAMPLE}")
    if parts[0].isdecimal():
        parts = [*parts[1:], parts[0]]
    *words, number = parts
    if not number.isdecimal():
        raise UsageError(f"the room code has no number at its end; one looks like {EXAMPLE}")
    if any(word.isdecimal() for word in words):
        raise UsageError(f"a room code has one number, at its end; one looks like {EXAMPLE}")
    if not CODE_WORDS_LEAST <= len(words) <= CODE_WORDS_MOST:
        raise UsageError(
            f"a room code has {CODE_WORDS_LEAST} to {CODE_WORDS_MOST} words and a number, such as {EXAMPLE}; "
            f"this one has {len(words)} {'word' if len(words) == 1 else 'words'}"
        )
    for at, word in enumerate(words, 1):
        if word not in INDEX:
            _unknown(word, at, quote=quote)
    return RoomCode(tuple(words), _nameplate(number))


def is_code_like(text: str) -> bool:
    """Whether somebody means a room code: words and a number, though perhaps none that there can be."""
    parts = _parts(text) or []
    numbers = sum(part.isdecimal() for part in parts)
    # `web01` is a host, `web-01` may be a code.
    return 0 < numbers < len(parts) and (len(parts) - numbers > 1 or not text.strip().isalnum())


def known_words(text: str) -> int:
    """How many words of the list stand in it, as in a code."""
    return sum(part in INDEX for part in _parts(text) or ())


def make_words(count: int, randbelow: RandBelow) -> tuple[str, ...]:
    """Draws that many words by chance; all are equally likely, the same twice too."""
    return tuple(WORDS[randbelow(len(WORDS))] for _ in range(count))


def derive_words(key: bytes, generation: int, count: int) -> tuple[str, ...]:
    """The words of a generation, the same for all who have the key. Fewer of them are the first of more."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes")
    message = _DOMAIN + b"\0" + generation.to_bytes(8, "big")
    return phrase(hashlib.blake2b(message, key=key, digest_size=_DIGEST_BYTES).digest(), count)


def phrase(digest: bytes, count: int = 6) -> tuple[str, ...]:
    """The first bits of a digest, eleven a word: what two people compare out loud."""
    spare = 8 * len(digest) - _BITS * count
    if spare < 0 or count < 1:
        raise ValueError(f"{len(digest)} bytes do not make {count} words")
    bits = int.from_bytes(digest, "big") >> spare
    return tuple(WORDS[bits >> _BITS * at & len(WORDS) - 1] for at in reversed(range(count)))


def checked_password(password: str) -> str:
    """A room's password, the same however it was typed (NFC). Raises UsageError, which never quotes it."""
    if not password:
        raise UsageError("the password is empty")
    if len(password) > PASSWORD_CHARS:
        raise UsageError(f"a password has at most {PASSWORD_CHARS} characters")
    if any("\ud800" <= char <= "\udfff" for char in password):
        raise UsageError("the password is not UTF-8 text")
    return unicodedata.normalize("NFC", password)


def _parts(text: str) -> list[str] | None:
    """Its words in lower case and its numbers, in order; None if there is anything else in it."""
    if len(text) > CODE_CHARS:
        return None
    text = unicodedata.normalize("NFKC", text).lower()
    spaced = "".join(_spaced(char) for char in text)
    parts = _PART.findall(spaced)
    return parts if sum(map(len, parts)) == len(spaced) - spaced.count(" ") else None


def _spaced(char: str) -> str:
    # Pasted from a chat, a code may bring a zero-width space along; a minus sign is a dash to people.
    if char in SHAPING:
        return ""
    return " " if char.isspace() or char == "\u2212" or unicodedata.category(char) in _SEPARATORS else char


def _unknown(word: str, at: int, *, quote: bool) -> NoReturn:
    if not quote:
        raise UsageError(f"word {at} of the room code is in no word list; look at how it is spelled")
    meant = nearest(word)
    hint = f"did you mean '{meant}'?" if meant else "look at how it is spelled"
    raise UsageError(f"'{clip(printable(word), _QUOTED_COLUMNS)}' is in no word list; {hint}")


def _nameplate(number: str) -> int:
    if len(number) > len(str(NAMEPLATE_MOST)) or number[0] == "0" or int(number) < NAMEPLATE_LEAST:
        raise UsageError(f"a room's number is from {NAMEPLATE_LEAST} to {NAMEPLATE_MOST}, with no 0 in front")
    return int(number)
