"""The joiner: whatever sponsors and discovery services answer, it shows few proofs, and gets in or says why not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandpiper.common.codes import RoomCode
from sandpiper.common.errors import AccessDenied, PasswordNeeded, Refusal, SandpiperError
from sandpiper.common.limits import (
    ATTEMPT_S,
    JOIN_GUESSES,
)
from sandpiper.common.p2p import admission
from sandpiper.peer.p2p.admission.box_queue import Box
from sandpiper.peer.p2p.admission.handshake import Attempt, shared_secret
from sandpiper.peer.p2p.admission.joiner import Joiner
from tests.peer.p2p.simnet import CODE, Town


class Service:
    """A discovery service that answers in the members' places, and does with a joiner what it likes."""

    def __init__(self, town: Town, joiner: Joiner) -> None:
        self.town = town
        self.joiner = joiner
        self.proofs = 0

    def run(self, answer: Callable[[admission.AnyLetter], admission.AnyLetter | None]) -> None:
        end = self.town.now + 200
        while not self.joiner.done and self.town.now < end:
            letters, self.joiner.letters = self.joiner.letters, []
            for box, body in letters:
                letter = admission.decode_letter(body)
                self.proofs += isinstance(letter, admission.Proof)
                said = answer(letter)
                if said is not None:
                    self.joiner.letter(box, admission.encode(said), self.town.now)
            if not self.joiner.letters:
                self.town.now = max(self.town.now, self.joiner.get_timer() or end)
                self.joiner.handle_timer(self.town.now)

    def sponsor(self, letter: admission.AnyLetter, generation: int = 1) -> admission.AnyLetter | None:
        match letter:
            case admission.Knock():
                return admission.Answer(letter.attempt, 1, bytes(32), generation, bytes(32))
            case admission.Half():
                other = Attempt(
                    joiner=False, secret=b"guess", nameplate=42, generation=1, room=bytes(32), attempt=letter.attempt,
                    joiner_key=bytes(32), sponsor_key=bytes(32), entropy=self.town.random.randbytes,
                )  # fmt: skip
                return admission.Half(letter.attempt, other.message)
        return None


@pytest.mark.parametrize("after", ["busy", "silence"])
def test_a_joiner_gives_a_service_three_guesses_whatever_it_says(after: str) -> None:
    town = Town()
    town.found("alice")
    joiner, _ = town.joiner("bob")
    service = Service(town, joiner)

    def answer(letter: admission.AnyLetter) -> admission.AnyLetter | None:
        if isinstance(letter, admission.Proof):
            return admission.Busy(letter.attempt, 1) if after == "busy" else None
        return service.sponsor(letter)

    service.run(answer)
    assert isinstance(joiner.error, AccessDenied)
    assert service.proofs <= JOIN_GUESSES


@pytest.mark.parametrize("generation", [-1, 0, 1 << 63, (1 << 64) - 1])
def test_a_generation_that_cannot_be_stops_no_joiner(generation: int) -> None:
    town = Town()
    town.found("alice")
    joiner, _ = town.joiner("bob")
    service = Service(town, joiner)
    service.run(lambda letter: service.sponsor(letter, generation))
    assert joiner.error is not None
    assert service.proofs == 0


def test_a_password_is_needed_where_there_is_one() -> None:
    town = Town()
    alice = town.found("alice", password="open sesame")
    with pytest.raises(AccessDenied, match="wrong code or password") as denied:
        town.join("eve", password="open says me")
    assert denied.value.asks_for == "password"
    assert alice.warned == ["guess"]
    town.join("bob", password="open sesame")


@pytest.mark.parametrize("password", [None, "needless"])
def test_where_there_is_no_password_a_wrong_code_asks_for_none(password: str | None) -> None:
    town = Town()
    town.found("alice")
    with pytest.raises(AccessDenied, match="ask for the code again") as denied:
        town.join("eve", RoomCode(("pine", "river"), CODE.nameplate), password=password)
    assert denied.value.asks_for == ""


def test_a_password_that_is_forgotten_is_no_guess() -> None:
    town = Town()
    alice = town.found("alice", password="open sesame")
    for name in ("bob", "carol", "dave"):
        joiner, _ = town.joiner(name)
        town.attempt(joiner)
        assert isinstance(joiner.error, PasswordNeeded)
    town.settle(ATTEMPT_S + 1)
    assert alice.warned == []
    assert alice.member.guesses.missed == 0
    town.join("bob", password="open sesame")


