"""The sponsor: who knows the code gets in, wrong guesses are counted, and nobody keeps it from its work."""

from __future__ import annotations

import pytest

from sandpiper.common.codes import RoomCode, parse_code
from sandpiper.common.errors import AccessDenied, Rejected
from sandpiper.common.limits import KNOCKS_ANSWERED
from sandpiper.common.p2p import admission
from sandpiper.common.p2p.membership import Miss
from sandpiper.peer.events import CodeChanged
from sandpiper.peer.p2p.admission.handshake import shared_secret
from sandpiper.peer.p2p.admission.joiner import Joiner
from tests.peer.p2p.hostile import three
from tests.peer.p2p.simnet import Town


def held_open(town: Town, joiner: Joiner) -> bytes:
    """An attempt whose proof the joiner keeps in its hand."""
    kept: list[bytes] = []

    def keep(mailbox: bytes, body: bytes) -> bytes | None:
        if isinstance(admission.decode_letter(body), admission.Proof):
            kept.append(body)
            return None
        return body

    town.tamper = keep
    town.attempt(joiner, 1)
    town.tamper = lambda mailbox, body: body
    (proof,) = kept
    return proof


@pytest.mark.parametrize("how", ["kick", "rotate"])
def test_an_attempt_that_was_begun_with_the_old_code_lets_nobody_in(how: str) -> None:
    """Somebody who is about to be removed knows the code, and could come back under another name."""
    town, alice, _, mallory = three()
    joiner, keys = town.joiner("harmless", at=[alice])
    proof = held_open(town, joiner)
    if how == "kick":
        alice.member.governance.kick("mallory")
        mallory.dead = True
    else:
        alice.member.governance.rotate()
    town.collect(alice)
    opened = alice.member.gatekeeper.sponsor._open
    assert opened is not None
    letters = alice.member.letter(opened.mailbox, proof, town.now)
    town.collect(alice)
    assert keys.session not in alice.member.ledger.state.members
    answers = [admission.decode_letter(body) for _, body in letters]
    assert not any(isinstance(each, admission.Handover) for each in answers)


def test_an_attempt_that_ran_out_is_counted_though_the_next_knock_comes_first() -> None:
    town = Town()
    alice = town.found("alice")
    joiner, _ = town.joiner("eve")
    held_open(town, joiner)
    letter = admission.Knock(bytes(16), 1, bytes(32))
    alice.member.letter(b"m" * 16, admission.encode(letter), town.now + 60)
    assert alice.member.ledger.state.missed == 1


def test_knocks_and_halves_that_are_none_do_not_keep_a_sponsor_busy() -> None:
    """Discovery limits letters, but may be in on it."""
    town = Town()
    alice = town.found("alice")
    sponsor = alice.member.gatekeeper.sponsor
    for number in range(2 * KNOCKS_ANSWERED):
        name = number.to_bytes(16, "big")
        alice.member.letter(b"m" * 16, admission.encode(admission.Knock(name, 1, bytes(32))), town.now)
        if number % 2:
            alice.member.letter(b"m" * 16, admission.encode(admission.Half(name, b"rubbish")), town.now)
        assert len(sponsor._knocked) <= KNOCKS_ANSWERED
    began = town.now
    town.join("bob")
    assert town.now - began < 1
    assert alice.member.ledger.state.missed == 0


def test_two_that_knock_at_once_come_in_one_after_the_other() -> None:
    town = Town()
    alice = town.found("alice")
    knock = admission.Knock(b"e" * 16, 1, bytes(32))
    (answer,) = alice.member.letter(b"m" * 16, admission.encode(knock), town.now)
    assert isinstance(admission.decode_letter(answer[1]), admission.Answer)
    joiner, _ = town.joiner("eve")
    held_open(town, joiner)
    half = admission.encode(admission.Half(b"e" * 16, joiner._attempt.half.message if joiner._attempt else b""))
    (busy,) = alice.member.letter(b"m" * 16, half, town.now)
    assert isinstance(admission.decode_letter(busy[1]), admission.Busy)


