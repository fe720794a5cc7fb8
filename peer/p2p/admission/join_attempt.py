"""One attempt of a joiner with one sponsor, once that has answered: the proofs, and what is handed over."""

from __future__ import annotations

from sandpiper.common.errors import Refusal
from sandpiper.common.limits import HANDOVER_AHEAD, HANDOVER_LETTERS, HANDOVER_TRIES
from sandpiper.common.p2p import admission
from sandpiper.common.p2p.admission import Application, Welcome
from sandpiper.peer.p2p.admission.box_queue import Box
from sandpiper.peer.p2p.admission.handshake import Attempt


class JoinAttempt:
    """The joiner's side of the attempt `name` with the holder of the mailbox `box`, who says that it is in `room`."""

    def __init__(self, box: Box, name: bytes, room: bytes, handshake: Attempt) -> None:
        self.box = box
        self.name = name
        self.room = room
        self._handshake = handshake
        self._welcome: Welcome | None = None
        self._more: dict[int, admission.More] = {}
        self._first = 0  # of what is lacking
        self._asked = HANDOVER_AHEAD  # up to where letters come without a further word
        self._tries = 0

    @property
    def half(self) -> admission.Half:
        """Our half of the handshake."""
        return admission.Half(self.name, self._handshake.message)

    def prove(self, half: admission.Half, application: Application) -> admission.Proof:
        """Takes the other half; returns our proof. Raises Refusal for what is no half."""
        self._handshake.finish(half.message)
        sealed = self._handshake.seal(admission.encode(application))
        return admission.Proof(self.name, self._handshake.confirmation, sealed)

    def reason(self, letter: admission.Declined) -> admission.Reason | None:
        """Why the sponsor refuses; None if it does not know the code."""
        if not self._handshake.proves(letter.confirm):
            return None
        try:
            return admission.decode(admission.Reason, self._handshake.unseal(letter.sealed))  # type: ignore[no-any-return]
        except Refusal:
            return None

    def accept(self, letter: admission.Handover) -> bool:
        """Takes what the sponsor hands over; false if it does not know the code."""
        if not self._handshake.proves(letter.confirm):
            return False
        try:
            welcome: Welcome = admission.decode(Welcome, self._handshake.unseal(letter.sealed))
        except Refusal:
            return False
        if welcome.room != self.room or not 0 <= welcome.more <= HANDOVER_LETTERS:
            return False
        self._welcome = welcome
        return True

    def add(self, letter: admission.Rest) -> None:
        """Takes a further part of what is handed over."""
        try:
            more: admission.More = admission.decode(admission.More, self._handshake.unseal(letter.sealed))
        except Refusal:
            return
        assert self._welcome is not None
        if 0 <= more.index < self._welcome.more:
            self._more[more.index] = more

    def ask(self, *, again: bool = False) -> admission.Rest | None:
        """Returns what asks for the next letters, if those that come unasked are here, or if they do not come."""
        first = self._first
        while self._first in self._more:
            self._first += 1
        self._tries = self._tries + again if self._first == first else 0
        if self._tries > HANDOVER_TRIES or not (again or self._first >= self._asked):
            return None
        self._asked = self._first + HANDOVER_AHEAD
        return admission.Rest(self.name, self._handshake.seal(admission.encode(admission.More(self._first))))

    def whole(self) -> Welcome | None:
        """The room, once all of it has been handed over."""
        welcome = self._welcome
        if welcome is None or any(index not in self._more for index in range(welcome.more)):
            return None
        for index in range(welcome.more):
            welcome.deeds += self._more[index].deeds
            welcome.heads += self._more[index].heads
            welcome.misses += self._more[index].misses
        return welcome
