"""The objects that `--json` adds to those of the wire (common/messages.py, common/legacy.py)."""

from __future__ import annotations

import msgspec

from sandpiper.peer.status import PathInfo, Verification


class Caution(msgspec.Struct, tag_field="type", tag="warning"):
    """A warning for a person; `kind` is for programs (see peer.events.Warned)."""

    kind: str
    text: str
    ts: int


class JsonHeld(msgspec.Struct, tag_field="type", tag="held"):
    """Tells that what was sent is turned away for now, and why; it is sent again, until `resumed`."""

    room: str
    code: str
    text: str
    ts: int


class JsonResumed(msgspec.Struct, tag_field="type", tag="resumed"):
    """Tells that what had been held up is being stored again."""

    room: str
    ts: int


class CodeNow(msgspec.Struct, tag_field="type", tag="code_changed", omit_defaults=True):
    """The room has another code, and another password if there is one here."""

    code: str
    password: str | None = None


class Verify(msgspec.Struct, tag_field="type", tag="verify"):
    """Asks for the words to compare; with `same` they were the same, which is remembered and answered by `done`."""

    nick: str
    same: bool = False
    room: str | None = None


class Verified(msgspec.Struct, tag_field="type", tag="verified"):
    """The words, for each person of that nick."""

    room: str
    persons: list[Verification]


class Kick(msgspec.Struct, tag_field="type", tag="kick"):
    """Removes a person; answered by `done`, after which the code changes. `with_admitted`: also whom they let in."""

    nick: str
    with_admitted: bool = False
    room: str | None = None


class Readmit(msgspec.Struct, tag_field="type", tag="readmit"):
    """Lets persons in again that were removed, or that wait; answered by `done`."""

    nicks: list[str]
    room: str | None = None


class Owner(msgspec.Struct, tag_field="type", tag="owner"):
    """Lets another person remove people too; answered by `done`."""

    nick: str
    room: str | None = None


class JsonDone(msgspec.Struct, tag_field="type", tag="done"):
    """Carried out: the request's type."""

    request: str
    room: str


class AskCode(msgspec.Struct, tag_field="type", tag="code"):
    """Asks for the room's code; `new` gives it another one first."""

    new: bool = False
    room: str | None = None


class TheCode(msgspec.Struct, tag_field="type", tag="code"):
    """The room's code; null for a broker's room, which has none."""

    code: str | None


class AskPaths(msgspec.Struct, tag_field="type", tag="paths"):
    """Asks how each member is reached."""

    room: str | None = None


class Paths(msgspec.Struct, tag_field="type", tag="paths"):
    """The path to each member."""

    room: str
    paths: list[PathInfo]
