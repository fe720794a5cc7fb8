"""Requests of JSON-lines clients of the discovery service: bytes in, bytes out, calls on the original rooms between."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from sandpiper.common.buckets import Bucket
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.legacy import CreateRoom, LookupRoom, RegisterPeer
from sandpiper.common.limits import LINE_BYTES, ORIGINAL_LINES_BURST, ORIGINAL_LINES_PER_S, VERSION
from sandpiper.common.line_requests import LineDecoder
from sandpiper.common.lines import LineReader, TooLong, encode_line
from sandpiper.common.messages import Error, Hello, Ping, Pong, Welcome
from sandpiper.discovery.legacy_rooms import LegacyClient, LegacyRooms

LegacyRequest: TypeAlias = Hello | Ping | CreateRoom | RegisterPeer | LookupRoom

_requests: Final = LineDecoder(LegacyRequest)


class LegacySession:
    """The session of one JSON-lines client, `guest`.

    After each call `take` has what to send, `wait` how long to read nothing.
    """

    replaying = False

    def __init__(self, legacy_rooms: LegacyRooms, guest: LegacyClient, welcome: Callable[[str], Welcome]) -> None:
        self._legacy_rooms = legacy_rooms
        self._guest = guest
        self._extended = False  # an original client knows no more keys than are documented for it
        self._welcome = welcome
        self._reader = LineReader()
        self._lines: deque[bytes | TooLong] = deque()
        self._pace = Bucket(ORIGINAL_LINES_PER_S, ORIGINAL_LINES_BURST)
        self._out: list[bytes] = []
        self._closing = self._shut = False
        self.wait = 0.0

    @property
    def unfinished(self) -> bool:
        """Whether part of a line waits for its rest."""
        return self._reader.unfinished

    @property
    def more(self) -> bool:
        """Whether lines can be answered now."""
        return bool(self._lines and not self.wait)

    @property
    def ended(self) -> bool:
        """Whether to hang up once all is sent: told so, or the client has said all and is answered."""
        return self._shut or (self._closing and not self._lines)

    def take(self) -> bytes:
        """Hands over what is to be sent now."""
        out, self._out = self._out, []
        return b"".join(out)

    def receive(self, data: bytes) -> None:
        """The client has sent `data`; `work` handles it."""
        self._lines.extend(self._reader.feed(data))

    def finish(self) -> None:
        """The client will send no more. A last line needs no newline."""
        if self._reader.unfinished:
            self.receive(b"\n")
        self._closing = True

    def silent(self, ts: int) -> None:
        """The client has asked for nothing yet."""

    def work(self, now: float, ts: int) -> None:
        """Answers the lines that have come, as fast as this client may ask."""
        while self._lines and not self.wait:
            self._line(self._lines.popleft(), now, ts)
            self.wait = self._pace.charge(1.0, now)

    def say(self, message: msgspec.Struct) -> None:
        """Adds one object for the client."""
        self._out.append(encode_line(message))

    def shut(self, text: str, ts: int) -> None:
        """The service ends this client."""
        self.say(Error(text, ts, Code.CLOSING.value if self._extended else None))
        self._shut = True

    def _line(self, line: bytes | TooLong, now: float, ts: int) -> None:
        try:
            if isinstance(line, TooLong):
                raise Refusal(Code.TOO_LARGE, f"line too long: at most {LINE_BYTES} bytes")
            if line.strip():
                said: LegacyRequest = _requests.decode(line)
                _HANDLERS[type(said)](self, said, now, ts)
        except Refusal as refusal:
            self.say(Error(refusal.text, ts, refusal.code.value if self._extended else None))

    def _hello(self, said: Hello, now: float, ts: int) -> None:
        self._extended = True
        if said.v > VERSION:
            raise Refusal(
                Code.VERSION,
                f"this service speaks version {VERSION}, and you speak {said.v}: say hello with v {VERSION}",
            )
        if said.room is not None:
            raise Refusal(
                Code.INVALID,
                "this is a discovery service: it has no rooms to talk in, it only brings peers together; "
                "`sandpiper join CODE` with this address as --discovery joins a room",
            )
        self.say(self._welcome(self._guest.address))

    def _ping(self, said: Ping, now: float, ts: int) -> None:
        self.say(Pong(ts))

    def _create(self, said: CreateRoom, now: float, ts: int) -> None:
        self.say(self._legacy_rooms.create(self._guest, said, now))

    def _register(self, said: RegisterPeer, now: float, ts: int) -> None:
        self.say(self._legacy_rooms.register(self._guest, said, now))

    def _lookup(self, said: LookupRoom, now: float, ts: int) -> None:
        self.say(self._legacy_rooms.lookup(self._guest, said, now))


_HANDLERS: Final[dict[type[Any], Callable[[LegacySession, Any, float, int], None]]] = {
    Hello: LegacySession._hello,
    Ping: LegacySession._ping,
    CreateRoom: LegacySession._create,
    RegisterPeer: LegacySession._register,
    LookupRoom: LegacySession._lookup,
}
