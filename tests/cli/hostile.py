"""Values of any type with a hostile word in each string, and what a terminal may be given of them."""

from __future__ import annotations

import enum
import re
import types
import typing
from typing import Any, Final
from unicodedata import category

import msgspec

from sandpiper.peer.events import Event

EVIL: Final = "\x1b]0;PWNED\x07\x9b2J\x1b[31m\u202e\u200b\x7f\r\n\u2028\x85forged line\U000e0041"
HARMLESS: Final = {"\u200c", "\u200d"}
_OWN_STYLE: Final = re.compile(r"\x1b\[(?:0|1;31|2|3[123]|38;5;\d{1,3})?m")


def hostile(kind: Any) -> Any:
    """A value of this type, with EVIL wherever a string goes."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return hostile(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return hostile(next(each for each in arguments if each is not type(None)))
    if origin is typing.Literal:
        return arguments[0]
    if origin in (list, tuple, frozenset, set):
        return origin([hostile(arguments[0])])
    if origin is dict:
        return {hostile(arguments[0]): hostile(arguments[1])}
    return _plain(kind)


def _plain(kind: Any) -> Any:
    if kind is Any:
        return {EVIL: [EVIL]}
    if not isinstance(kind, type):
        raise TypeError(f"what is a {kind}?")
    if issubclass(kind, msgspec.Struct):
        return kind(**{field.name: hostile(field.type) for field in msgspec.structs.fields(kind)})
    if issubclass(kind, enum.Enum):
        return next(iter(kind))
    if issubclass(kind, str):
        return kind(EVIL)
    return {bytes: b"\x9b2J", bool: False, int: 1, float: 1.5}[kind]


EVENTS: Final[list[Any]] = [
    each for kind in typing.get_args(Event) for each in (typing.get_args(kind) or (kind,)) if each is not type(None)
]
"""Each event, and `Received` with each kind of message."""


def events() -> list[Any]:
    made: list[Any] = []
    for kind in EVENTS:
        fields = {field.name: typing.get_args(field.type) for field in msgspec.structs.fields(kind)}
        messages = fields.get("message", ())
        made += [kind(hostile(message)) for message in messages] if messages else [hostile(kind)]
    return made


def complaints(shown: str, *, styled: bool = False) -> list[str]:
    """The characters of what was shown that a terminal obeys or hides; line feeds are for the test to count."""
    if styled:
        shown = _OWN_STYLE.sub("", shown)
    return [
        repr(char)
        for char in shown
        if char not in HARMLESS and char != "\n" and (category(char)[0] == "C" or char in "\u2028\u2029")
    ]
