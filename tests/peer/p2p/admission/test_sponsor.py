"""The sponsor: who knows the code gets in, wrong guesses are counted, and nobody keeps it from its work."""

from __future__ import annotations

import msgspec
import pytest

from sandpiper.common.codes import RoomCode, parse_code
from sandpiper.common.errors import AccessDenied, Rejected
from sandpiper.common.limits import GENERATIONS, GUESSES, KNOCKS_ANSWERED, LETTER_BYTES, MISS_CREDIT_S, MISSES_TOLD
from sandpiper.common.p2p import admission, misses, packets
from sandpiper.common.p2p.misses import MissCount
from sandpiper.peer.events import CodeChanged
from sandpiper.peer.p2p.admission.guesses import share
from sandpiper.peer.p2p.admission.handshake import shared_secret
from sandpiper.peer.p2p.admission.joiner import Joiner
from sandpiper.peer.p2p.state.peer import Way
from tests.peer.p2p.hostile import stranger, three
from tests.peer.p2p.simnet import Citizen, Town


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


@pytest.mark.parametrize("how", ["kick", "new code"])
def test_an_attempt_that_was_begun_with_the_old_code_lets_nobody_in(how: str) -> None:
    """Somebody who is about to be removed knows the code, and could come back under another name."""
    town, alice, _, mallory = three()
    joiner, keys = town.joiner("harmless", at=[alice])
    proof = held_open(town, joiner)
    if how == "kick":
        alice.member.removals.kick("mallory")
        mallory.dead = True
    else:
        alice.member.removals.change_code()
    town.collect(alice)
    opened = alice.member.gatekeeper.sponsor._open
    assert opened is not None
    letters = alice.member.letter(opened.mailbox, proof, town.now)
    town.collect(alice)
    assert keys.session not in alice.member.roster.members
    answers = [admission.decode_letter(body) for _, body in letters]
    assert not any(isinstance(each, admission.Handover) for each in answers)


def test_an_attempt_that_ran_out_is_counted_though_the_next_knock_comes_first() -> None:
    town = Town()
    alice = town.found("alice")
    joiner, _ = town.joiner("eve")
    held_open(town, joiner)
    letter = admission.Knock(bytes(16), 1, bytes(32))
    alice.member.letter(b"m" * 16, admission.encode(letter), town.now + 60)
    assert alice.member.guesses.missed == 1


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
    assert alice.member.guesses.missed == 0


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


def lies(town: Town, mallory: Citizen, count: int, to: list[Citizen], generations: int = GENERATIONS) -> None:
    """Has mallory say that it has met so many wrong guesses in each generation."""
    keyring, epoch = mallory.member.keyring, to[0].member.keyring.epoch.id
    for generation in range(1, generations + 1):
        made = misses.sign(keyring.keys.identity, keyring.room, epoch, generation, count)
        for citizen in to:
            town.arrive(mallory, citizen, keyring.to_one(citizen.keys.session, packets.Misses([made])), Way.MESH)


def test_a_code_that_is_used_up_lets_nobody_in_until_an_owner_makes_another() -> None:
    town, alice, bob, mallory = three()
    guesses = alice.member.guesses
    while not guesses.spent:
        guesses.miss()
    town.settle(120)
    joiner, _ = town.joiner("carol", alice.member.context.code, at=[alice])
    town.attempt(joiner)
    assert joiner.welcome is None
    alice.member.removals.kick("mallory")
    town.collect(alice)
    mallory.dead = True
    town.settle(3)
    town.join("carol", alice.member.context.code, at=[alice, bob])


def test_who_lies_about_guesses_ends_no_generation_alone_at_once() -> None:
    town, alice, bob, mallory = three()
    lies(town, mallory, GUESSES, [alice, bob])
    assert (alice.member.guesses.generation, alice.member.guesses.missed) == (1, share(0, 3))
    town.settle(20)
    town.join("carol", at=[alice, bob])
    town.settle(MISS_CREDIT_S * GUESSES)
    assert alice.member.guesses.generation == bob.member.guesses.generation == 2  # it was said, and comes to count


def test_invented_persons_share_what_their_branch_may_say() -> None:
    town, alice, bob, mallory = three()
    for number in range(3):
        lies(town, town.join(f"puppet {number}", at=[mallory]), GUESSES, [alice, bob], 2)
    lies(town, mallory, GUESSES, [alice, bob], 2)
    assert alice.member.guesses.generation == 1
    assert alice.member.guesses.missed <= share(0, 3)


def test_counts_without_end_are_no_news() -> None:
    """Each was a warning, and was passed on."""
    town, alice, bob, mallory = three()
    for count in range(GUESSES + 1, 300):
        lies(town, mallory, count, [alice, bob], 1)
    assert (alice.member.guesses.missed, alice.warned) == (0, [])
    for count in range(1, GUESSES + 1):
        lies(town, mallory, count, [alice], 3)
    assert alice.warned.count("guess") <= GUESSES


def sponsor_lies(mallory: Citizen, generations: int) -> None:
    """Has mallory hand counts over that it has signed itself, which end so many generations."""
    keyring = mallory.member.keyring
    name, signing = keyring.epoch.id, keyring.keys.identity
    made = [misses.sign(signing, keyring.room, name, number, GUESSES) for number in range(1, generations + 1)]
    mallory.member.guesses.settled = lambda: made  # type: ignore[method-assign]