def test_a_member_that_uses_the_code_up_stops_no_sponsor() -> None:
    town, alice, _, mallory = three()
    for generation in range(1, 1200):
        for _ in range(10):
            mallory.member.ledger.add(mallory.keys.session, 2, Miss(generation))
            alice.member.ledger.add(mallory.keys.session, 2, Miss(generation))
    assert alice.member.governance.code_state().forced > 1100
    joiner, _ = town.joiner("eve", at=[alice])
    joiner._secret = b"wrong"
    town.attempt(joiner)
    assert joiner.error is not None


def test_who_has_let_in_its_share_leaves_the_door_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.peer.p2p.replication.ledger.ADMITS_MOST", 2)
    town = Town()
    alice = town.found("alice")
    bob = town.join("bob")
    town.join("carol")
    with pytest.raises(Rejected, match=r"nobody is let in|try again in a while"):
        town.join("dave", at=[alice])
    town.join("dave", at=[alice, bob])


def test_a_wrong_code_is_refused_and_counted() -> None:
    town = Town()
    alice = town.found("alice")
    with pytest.raises(AccessDenied):
        town.join("eve", RoomCode(("pine", "river"), 42))
    assert alice.warned == ["guess"]
    with pytest.raises(AccessDenied):
        town.join("eve", password="secret")
    town.join("bob")


def test_ten_wrong_guesses_change_the_code_everywhere() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    town.settle(3)
    for number in range(10):
        with pytest.raises(AccessDenied):
            town.join("eve", RoomCode(("pine", "river"), 42), at=[(alice, bob)[number % 2]])
        town.settle(1)
    codes = {event.code for event in alice.events if isinstance(event, CodeChanged)}
    assert len(codes) == 1
    assert codes == {event.code for event in bob.events if isinstance(event, CodeChanged)}
    town.settle(5)
    with pytest.raises(AccessDenied):
        town.join("carol")
    town.settle(5)
    town.join("carol", parse_code(codes.pop()))


def test_a_full_room_says_so() -> None:
    town = Town()
    town.found("alice", capacity=2)
    town.join("bob")
    town.settle(2)
    with pytest.raises(Rejected, match="full"):
        town.join("carol")


def test_replayed_and_truncated_letters_get_nobody_in() -> None:
    town = Town()
    alice = town.found("alice")
    letters: list[bytes] = []

    def note(mailbox: bytes, body: bytes) -> bytes:
        if mailbox == alice.mailbox:
            letters.append(body)
        return body

    town.tamper = note
    town.join("bob")
    town.settle(2)
    known = set(alice.member.ledger.state.members)
    for mailbox in (b"eve".ljust(16), b"bob".ljust(16)):
        for body in [*letters, *(body[: len(body) // 2] for body in letters), b"", b"\xc1", town.random.randbytes(100)]:
            alice.member.letter(mailbox, body, town.now)
            town.collect(alice)
    town.settle(60)
    assert set(alice.member.ledger.state.members) == known
    town.tamper = lambda mailbox, body: body
    town.settle(60)
    town.join("carol", alice.member.context.code)


def test_a_joiner_that_dies_half_way_costs_a_guess_and_holds_nobody_up_for_long() -> None:
    town = Town()
    alice = town.found("alice")
    town.tamper = lambda mailbox, body: None if isinstance(admission.decode_letter(body), admission.Proof) else body
    joiner, _ = town.joiner("bob")
    town.attempt(joiner, 1)
    town.tamper = lambda mailbox, body: body
    town.join("carol")
    town.settle(40)
    assert alice.warned == ["guess"]


def test_ten_thousand_guesses_get_nowhere() -> None:
    """Ten a generation, then ever longer pauses: in a day of trying some hundred, of four million codes."""
    town = Town()
    alice = town.found("alice")
    tried = 0
    end = town.now + 86_400
    while town.now < end:
        joiner, _ = town.joiner("eve")
        joiner._secret = shared_secret(f"guess-{tried}", None)
        town.attempt(joiner)
        tried += isinstance(joiner.error, AccessDenied)
        town.settle(1)
        alice.events.clear()
        if tried >= 60:
            break
    assert alice.member.ledger.state.generation >= 6
    assert town.now - 1000 > 250
