"""What tools publish on the plain bus of a member with doors for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from sandpiper.common import batch, frame
from sandpiper.common.buckets import Meter
from sandpiper.common.errors import Code, Refusal, SandpiperError
from sandpiper.common.limits import BATCH_MESSAGES, BURST_S, BYTES_PER_S, MESSAGES_PER_S, PLAIN_FACTOR
from sandpiper.common.messages import Draft
from sandpiper.common.nicks import ANON, fold
from sandpiper.common.nicks import nick as valid_nick


class PlainPublications:
    """Decodes publications and hands each to `say`: who says it, under which nick, and what. All tools share one rate.

    Nobody can be told what was wrong with a publication: it is dropped.
    """

    def __init__(self, room: str, say: Callable[[object, str, Draft], object], clock: Callable[[], float]) -> None:
        self._room = room
        self._say = say
        self._clock = clock
        self._meter = Meter(MESSAGES_PER_S * PLAIN_FACTOR, BYTES_PER_S * PLAIN_FACTOR, BURST_S)

    def take(self, frames: Sequence[bytes]) -> None:
        """Takes what has come by the bus."""
        now = self._clock()
        for encoded in frames:
            with suppress(Refusal, SandpiperError):
                self._frame(encoded, now)

    def _frame(self, encoded: bytes, now: float) -> None:
        if self._meter.take(len(encoded), now):
            raise Refusal(Code.RATE, "slow down")  # first of all: what is malformed costs its rate too
        raw, body = frame.split(encoded)
        if batch.is_topic(raw):
            self._check(batch.read_topic(raw))
            self._batch(body, now)
            return
        room, kind = frame.read_topic(raw)
        self._check(room)
        self._draft(frame.decode_draft(kind, body))

    def _check(self, room: str) -> None:
        if room != self._room:
            raise Refusal(Code.NO_ROOM, f"these endpoints lead to one room, {self._room}")

    def _batch(self, body: bytes, now: float) -> None:
        bodies = batch.bodies(body)
        if len(bodies) > BATCH_MESSAGES:
            raise Refusal(Code.TOO_MANY, f"a batch has at most {BATCH_MESSAGES} publications")
        for each in bodies[1:]:
            self._meter.charge(len(each), now)
        for each in bodies:
            with suppress(Refusal):
                self._draft(frame.decode_draft(_known(batch.kind_of(each)), each))

    def _draft(self, draft: Draft) -> None:
        nick = valid_nick(draft.nick) if draft.nick else ANON
        self._say(("bus", fold(nick)), nick, draft)


def _known(kind: str) -> str:
    _, known = frame.read_topic(f"x/{kind}".encode())
    return known