def test_a_sponsor_that_lies_about_guesses_gives_a_newcomer_no_other_code_for_long() -> None:
    """The newcomer showed a code that nobody else accepted, and let nobody in."""
    town, alice, bob, mallory = three()
    sponsor_lies(mallory, GENERATIONS - 1)
    carol = town.join("carol", at=[mallory])
    town.settle(5)
    assert {each.member.guesses.generation for each in (alice, bob, carol)} == {1}
    assert {each.member.context.code for each in (alice, bob, carol)} == {alice.member.context.code}
    assert "code" in carol.warned
    town.join("dave", at=[carol, alice, bob])


def test_whom_a_lying_sponsor_has_invented_corrects_nobody() -> None:
    """An honest sponsor is believed: a junior that says the code has not gone so far may be invented."""
    town, alice, bob, mallory = three()
    for each in (alice, bob, mallory):
        for _ in range(GUESSES):
            each.member.guesses.miss()
    puppet = town.join("puppet", alice.member.context.code, at=[bob])
    carol = town.join("carol", alice.member.context.code, at=[bob])
    assert carol.member.guesses.generation == 2
    assert not carol.member.guesses.heard(puppet.keys.session, 1, town.now)
    assert carol.member.guesses.generation == 2
    assert carol.member.guesses.heard(alice.keys.session, 1, town.now)


def test_no_liar_uses_all_generations_up_in_a_day() -> None:
    town, alice, _, mallory = three()
    keyring, guesses = mallory.member.keyring, alice.member.guesses
    now, epoch = town.now, alice.member.keyring.epoch.id
    while now < town.now + 24 * 3600 and not guesses.spent:
        guesses.told([misses.sign(keyring.keys.identity, keyring.room, epoch, guesses.generation, GUESSES)], now)
        now += 10.0
    assert not guesses.spent


def test_what_is_known_of_wrong_guesses_fits_a_letter_whoever_says_so() -> None:
    """Sixty invented persons' counts of all generations were 217 kB, which no newcomer could be handed."""
    town, alice, _, mallory = three()
    crowd = [town.join(f"puppet {number}", at=[mallory]) for number in range(12)]
    guesses = alice.member.guesses
    for _ in range(GENERATIONS - 1):
        for each in crowd:
            lies(town, each, GUESSES, [alice])
        generation = guesses.generation
        while guesses.generation == generation:
            guesses.miss()
        assert len(guesses.since(1)) <= MISSES_TOLD
    assert guesses.spent
    assert len(guesses.settled()) <= GUESSES * GENERATIONS
    assert sum(len(packets.encode(each)) for each in guesses.settled()) < LETTER_BYTES / 2


def test_many_false_counts_in_a_packet_cost_one_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    town, alice, bob, mallory = three()
    checked: list[MissCount] = []
    monkeypatch.setattr(MissCount, "holds", lambda count, room: checked.append(count))
    person, epoch = bob.keys.identity.verify_key, alice.member.keyring.epoch.id
    false = [MissCount(bytes(person), epoch, 1, 1 + number % GUESSES, bytes(64)) for number in range(1400)]
    for said in (false, false[:MISSES_TOLD]):
        packet = mallory.member.keyring.to_one(alice.keys.session, packets.Misses(said))
        town.arrive(mallory, alice, packet, Way.MESH)
    assert len(checked) == 1


def test_counts_that_are_not_signed_or_of_no_member_count_for_nothing() -> None:
    town, alice, bob, mallory = three()
    room, epoch = alice.member.keyring.room, alice.member.keyring.epoch.id
    by_stranger = misses.sign(stranger(town).identity, room, epoch, 1, 9)
    true = misses.sign(bob.keys.identity, room, epoch, 1, 1)
    for count in (
        by_stranger,
        msgspec.structs.replace(true, count=9),
        msgspec.structs.replace(true, generation=2),
        msgspec.structs.replace(true, count=-1),
        msgspec.structs.replace(true, epoch=b"another."),
    ):
        said = packets.Misses([count])
        town.arrive(mallory, alice, mallory.member.keyring.to_one(alice.keys.session, said), Way.MESH)
    assert alice.member.guesses.missed == 0


def test_who_was_away_learns_of_the_guesses_and_who_joins_is_told_them() -> None:
    town, alice, bob, carol = three()
    carol.asleep = True
    for number in range(12):
        with pytest.raises(AccessDenied):
            town.join("eve", RoomCode(("pine", "river"), 42), at=[alice, bob][number % 2 :])
        town.settle(2)
    carol.asleep = False
    town.settle(3 * MISS_CREDIT_S)  # what is told past a share comes to count slowly
    dave = town.join("dave", alice.member.context.code, at=[bob])
    town.settle(3)
    for each in (alice, bob, carol, dave):
        assert (each.member.guesses.generation, each.member.guesses.missed) == (2, 2)
        assert each.member.context.code == alice.member.context.code


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
    known = set(alice.member.roster.members)
    for mailbox in (b"eve".ljust(16), b"bob".ljust(16)):
        for body in [*letters, *(body[: len(body) // 2] for body in letters), b"", b"\xc1", town.random.randbytes(100)]:
            alice.member.letter(mailbox, body, town.now)
            town.collect(alice)
    town.settle(60)
    assert set(alice.member.roster.members) == known
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
    assert alice.member.guesses.generation >= 6
    assert town.now - 1000 > 250