def test_who_has_no_password_tries_another_room_of_that_number() -> None:
    rooms = Town(1), Town(2)
    locked, open_ = rooms[0].found("alice", password="open sesame"), rooms[1].found("bob")
    joiner, _ = rooms[0].joiner("carol", boxes=[[("", locked.mailbox)], [("", open_.mailbox)]])
    rooms[0].citizens.append(open_)
    rooms[0].attempt(joiner)
    assert joiner.welcome is not None
    assert (locked.warned, joiner.welcome.room) == ([], open_.member.keyring.room)


def test_no_proof_is_shown_to_who_asks_for_a_password() -> None:
    town, seen = Town(), list[object]()

    def look(_: bytes, body: bytes) -> bytes:
        seen.append(admission.decode_letter(body))
        return body

    town.found("alice", password="open sesame")
    town.tamper = look
    with pytest.raises(PasswordNeeded):
        town.join("eve")
    assert [type(letter) for letter in seen] == [admission.Knock, admission.Answer]


def test_a_service_that_alters_any_letter_gains_nothing() -> None:
    town = Town()
    alice = town.found("alice")
    for index in range(6):
        seen = [0]

        def alter(mailbox: bytes, body: bytes, seen: list[int] = seen, index: int = index) -> bytes:
            seen[0] += 1
            if seen[0] != index + 1:
                return body
            return body[:-7] + bytes([body[-7] ^ 1]) + body[-6:]

        town.tamper = alter
        joiner, _ = town.joiner("bob")
        town.attempt(joiner, 100)
        assert joiner.error is None or isinstance(joiner.error, SandpiperError)
        if joiner.welcome is not None:
            assert joiner.welcome.room == alice.member.keyring.room
    town.tamper = lambda mailbox, body: body
    town.settle(60)
    town.join("bob", alice.member.context.code)


def test_a_service_in_the_middle_has_one_guess_and_is_noticed() -> None:
    """It answers in a member's place, with keys of its own and a guessed code."""
    town = Town()
    town.found("alice")
    joiner, _ = town.joiner("bob")
    (box, body), *_ = _posted(town, joiner)
    first = admission.decode_letter(body)
    assert isinstance(first, admission.Knock)
    mine = town.random.randbytes(32)
    room = town.random.randbytes(32)
    joiner.letter(box, admission.encode(admission.Answer(first.attempt, 1, mine, 1, room)), town.now)
    (_, half_body), *_ = _posted(town, joiner)
    half = admission.decode_letter(half_body)
    assert isinstance(half, admission.Half)
    attempt = Attempt(
        joiner=False, secret=shared_secret("pine-river", None), nameplate=CODE.nameplate, generation=1, room=room,
        attempt=first.attempt, joiner_key=first.key, sponsor_key=mine, entropy=town.random.randbytes,
    )  # fmt: skip
    attempt.finish(half.message)
    joiner.letter(box, admission.encode(admission.Half(first.attempt, attempt.message)), town.now)
    (_, proof_body), *_ = _posted(town, joiner)
    proof = admission.decode_letter(proof_body)
    assert isinstance(proof, admission.Proof)
    assert not attempt.proves(proof.confirm)
    with pytest.raises(Refusal):
        attempt.unseal(proof.sealed)
    handover = admission.Handover(first.attempt, attempt.confirmation, proof.sealed)
    joiner.letter(box, admission.encode(handover), town.now)
    assert isinstance(joiner.error, AccessDenied)
    assert "in between" in str(joiner.error)


def _posted(town: Town, joiner: Joiner) -> list[tuple[Box, bytes]]:
    joiner.handle_timer(town.now)
    letters, joiner.letters = joiner.letters, []
    return letters


def test_a_sponsor_that_vanishes_is_replaced_by_the_next() -> None:
    town = Town()
    alice = town.found("alice")
    bob = town.join("bob")
    town.settle(2)
    joiner, _ = town.joiner("carol", at=[alice, bob])
    alice.dead = True
    town.attempt(joiner)
    assert joiner.welcome is not None
    assert joiner.welcome.sponsor == bob.keys.session
