"""The sponsor: a member that lets others in who know the code.

Many may knock, which shows nothing; one attempt at a time goes on from there. From its own half on, anything but the
right confirmation within ATTEMPT_S is a wrong guess, also silence: what has been shown could be tested against one
guess. Guesses are passed on, so all members count together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import (
    ATTEMPT_S,
    HANDOVER_AHEAD,
    HANDOVERS_AT_ONCE,
    KNOCK_ANSWERED_S,
    KNOCKS_ANSWERED,
    VERSION,
)
from sandpiper.common.p2p import admission
from sandpiper.common.p2p.admission import AnyLetter, Application
from sandpiper.peer.p2p.admission.guesses import pause_s
from sandpiper.peer.p2p.admission.handover import Remainder
from sandpiper.peer.p2p.admission.handshake import Attempt, shared_secret


@dataclass(frozen=True, slots=True)
class CodeState:
    """The code as it is now: its nameplate and generation, what must be known, how often it was forced to change.

    `missed_at` is when somebody last made a wrong guess at any member: the oftener it was forced to change, the longer
    nobody may try again.

    `spent`: nobody more may come in here for now, whatever they know.
    """

    nameplate: int
    generation: int
    words: str = field(repr=False)
    password: str | None = field(repr=False)
    forced: int
    missed_at: float
    spent: bool = False

    @property
    def not_before(self) -> float:
        """When somebody may try again."""
        return self.missed_at + pause_s(self.forced)

    @property
    def asked(self) -> tuple[int, str, str | None]:
        """The parts that an attempt depends on."""
        return self.generation, self.words, self.password


@dataclass(frozen=True, slots=True)
class Missed:
    """A wrong guess against this generation of the code."""

    generation: int


@dataclass(frozen=True, slots=True)
class Knows:
    """A joiner that knows the code: it is to be let in by `Sponsor.admit`, or refused by `Sponsor.deny`."""

    mailbox: bytes
    application: Application


@dataclass(frozen=True, slots=True)
class _Knocked:
    """A knock that was answered, which may begin an attempt until then."""

    letter: admission.Knock
    key: bytes = field(repr=False)
    code: CodeState
    until: float


@dataclass(slots=True)
class _Open:
    mailbox: bytes
    name: bytes
    code: CodeState
    attempt: Attempt
    until: float
    proven: bool = False


@dataclass(slots=True)
class _Handing:
    """A handover under way: what of it is sent when it is asked for, until then, and how often at most."""

    attempt: Attempt
    more: Remainder
    until: float
    asks: int


class Sponsor:
    """The sponsor's side of admission. `code` gives the code as it is now. Take `letters` after each call."""

    def __init__(self, room: bytes, code: Callable[[], CodeState], entropy: Callable[[int], bytes]) -> None:
        self.room = room
        self.letters: list[tuple[bytes, bytes]] = []  # mailbox and body
        self._code = code
        self._entropy = entropy
        self._knocked: dict[tuple[bytes, bytes], _Knocked] = {}  # by mailbox and attempt, the oldest first
        self._open: _Open | None = None
        self._handing: dict[tuple[bytes, bytes], _Handing] = {}  # by mailbox and attempt, the longest idle first

    def get_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        due = [handing.until for handing in self._handing.values()]
        return min([*due, self._open.until] if self._open is not None else due, default=None)

    def handle_timer(self, now: float) -> Missed | None:
        """Ends an attempt that was left open; returns the guess that it was."""
        self._handing = {name: each for name, each in self._handing.items() if each.until > now}
        if self._open is None or now < self._open.until:
            return None
        gave_up, self._open = self._open, None
        return None if gave_up.proven else Missed(gave_up.code.generation)

    def letter(self, mailbox: bytes, letter: AnyLetter, now: float, full: str) -> Missed | Knows | None:
        """Takes one letter of a joiner; `full` says why nobody can come in, if so."""
        match letter:
            case admission.Knock():
                self._knock(mailbox, letter, now, full)
            case admission.Half():
                self._half(mailbox, letter, now)
            case admission.Proof() if self._is_open(mailbox, letter):
                return self._proof(letter, now)
            case admission.Rest():
                self._go_on(mailbox, letter, now)
        return None

    def _is_open(self, mailbox: bytes, letter: AnyLetter) -> bool:
        return self._open is not None and (self._open.mailbox, self._open.name) == (mailbox, letter.attempt)

    def _knock(self, mailbox: bytes, letter: admission.Knock, now: float, full: str) -> None:
        if letter.v != VERSION:
            text = f"this room speaks version {VERSION} of the protocol, you {letter.v}; upgrade the older one"
            return self._send(mailbox, admission.Denied(letter.attempt, text, Code.VERSION.value))
        if full:
            return self._send(mailbox, admission.Busy(letter.attempt, 0, full))
        if len(letter.key) != 32 or len(letter.attempt) != 16:
            return None
        code = self._code()
        if (wait := self._wait(code, now)) > 0:
            return self._send(mailbox, admission.Busy(letter.attempt, int(wait * 1000) + 1))
        if code.spent:
            return self._send(mailbox, admission.Busy(letter.attempt, 1000))
        self._knocked = {name: each for name, each in self._knocked.items() if each.until > now}
        if len(self._knocked) >= KNOCKS_ANSWERED:
            del self._knocked[next(iter(self._knocked))]
        key = self._entropy(32)
        self._knocked[mailbox, letter.attempt] = _Knocked(letter, key, code, now + KNOCK_ANSWERED_S)
        needed = code.password is not None
        return self._send(mailbox, admission.Answer(letter.attempt, VERSION, key, code.generation, self.room, needed))

    def _wait(self, code: CodeState, now: float) -> float:
        """How long no attempt may begin."""
        proving = min(self._open.until - now, 0.5) if self._open is not None else 0.0
        return max(proving, code.not_before - now)

    def _half(self, mailbox: bytes, letter: admission.Half, now: float) -> None:
        knocked = self._knocked.pop((mailbox, letter.attempt), None)
        if knocked is None or knocked.until <= now:
            return None
        if (wait := self._wait(self._code(), now)) > 0:
            return self._send(mailbox, admission.Busy(letter.attempt, int(wait * 1000) + 1))
        attempt = Attempt(
            joiner=False,
            secret=shared_secret(knocked.code.words, knocked.code.password),
            nameplate=knocked.code.nameplate,
            generation=knocked.code.generation,
            room=self.room,
            attempt=letter.attempt,
            joiner_key=knocked.letter.key,
            sponsor_key=knocked.key,
            entropy=self._entropy,
        )
        try:
            attempt.finish(letter.message)
        except Refusal:
            return None  # nothing was shown
        self._open = _Open(mailbox, letter.attempt, knocked.code, attempt, now + ATTEMPT_S)
        return self._send(mailbox, admission.Half(letter.attempt, attempt.message))

    def _proof(self, letter: admission.Proof, now: float) -> Missed | Knows | None:
        opened = self._open
        assert opened is not None
        if opened.proven:
            return None
        if not opened.attempt.proves(letter.confirm):
            self._open = None
            self._send(opened.mailbox, admission.Denied(letter.attempt, "wrong code"))
            return Missed(opened.code.generation)
        opened.proven = True
        if self._code().asked != opened.code.asked:
            # Who is being removed knows the code that was: it may not come back by an attempt begun before.
            self.deny(Refusal(Code.ACCESS, "the code has just changed"))
            return None
        try:
            application: Application = admission.decode(Application, opened.attempt.unseal(letter.sealed))
        except Refusal as refusal:
            self.deny(refusal)
            return None
        return Knows(opened.mailbox, application)

    def admit(self, welcome: admission.Welcome, more: Remainder, now: float) -> None:
        """Answers Knows with the room, and the first of what did not fit one letter; the joiner asks for the others."""
        opened, self._open = self._open, None
        assert opened is not None
        opened_confirm = opened.attempt.confirmation
        sealed = opened.attempt.seal(admission.encode(welcome))
        self._send(opened.mailbox, admission.Handover(opened.name, opened_confirm, sealed))
        handing = _Handing(opened.attempt, more, now + ATTEMPT_S, 2 * len(more))
        self._hand(opened.mailbox, opened.name, handing, 0)
        if len(more):
            self._handing[opened.mailbox, opened.name] = handing
        if len(self._handing) > HANDOVERS_AT_ONCE:
            del self._handing[next(iter(self._handing))]

    def _hand(self, mailbox: bytes, name: bytes, handing: _Handing, first: int) -> None:
        for index in range(first, min(first + HANDOVER_AHEAD, len(handing.more))):
            body = admission.encode(handing.more.letter(index))
            self._send(mailbox, admission.Rest(name, handing.attempt.seal(body)))

    def _go_on(self, mailbox: bytes, letter: admission.Rest, now: float) -> None:
        """Sends a joiner that has been let in the next letters, from the one on for which it asks."""
        handing = self._handing.get((mailbox, letter.attempt))
        if handing is None or not handing.asks:
            return
        try:
            asked: admission.More = admission.decode(admission.More, handing.attempt.unseal(letter.sealed))
        except Refusal:
            return
        handing.asks -= 1
        handing.until = now + ATTEMPT_S
        self._handing[mailbox, letter.attempt] = self._handing.pop((mailbox, letter.attempt))
        self._hand(mailbox, letter.attempt, handing, max(asked.index, 0))

    def deny(self, refusal: Refusal) -> None:
        """Answers Knows with no, for another reason than the code, and proves that it knows the code as well."""
        opened, self._open = self._open, None
        assert opened is not None
        sealed = opened.attempt.seal(admission.encode(admission.Reason(refusal.code.value, refusal.text)))
        self._send(opened.mailbox, admission.Declined(opened.name, opened.attempt.confirmation, sealed))

    def _send(self, mailbox: bytes, letter: AnyLetter) -> None:
        self.letters.append((mailbox, admission.encode(letter)))
