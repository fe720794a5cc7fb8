"""The joiner: asks one member after another to be let in, until one does or the code has failed too often.

    SEEKING --Knock, Answer--> HALVING --Half--> PROVING --Handover--> RECEIVING --Rest--> IN
       ^----Busy, Denied, silence---'               '--Denied, silence, a wrong proof--> SEEKING, another group

Whoever has a mailbox at the nameplate may answer, and discovery services say what they like. So before the other end
has proven that it knows the code, nothing that it says ends the joining: at most it is not asked any more, and what it
said is told, as hearsay, when nobody else is left. Once it has proven it, its refusal is final.

The joiner proves first, and each proof lets whoever gets it test one guess. So it shows few of them, and counts those
that nobody could answer (`missed`): once it is in, they are reported to the room as guesses of strangers. Where a
password is needed and none is given it tries nothing: that would be a wrong guess, and burn one of the room's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from sandpiper.common.errors import AccessDenied, Code, NoSuchRoom, PasswordNeeded, Refusal, Rejected, SandpiperError
from sandpiper.common.limits import (
    ATTEMPT_S,
    GENERATIONS,
    JOIN_GUESSES,
    JOIN_GUESSES_MOST,
    JOIN_PATIENCE_S,
    KNOCK_S,
    KNOCK_STAGGER_S,
    PAUSE_MOST_S,
    VERSION,
)
from sandpiper.common.p2p import admission
from sandpiper.common.p2p.admission import AnyLetter, Application, Busy, Denied, Elsewhere, TurnedAway, Welcome
from sandpiper.common.p2p.deeds import ID_BYTES
from sandpiper.common.sanitise import quoted
from sandpiper.peer.p2p.admission.box_queue import Box, BoxQueue
from sandpiper.peer.p2p.admission.handshake import Attempt, shared_secret
from sandpiper.peer.p2p.admission.join_attempt import JoinAttempt


class JoinerState(Enum):
    """How far a joiner is."""

    SEEKING = "looking for a member"
    SEARCHING = "looking for other mailboxes"
    HALVING = "beginning to prove the code"
    PROVING = "proving the code"
    RECEIVING = "being handed the room"
    IN = "admitted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class _Knock:
    """A knock that may still be answered."""

    box: Box
    key: bytes
    until: float


class Joiner:
    """`groups` are mailboxes that belong together; of each group one sponsor is enough.

    `apply` makes the application for a room's id. Take `letters` after each call; `welcome` and `error` end it. With
    `searches` it is in state SEARCHING when it has nobody left to ask, until `found` is called.
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
        searches: bool = False,
    ) -> None:
        self.state = JoinerState.SEEKING
        self.letters: list[tuple[Box, bytes]] = []
        self.welcome: Welcome | None = None
        self.error: SandpiperError | None = None
        self.missed = 0
        self._queue = BoxQueue()
        self._queue.add(groups)
        self._nameplate = nameplate
        self._secret = shared_secret(words, password)
        self._has_password = password is not None
        self._password_needed = False
        self._locked = False  # whether a room that was tried has a password
        self._apply = apply
        self._entropy = entropy
        self._until = now + JOIN_PATIENCE_S
        self._searches = searches
        self._next_at = now  # when to knock at the next mailbox
        self._knocks: dict[bytes, _Knock] = {}
        self._missed_at: Counter[object] = Counter()
        self._hearsay = ""
        self._attempt: JoinAttempt | None = None
        self._due = now  # when the attempt under way has failed

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.state in (JoinerState.IN, JoinerState.FAILED)

    # Time --------------------------------------------------------------------------------------------------

    def get_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        if self.done:
            return None
        if self._attempt is not None:
            return self._due
        if self.state is JoinerState.SEARCHING:
            return self._until
        ready = self._queue.ready_at()
        return self._next_at if ready is None else min(max(self._next_at, ready), self._until)

    def handle_timer(self, now: float) -> None:
        """Knocks at the next mailbox, or gives up a sponsor that does not answer."""
        if self._attempt is not None:
            if now < self._due:
                return
            if self.state is JoinerState.PROVING:
                self._count_miss(self._attempt.box)  # it has seen our proof, and may have tested a guess against it
            if self.state is not JoinerState.RECEIVING or not self._ask(self._attempt, now, again=True):
                self._seek(now)
        self._go_on(now)

    def _seek(self, now: float) -> None:
        """Ends the attempt that is under way, if any, and goes on with the next mailbox."""
        if not self.done:
            self.state, self._attempt, self._next_at = JoinerState.SEEKING, None, now

    def _go_on(self, now: float) -> None:
        """Knocks, if it is time to; ends where there is nobody left to ask."""
        if self.state is JoinerState.SEEKING and not self._can_wait(now):
            if self._searches and now < self._until:
                self.state = JoinerState.SEARCHING
            else:
                self._fail(self._nobody_left(now))
        elif self.state is JoinerState.SEARCHING and now >= self._until:
            self._fail(self._nobody_left(now))
        elif self.state is JoinerState.SEEKING and now >= self._next_at:
            self._knock(now)

    def _can_wait(self, now: float) -> bool:
        """Whether somebody is left who may let us in while we have the patience."""
        ready = self._queue.ready_at()
        return now < self._until and ready is not None and ready <= self._until

    def found(self, groups: Sequence[Sequence[Box]], now: float) -> None:
        """Takes mailboxes that a search has found, also while it is asking others."""
        self._searches = False
        self._queue.add(groups)
        if self.state is JoinerState.SEARCHING:
            self._seek(now)
        if self.state is JoinerState.SEEKING:
            self._go_on(now)

    # Knocking ----------------------------------------------------------------------------------------------

    def _knock(self, now: float) -> None:
        self._knocks = {name: each for name, each in self._knocks.items() if each.until > now}
        box = self._queue.take(now, now + KNOCK_S)
        if box is None:
            return
        name, key = self._entropy(16), self._entropy(32)
        self._knocks[name] = _Knock(box, key, now + KNOCK_S)
        self._next_at = now + KNOCK_STAGGER_S
        self._send(box, admission.Knock(name, VERSION, key))

    def _send(self, box: Box, letter: AnyLetter) -> None:
        self.letters.append((box, admission.encode(letter)))

    def letter(self, box: Box, body: bytes, now: float) -> None:
        """Takes a letter; ignores it if it is not part of an attempt of ours."""
        try:
            letter = admission.decode_letter(body)
        except Refusal:
            return
        if self.done:
            return
        knock = self._knocks.get(letter.attempt)
        if knock is not None and knock.box == box:
            self._take_answer(knock, letter, now)
        elif self._attempt is not None and (box, letter.attempt) == (self._attempt.box, self._attempt.name):
            self._take_letter(self._attempt, letter, now)
        self._go_on(now)

    def gone(self, box: Box, now: float) -> None:
        """Forgets a mailbox that does not exist any more."""
        self._queue.drop(box)
        self._forget_knocks(box)
        if self.done:
            return
        if self._attempt is not None and box == self._attempt.box:
            self._due = now
        elif self.state is JoinerState.SEEKING:
            self._next_at = now

    def _forget_knocks(self, box: Box) -> None:
        self._knocks = {name: each for name, each in self._knocks.items() if each.box != box}

    def _take_answer(self, knock: _Knock, letter: AnyLetter, now: float) -> None:
        """Takes what is said to a knock, which nothing proves."""
        match letter:
            case Busy() | Elsewhere() | Denied():
                self._turned_away(knock.box, letter, now)
            case admission.Answer() if self.state is JoinerState.SEEKING:
                self._answered(knock, letter, now)

    def _take_letter(self, attempt: JoinAttempt, letter: AnyLetter, now: float) -> None:
        """Takes a letter of the sponsor with whom an attempt is under way."""
        match self.state, letter:
            case JoinerState.HALVING, Busy() | Elsewhere() | Denied():
                self._turned_away(attempt.box, letter, now)
            case JoinerState.HALVING, admission.Half():
                self._prove(attempt, letter, now)
            case JoinerState.PROVING, admission.Denied():
                self._miss(attempt.box, now)
            case JoinerState.PROVING, admission.Declined():
                self._decline(attempt, letter, now)
            case JoinerState.PROVING, admission.Handover():
                self._enter(attempt, letter, now)
            case JoinerState.RECEIVING, admission.Rest():
                attempt.add(letter)
                self._complete(attempt, now)

    # What nothing proves -----------------------------------------------------------------------------------

    def _turned_away(self, box: Box, letter: TurnedAway, now: float) -> None:
        """Asks others; this one again in its time, or no more. What it says is told if nobody is left."""
        if isinstance(letter, Elsewhere):
            self._hearsay = self._hearsay or "members send us on to others, after wrong guesses; try again in a minute"
            self._queue.send_on(box, letter.mailboxes, now)
        elif isinstance(letter, Busy) and not letter.full:
            seconds = min(letter.retry_ms / 1000, PAUSE_MOST_S)
            self._hearsay = "another is just being let in, or there were too many wrong guesses; try again in a while"
            if now + seconds > self._until:
                self._hearsay = f"nobody is let in for {int(seconds) + 1} s, after wrong guesses; try again then"
            self._queue.put_off(box, seconds, now)
        else:
            self._hearsay = quoted(letter.full if isinstance(letter, Busy) else letter.text)
            self._queue.drop(box)
        self._forget_knocks(box)
        self._seek(now)

    def _answered(self, knock: _Knock, letter: admission.Answer, now: float) -> None:
        if letter.v != VERSION or len(letter.key) != 32 or len(letter.room) != ID_BYTES:
            return None
        if not 1 <= letter.generation <= GENERATIONS:
            return None
        if letter.password and not self._has_password:
            self._password_needed = True
            return self._leave(knock.box, now)
        self._locked |= letter.password
        name = next(name for name, each in self._knocks.items() if each is knock)
        self._knocks.clear()
        handshake = Attempt(
            joiner=True,
            secret=self._secret,
            nameplate=self._nameplate,
            generation=letter.generation,
            room=letter.room,
            attempt=name,
            joiner_key=knock.key,
            sponsor_key=letter.key,
            entropy=self._entropy,
        )
        self._attempt = JoinAttempt(knock.box, name, letter.room, handshake)
        self.state, self._due = JoinerState.HALVING, now + KNOCK_S
        return self._send(knock.box, self._attempt.half)

    def _prove(self, attempt: JoinAttempt, letter: admission.Half, now: float) -> None:
        try:
            proof = attempt.prove(letter, self._apply(attempt.room))
        except Refusal:
            self._queue.drop(attempt.box)
            return self._seek(now)
        self.state, self._due = JoinerState.PROVING, now + min(2 * KNOCK_S, ATTEMPT_S)
        return self._send(attempt.box, proof)

    # Failed proofs -----------------------------------------------------------------------------------------

    def _miss(self, box: Box, now: float) -> None:
        """Goes on to the next group: this one has another code, others on the nameplate may have ours."""
        self._count_miss(box)
        self._leave(box, now)

    def _count_miss(self, box: Box) -> None:
        self.missed += 1
        self._missed_at[box[0]] += 1
        if self._missed_at[box[0]] >= JOIN_GUESSES:
            self._queue.drop_service(box[0])
        if self.missed >= JOIN_GUESSES_MOST:
            self._fail(self._denied())

    def _leave(self, box: Box, now: float) -> None:
        """Goes on to the next group, if there is one."""
        self._forget_knocks(box)
        self._queue.drop_group(box)
        self._seek(now)

    # What is proven ----------------------------------------------------------------------------------------

    def _decline(self, attempt: JoinAttempt, letter: admission.Declined, now: float) -> None:
        """Ends, if who refuses knows the code."""
        why = attempt.reason(letter)
        if why is None:
            return self._miss(attempt.box, now)
        return self._fail(self._denied() if why.code == Code.ACCESS.value else Rejected(quoted(why.text)))

    def _enter(self, attempt: JoinAttempt, letter: admission.Handover, now: float) -> None:
        if not attempt.accept(letter):
            return self._miss(attempt.box, now)
        self.state = JoinerState.RECEIVING
        return self._complete(attempt, now)

    def _complete(self, attempt: JoinAttempt, now: float) -> None:
        """Ends once everything has been handed over; each letter may take a while."""
        self.welcome = attempt.whole()
        if self.welcome is None:
            self._ask(attempt, now)
        else:
            self.state = JoinerState.IN

    def _ask(self, attempt: JoinAttempt, now: float, *, again: bool = False) -> bool:
        """Asks for what is still to be handed over, if it is time to."""
        self._due, ask = now + KNOCK_S, attempt.ask(again=again)
        if ask is not None:
            self._send(attempt.box, ask)
        return ask is not None

    # The end -----------------------------------------------------------------------------------------------

    def _nobody_left(self, now: float) -> SandpiperError:
        """Why it ends where nobody is left who could let us in."""
        if self._password_needed:
            return PasswordNeeded()
        if self.missed:
            return self._denied()
        if self._hearsay:
            return Rejected(f"not let in; who answers at this nameplate says: {self._hearsay}")
        if self._queue:
            return Rejected("not let in: nobody answers; try again in a while")
        return NoSuchRoom("nobody is there any more; ask for another code")

    def _denied(self) -> AccessDenied:
        several = f"; {self.missed} answered at this nameplate, and none of them knew it" if self.missed > 1 else ""
        return AccessDenied(
            "wrong code or password, or somebody in between; ask for the code again: it changes after wrong guesses"
            + several,
            asks_for="password" if self._locked else "",
        )

    def _fail(self, error: SandpiperError) -> None:
        self.state, self.error = JoinerState.FAILED, error
