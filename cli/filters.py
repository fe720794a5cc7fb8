"""`--filter`: which messages are wanted, such as `type=msg,nick=ci,regex=(?i)fail`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import click
import msgspec

from sandpiper.common.errors import UsageError
from sandpiper.common.lines import encode_line
from sandpiper.common.nicks import fold

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

STORED: Final = ("msg", "me", "data")
TYPES: Final = (*STORED, "notice", "whisper")
"""What a filter judges. All else, such as `joined` and `lost`, is about the listening itself, and always told."""
_KEYS: Final = ("type", "nick", "from", "regex")
_FORM: Final = "type=T,nick=N,from=FINGERPRINT,regex=R"


@dataclass(frozen=True, slots=True)
class Filter:
    """Each part that is there must hold. `types` and `nicks` (folded) and `persons` name alternatives."""

    types: frozenset[str] = frozenset()
    nicks: frozenset[str] = frozenset()
    persons: frozenset[str] = frozenset()
    pattern: re.Pattern[str] | None = None

    def passes(self, kind: str, message: msgspec.Struct) -> bool:
        """Whether this message of the type `kind` is wanted."""
        if self.types and kind not in self.types:
            return False
        if self.nicks and fold(getattr(message, "nick", None) or "") not in self.nicks:
            return False
        if self.persons and getattr(message, "from_", None) not in self.persons:
            return False
        return self.pattern is None or self.pattern.search(text_of(message)) is not None


class Filters:
    """Several filters: a message passes that one of them wants, and without any filter all do."""

    def __init__(self, filters: Sequence[Filter] = ()) -> None:
        self._filters = tuple(filters)

    def passes(self, event: object) -> bool:
        """Whether a message is wanted; what is no message always is."""
        kind = kind_of(event)
        if not self._filters or kind not in TYPES or not isinstance(event, msgspec.Struct):
            return True
        return any(each.passes(kind, event) for each in self._filters)

    def names(self, kind: str) -> bool:
        """Whether one of them asks for this type by its name."""
        return any(kind in each.types for each in self._filters)


def kind_of(event: object) -> str:
    """The `type` of an object of the documented JSON; empty for what has none."""
    tag = event.__struct_config__.tag if isinstance(event, msgspec.Struct) else None
    return tag if isinstance(tag, str) else ""


def text_of(message: msgspec.Struct) -> str:
    """Returns the text of a message; of a program's value its JSON."""
    text = getattr(message, "text", None)
    if isinstance(text, str):
        return text
    return encode_line(getattr(message, "value", None)).decode("utf-8", "replace").rstrip("\n")


def parse_filter(text: str) -> Filter:
    """Parses a --filter. `regex=` is the last part and takes the rest, commas and all. Raises UsageError."""
    found: dict[str, frozenset[str]] = {}
    pattern = None
    rest = text.strip()
    while rest:
        key, equals, value = rest.partition("=")
        key = key.strip().lower()
        if not equals or key not in _KEYS:
            raise UsageError(f"--filter: a part begins with one of {', '.join(f'{each}=' for each in _KEYS)}")
        if key in found:
            raise UsageError(f"--filter has {key}= twice; alternatives go in one: {key}=A|B, or in another --filter")
        if key == "regex":
            pattern = _pattern(value)
            break
        value, _, rest = value.partition(",")
        found[key] = frozenset(_alternatives(key, value))
        rest = rest.strip()
    if not found and pattern is None:
        raise UsageError(f"--filter wants {_FORM}, or a part of that")
    return Filter(
        types=_known_types(found.get("type", frozenset())),
        nicks=frozenset(fold(nick) for nick in found.get("nick", ())),
        persons=frozenset(person.lower() for person in found.get("from", ())),
        pattern=pattern,
    )


def filter_option(function: Decorated) -> Callable[..., Any]:
    """Adds --filter, passed as one `filters`."""
    return click.option(
        "--filter",
        "filters",
        multiple=True,
        metavar="PARTS",
        callback=lambda _context, _parameter, values: Filters([parse_filter(value) for value in values]),
        help=f"Only messages for which all PARTS hold ({_FORM}); with several --filter any of them.",
    )(function)


def _alternatives(key: str, value: str) -> list[str]:
    words = [word.strip() for word in value.split("|")]
    if not all(words):
        raise UsageError(f"--filter: nothing stands after {key}=")
    return words


def _known_types(types: frozenset[str]) -> frozenset[str]:
    if unknown := sorted(types - set(TYPES)):
        raise UsageError(f"--filter: no type '{unknown[0]}'; there are {', '.join(TYPES)}")
    return types


def _pattern(text: str) -> re.Pattern[str]:
    if not text:
        raise UsageError("--filter: nothing stands after regex=")
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f"--filter: that is no regular expression: {error}") from None
