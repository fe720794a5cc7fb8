"""Trust on first use, as ssh does it: whether a broker's key is the pinned one, and the file of pins.

One line a broker, `host:port key`: the address as `Target.address` gives it, the key in Z85, 40 characters.
What is not such a line, a comment for one, is left alone and survives a rewrite.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

_LINE: Final = re.compile(r"\s*([^\s#]\S*:[0-9]{1,5})[ \t]+([0-9a-zA-Z.:+=^!/*?&<>()\[\]{}@%$#-]{40})\s*")


class Verdict(Enum):
    """Verdicts on a broker's key. Only NEW and KNOWN may be talked to."""

    NEW = "never seen: to be pinned"
    KNOWN = "the pinned one"
    CHANGED = "another than the pinned one"
    NOT_EXPECTED = "another than the fingerprint in the target says"


def judge(pinned: str | None, seen: str, *, expected_fingerprint: str | None, fingerprint_of_seen: str) -> Verdict:
    """Judges the key `seen` where `pinned` was seen before (both Z85).

    An expected fingerprint that matches does not excuse a changed pin: the person must take the old one out.
    """
    if expected_fingerprint is not None and expected_fingerprint.lower() != fingerprint_of_seen.lower():
        return Verdict.NOT_EXPECTED
    if pinned is None:
        return Verdict.NEW
    return Verdict.KNOWN if pinned == seen else Verdict.CHANGED


@dataclass(frozen=True, slots=True)
class KnownBrokers:
    """The file of pins, line by line as it was."""

    lines: tuple[str, ...] = ()

    @property
    def pins(self) -> Mapping[str, str]:
        """Address → key. Of two lines for one address the first holds, as nothing should override a pin."""
        pins: dict[str, str] = {}
        for line in self.lines:
            if found := _LINE.fullmatch(line):
                pins.setdefault(found[1], found[2])
        return pins

    def with_pin(self, address: str, key: str) -> KnownBrokers:
        """Returns the file with `key` (Z85) for `address`, in place of what was there.

        Raises ValueError for what would not read back.
        """
        line = f"{address} {key}"
        if not _LINE.fullmatch(line) or line.splitlines() != [line]:
            raise ValueError(f"not an address and a Z85 key: {line!r}")
        where = next((n for n, old in enumerate(self.lines) if _names(old, address)), len(self.lines))
        rest = [old for old in self.lines[where:] if not _names(old, address)]
        return KnownBrokers((*self.lines[:where], line, *rest))


def _names(line: str, address: str) -> bool:
    found = _LINE.fullmatch(line)
    return found is not None and found[1] == address


def parse_known(text: str) -> KnownBrokers:
    """The file as text; never raises, a broken line is an unknown one."""
    return KnownBrokers(tuple(text.removesuffix("\n").split("\n")) if text else ())


def format_known(known: KnownBrokers) -> str:
    """The text to write back."""
    return "".join(f"{line}\n" for line in known.lines)
