"""Whoever knocks at everybody at once has ten guesses, and a joiner finds who lets in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandpiper.common.codes import RoomCode
from sandpiper.common.errors import AccessDenied
from sandpiper.common.limits import DOORKEEPERS, GUESSES, STANDS_AGAIN_S
from sandpiper.common.p2p import admission
from sandpiper.common.p2p.admission import Answer, Elsewhere, Half, Handover, Knock, Proof
from sandpiper.peer.p2p.admission.guesses import share
from sandpiper.peer.p2p.admission.handshake import Attempt, shared_secret
from sandpiper.peer.p2p.state.peer import Way
from tests.peer.p2p.simnet import CODE, Citizen, Town


def leased(town: Town, citizens: list[Citizen] | None = None) -> None:
    """A discovery service tells each member of the others' leases."""
    for citizen in town.citizens:
        there = {each.mailbox: each.member.lease()[1] for each in citizens or town.citizens if each is not citizen}
        citizen.member.read_leases(None, there, town.now)


def crowd(count: int) -> Town:
    town = Town()
    town.found("0")
    for number in range(1, count):
        town.join(f"{number}", at=town.citizens[:1])
        town.settle(0.2)
    town.settle(5)
    leased(town)
    return town


class Guesser:
    """Opens an attempt at every member, each with another guess, and sends no proof before all halves are shown."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.opened: list[tuple[Citizen, bytes, Attempt]] = []
        self.sent_on: list[list[bytes]] = []
        self.guesses = 0

    def open(self, words: Callable[[int], str]) -> int:
        """Opens as many as it can; returns how many that are."""
        self.opened.clear()
        for citizen in self.town.citizens:
            attempt = self._half(citizen, words(len(self.opened)))
            if attempt is not None:
                self.opened.append((citizen, *attempt))
        return len(self.opened)

    def _half(self, citizen: Citizen, words: str) -> tuple[bytes, Attempt] | None:
        name, key = self.town.random.randbytes(16), self.town.random.randbytes(32)
        answer = self._say(citizen, Knock(name, 1, key))
        if isinstance(answer, Elsewhere):
            self.sent_on.append(answer.mailboxes)
        if not isinstance(answer, Answer) or answer.generation != 1:
            return None
        attempt = Attempt(
            joiner=True,
            secret=shared_secret(words, None),
            nameplate=CODE.nameplate,
            generation=answer.generation,
            room=answer.room,
            attempt=name,
            joiner_key=key,
            sponsor_key=answer.key,
            entropy=self.town.random.randbytes,
        )
        half = self._say(citizen, Half(name, attempt.message))
        if not isinstance(half, Half):
            return None
        attempt.finish(half.message)
        return name, attempt

    def prove(self) -> list[object]:
        """Sends all proofs at once; nobody has heard of anybody's guess before they are judged."""
        self.guesses += len(self.opened)
        return [
            self._say(citizen, Proof(name, attempt.confirmation, attempt.seal(b"")))
            for citizen, name, attempt in self.opened
        ]

    def _say(self, citizen: Citizen, letter: admission.Letter) -> object:
        answers = citizen.member.letter(b"g" * 16, admission.encode(letter), self.town.now)
        return admission.decode_letter(answers[0][1]) if answers else None

    def pass_on(self) -> None:
        """The members tell each other now."""
        for citizen in self.town.citizens:
            self.town.collect(citizen)
        self.town.settle(2)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 16])
def test_of_many_that_are_asked_at_once_so_few_answer_that_there_are_ten_guesses(count: int) -> None:
    """Sixteen members judged fifteen wrong guesses against one generation, and then let the right one in."""
    town = crowd(count)
    guesser = Guesser(town)
    while guesser.open(lambda number: f"wrong-{number}"):
        assert not any(isinstance(answer, Handover) for answer in guesser.prove())  # and nothing is passed on
        assert guesser.guesses <= GUESSES
    assert guesser.guesses == GUESSES
    guesser.pass_on()
    assert {citizen.member.guesses.generation for citizen in town.citizens} == {2}
    assert len({citizen.member.context.code for citizen in town.citizens}) == 1


def test_what_was_guessed_before_leaves_less_for_all_at_once() -> None:
    town = crowd(6)
    guesser = Guesser(town)
    for _ in range(3):
        if guesser.open(lambda number: f"wrong-{number}"):
            del guesser.opened[3:]
            guesser.prove()
            guesser.pass_on()
        town.settle(31)
        leased(town)
    assert {citizen.member.guesses.generation for citizen in town.citizens} == {2}


def test_who_is_not_near_sends_a_joiner_on() -> None:
    town = crowd(9)
    guesser = Guesser(town)
    assert guesser.open(lambda number: f"wrong-{number}") == DOORKEEPERS
    keepers = {citizen.mailbox for citizen, _, _ in guesser.opened}
    assert town.citizens[0].mailbox in keepers
    assert len(guesser.sent_on) == 9 - DOORKEEPERS
    assert all(set(mailboxes) == keepers for mailboxes in guesser.sent_on)
    town.settle(31)
    far = next(citizen for citizen in town.citizens if citizen.mailbox not in keepers)
    town.join("late", town.citizens[0].member.context.code, at=[far])


def test_an_owner_is_nearer_than_whom_the_founder_let_in() -> None:
    town = crowd(6)
    guesser = Guesser(town)
    guesser.open(lambda number: f"wrong-{number}")
    far = next(each for each in town.citizens if each not in [citizen for citizen, _, _ in guesser.opened])
    town.citizens[0].member.removals.name_owner(far.name)
    town.collect(town.citizens[0])
    town.settle(32)
    guesser.open(lambda number: f"wrong-{number}")
    assert far in [citizen for citizen, _, _ in guesser.opened]


def test_where_no_doorkeeper_has_a_lease_others_stand_in_and_not_more() -> None:
    town = crowd(11)
    guesser = Guesser(town)
    guesser.open(lambda number: f"wrong-{number}")
    keepers = [citizen for citizen, _, _ in guesser.opened]
    there = [citizen for citizen in town.citizens if citizen not in keepers]
    leased(town, there)
    town.citizens, everybody = there, town.citizens
    assert guesser.open(lambda number: f"wrong-{number}") == DOORKEEPERS
    town.citizens = everybody


def test_a_joiner_gets_in_by_whomever_it_asks_first() -> None:
    town = crowd(8)
    for citizen in list(town.citizens):
        town.join(f"new at {citizen.name}", at=[citizen, *town.citizens])
        town.settle(0.5)
        leased(town)


def test_a_wrong_code_is_told_whomever_one_asks() -> None:
    town = crowd(9)
    for citizen in town.citizens[3:]:
        with pytest.raises(AccessDenied):
            town.join("eve", RoomCode(("pine", "river"), 42), at=[citizen, *town.citizens])
        town.settle(STANDS_AGAIN_S)


@pytest.mark.parametrize("count", range(1, DOORKEEPERS + 1))
def test_the_shares_are_the_guesses(count: int) -> None:
    shares = [share(rank, count) for rank in range(count)]
    assert sum(shares) == GUESSES
    assert max(shares) - min(shares) <= 1


def test_a_person_s_two_windows_are_one() -> None:
    town = crowd(1)
    founder = town.citizens[0]
    window = town.join("0", identity=founder.keys.identity)
    town.settle(5)
    leased(town)
    guesser = Guesser(town)
    assert guesser.open(lambda number: f"wrong-{number}") == 1
    assert guesser.sent_on in ([[founder.mailbox]], [[window.mailbox]])
    assert guesser.prove()
    town.arrive(window, founder, b"", Way.MESH)
