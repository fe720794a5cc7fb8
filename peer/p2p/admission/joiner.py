"""The joiner: asks one member after another to be let in, until one does or the code has failed too often.

    SEEKING --Knock--> KNOCKING --Answer--> HALVING --Half--> PROVING --Handover--> RECEIVING --Rest--> IN
       ^--Busy, silence----'-------------------'                 '--Denied--> FAILED, or the next group

Where a password is needed and none is given it tries nothing: that would be a wrong guess, and burn one of the room's.
It proves first. A sponsor whose own proof does not hold has not known the code: then nothing it says counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TypeAlias

from sandpiper.common.errors import AccessDenied, Code, NoSuchRoom, PasswordNeeded, Refusal, Rejected, SandpiperError
from sandpiper.common.limits import (
    ATTEMPT_S,
    GENERATIONS,
    HANDOVER_LETTERS,
    JOIN_GUESSES,
    JOIN_PATIENCE_S,
    KNOCK_S,
    VERSION,
)
from sandpiper.common.p2p import admission
from sandpiper.common.p2p.admission import AnyLetter, Application, Welcome
from sandpiper.peer.p2p.admission.handshake import Attempt, shared_secret

Box: TypeAlias = "tuple[object, bytes]"
"""A mailbox, and the discovery service it is at."""


class JoinerState(Enum):
    """How far a joiner is."""

    SEEKING = "looking for a member"
    KNOCKING = "knocking"
    HALVING = "beginning to prove the code"
    PROVING = "proving the code"
    RECEIVING = "being handed the room"
    IN = "admitted"
    FAILED = "failed"


class Joiner:
    """`groups` are mailboxes that belong together; of each group one sponsor is enough.

    `apply` makes the application for a room's id. Take `letters` after each call; `welcome` and `error` end it.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[Box]],
        *,
        nameplate: int,
        words: str,
        password: str | None,
        apply: Callable[[bytes], Application],
        entropy: Callable[[int], bytes],
        now: float,
    ) -> None:
        self.state = JoinerState.SEEKING
        self.letters: list[tuple[Box, bytes]] = []
        self.welcome: Welcome | None = None
        self.error: SandpiperError | None = None
        self._groups = [list(group) for group in groups]
        self._nameplate = nameplate
        self._secret = shared_secret(words, password)
        self._has_password = password is not None
        self._password_needed = False
        self._locked = False  # whether a room that was tried has a password
        self._apply = apply
        self._entropy = entropy
        self._until = now + JOIN_PATIENCE_S
        self._due = now
        self._turn = 0
        self._failed = 0
        self._busy: str = ""
        self._name = b""
        self._key = b""
        self._at: Box | None = None
        self._attempt: Attempt | None = None
        self._room = b""
        self._welcome: Welcome | None = None
        self._more: dict[int, admission.More] = {}

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.state in (JoinerState.IN, JoinerState.FAILED)

    def get_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return None if self.done else self._due

    def handle_timer(self, now: float) -> None:
        """Knocks, or gives up a sponsor that does not answer."""
        if self.done or now < self._due:
            return None
        if now >= self._until:
            return self._fail(Rejected(f"not let in: {self._busy or 'nobody answers'}; try again in a while"))
        if self.state is JoinerState.PROVING:
            self._failed += 1  # it has seen our proof, and may have tested a guess against it
            if self._failed >= JOIN_GUESSES:
                return self._fail(self._denied())
        self._knock(now)
        return None

    def _knock(self, now: float) -> None:
        boxes = [box for group in self._groups for box in group]
        if not boxes:
            if self._password_needed:
                return self._fail(PasswordNeeded())
            what = "nobody is there any more" if not self._failed else "nobody else is there"
            return self._fail(self._denied() if self._failed else NoSuchRoom(f"{what}; ask for another code"))
        self._at = boxes[self._turn % len(boxes)]
        self._turn += 1
        self._name, self._key = self._entropy(16), self._entropy(32)
        self._attempt = None
        self.state = JoinerState.KNOCKING
        self._due = now + KNOCK_S
        self._send(admission.Knock(self._name, VERSION, self._key))
        return None

    def _send(self, letter: AnyLetter) -> None:
        assert self._at is not None
        self.letters.append((self._at, admission.encode(letter)))

    def letter(self, box: Box, body: bytes, now: float) -> None:
        """Takes a letter; ignores it if it is not part of the attempt under way."""
        try:
            letter = admission.decode_letter(body)
        except Refusal:
            return
        if self.done or box != self._at or letter.attempt != self._name:
            return
        match letter:
            case admission.Busy() if self.state in (JoinerState.KNOCKING, JoinerState.HALVING):
                self._wait(letter, now)
            case admission.Answer() if self.state is JoinerState.KNOCKING:
                self._answered(letter, now)
            case admission.Half() if self.state is JoinerState.HALVING:
                self._prove(letter, now)
            case admission.Rest() if self.state is JoinerState.RECEIVING:
                self._receive(letter, now)
            case admission.Denied():
                self._turned_away(letter, now)
            case admission.Handover() if self.state is JoinerState.PROVING:
                self._enter(letter, now)

    def gone(self, box: Box, now: float) -> None:
        """Forgets a mailbox that does not exist any more."""
        for group in self._groups:
            if box in group:
                group.remove(box)
        if box == self._at and not self.done:
            self._due = now

    def _wait(self, letter: admission.Busy, now: float) -> None:
        if letter.full:
            return self._fail(Rejected(letter.full))
        self._busy = "another is just being let in, or there were too many wrong guesses"
        self.state = JoinerState.SEEKING
        self._due = now + min(max(letter.retry_ms / 1000, 0.05), JOIN_PATIENCE_S)
        if self._due > self._until:
            seconds = int(letter.retry_ms / 1000) + 1
            return self._fail(Rejected(f"after wrong guesses the room lets nobody in for {seconds} s; try again then"))
        return None

    def _answered(self, letter: admission.Answer, now: float) -> None:
        if letter.v != VERSION or len(letter.key) != 32 or len(letter.room) != 16:
            return None
        if not 1 <= letter.generation <= GENERATIONS:
            return None
        if letter.password and not self._has_password:
            self._password_needed = True
            return self._leave(now)
        self._locked |= letter.password
        self._room = letter.room
        self._attempt = Attempt(
            joiner=True,
            secret=self._secret,
            nameplate=self._nameplate,
            generation=letter.generation,
            room=letter.room,
            attempt=self._name,
            joiner_key=self._key,
            sponsor_key=letter.key,
            entropy=self._entropy,
        )
        self.state = JoinerState.HALVING
        self._due = now + KNOCK_S
        self._send(admission.Half(self._name, self._attempt.message))
        return None

    def _prove(self, letter: admission.Half, now: float) -> None:
        assert self._attempt is not None
        try:
            self._attempt.finish(letter.message)
        except Refusal:
            self._due = now
            return
        application = admission.encode(self._apply(self._room))
        self.state = JoinerState.PROVING
        self._due = now + min(2 * KNOCK_S, ATTEMPT_S)
        self._send(admission.Proof(self._name, self._attempt.confirmation, self._attempt.seal(application)))

    def _turned_away(self, letter: admission.Denied, now: float) -> None:
        if letter.code == Code.VERSION.value:
            return self._fail(SandpiperError(letter.text))
        if letter.code != Code.ACCESS.value:
            return self._fail(Rejected(letter.text))
        return self._missed(now)

    def _missed(self, now: float) -> None:
        """Goes on to the next group: this one has another code, others on the nameplate may have ours."""
        self._failed += 1
        if self._failed >= JOIN_GUESSES:
            return self._fail(self._denied())
        return self._leave(now)

    def _leave(self, now: float) -> None:
        """Goes on to the next group, if there is one."""
        for group in list(self._groups):
            if self._at in group:
                self._groups.remove(group)
        self.state = JoinerState.SEEKING
        if not any(self._groups):
            return self._fail(PasswordNeeded() if self._password_needed else self._denied())
        self._due = now
        return None

    def _enter(self, letter: admission.Handover, now: float) -> None:
        assert self._attempt is not None
        if not self._attempt.proves(letter.confirm):
            return self._missed(now)
        try:
            welcome: Welcome = admission.decode(Welcome, self._attempt.unseal(letter.sealed))
        except Refusal:
            return self._missed(now)
        if welcome.room != self._room or not 0 <= welcome.more <= HANDOVER_LETTERS:
            return self._missed(now)
        self._welcome, self._more = welcome, {}
        self.state = JoinerState.RECEIVING
        return self._complete(now)

    def _receive(self, letter: admission.Rest, now: float) -> None:
        assert self._attempt is not None
        try:
            more: admission.More = admission.decode(admission.More, self._attempt.unseal(letter.sealed))
        except Refusal:
            return
        self._more[more.index] = more
        self._complete(now)

    def _complete(self, now: float) -> None:
        """Ends once everything has been handed over; each letter may take a while."""
        welcome = self._welcome
        assert welcome is not None
        if any(index not in self._more for index in range(welcome.more)):
            self._due = now + KNOCK_S
            return
        for index in range(welcome.more):
            welcome.deeds += self._more[index].deeds
            welcome.heads += self._more[index].heads
        self.state, self.welcome = JoinerState.IN, welcome

    def _denied(self) -> AccessDenied:
        return AccessDenied(
            "wrong code or password, or somebody in between; ask for the code again: it changes after wrong guesses",
            asks_for="password" if self._locked else "",
        )

    def _fail(self, error: SandpiperError) -> None:
        self.state, self.error = JoinerState.FAILED, error
