"""What a careful reader tried: a test for each way in which a member, a joiner or a service could have had its way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from nacl.signing import SigningKey

from sandpiper.common import batch, deeds, envelope, knock, packets
from sandpiper.common.codes import RoomCode
from sandpiper.common.deeds import Admit, Keys, Miss, Own, Rekey, Rotate
from sandpiper.common.envelope import DEEDS, TALK, sign
from sandpiper.common.errors import AccessDenied, Code, Refusal, Rejected
from sandpiper.common.limits import JOIN_GUESSES, LETTER_BYTES
from sandpiper.common.messages import Lost, MsgDraft, Whisper
from sandpiper.common.packets import Card, Carded, Frontier, Have, Hush, Page, Shout
from sandpiper.common.sealing import Epoch, seal, short
from sandpiper.peer.p2p import entries
from sandpiper.peer.p2p.attempt import Attempt
from sandpiper.peer.p2p.joiner import Joiner
from sandpiper.peer.p2p.keyring import SessionKeys
from sandpiper.peer.p2p.peers import Way
from tests.peer.p2p.test_hostile import forged, shout, still_works, three
from tests.peer.p2p.town import CODE, Citizen, Town


def rests(citizen: Citizen, now: float) -> bool:
    """Whether its clock comes to rest once what is due has been done."""
    for _ in range(10):
        if citizen.member.get_timer() > now:
            return True
        citizen.member.handle_timer(now)
    return False


def test_a_cheat_found_behind_a_hole_leaves_no_clock_that_spins() -> None:
    town, _alice, bob, mallory = three()
    one = forged(town, mallory, mallory, "one")
    two = forged(town, mallory, mallory, "two", first=2, prev=one.hash)
    shout(town, mallory, one, forged(town, mallory, mallory, "three", first=3, prev=b"x" * 32), to=[bob])
    bob.member.replica.claims(mallory.keys.session, [Frontier(mallory.keys.session, TALK, 10, b"h" * 32)], town.now)
    bob.member.replica.ask_on((mallory.keys.session, TALK), mallory.keys.session)
    (_, pull), *_ = reversed(bob.member.replica.pulls)
    shout(town, mallory, two, to=[bob])
    assert "cheat" in bob.warned
    late = Page(pull.r, mallory.keys.session, TALK, 1, 10, [])
    town.arrive(mallory, bob, mallory.member.keyring.to_one(bob.keys.session, late), Way.MESH)
    assert rests(bob, town.now + 100)


def test_a_paused_reader_of_a_newcomer_leaves_no_clock_that_spins() -> None:
    town = Town()
    alice = town.found("alice")
    town.post(alice, "one")
    bob = town.join("bob")
    bob.member.hold(True)
    assert rests(bob, town.now + 100)


def test_nobody_can_wind_the_clock_so_far_that_others_are_refused() -> None:
    town, alice, bob, mallory = three()
    body = batch.pack([entries.encode(MsgDraft(text="x"), "m", 0)])
    made = sign(
        mallory.keys.signing, mallory.keys.session, mallory.member.keyring.room, mallory.member.run, TALK, 1, 1,
        (1 << 62) - 1, bytes(32), body,
    )  # fmt: skip
    shout(town, mallory, made)
    still_works(town, alice, bob)


def broken_keys(town: Town, citizen: Citizen) -> SessionKeys:
    """A session that nobody can share a secret with."""
    signing = SigningKey(town.random.randbytes(32))
    return SessionKeys(citizen.keys.identity, signing, bytes(32), bytes(32), town.random.randbytes(32))


def test_a_member_that_nobody_can_talk_to_keeps_nobody_from_being_removed() -> None:
    town, alice, bob, mallory = three()
    mallory.member.chronicle.write(Admit(broken_keys(town, mallory).vouched(alice.member.keyring.room)))
    town.collect(mallory)
    town.settle(1)
    alice.member.rule.kick("mallory")
    town.collect(alice)
    town.settle(3)
    assert mallory.member.broken is not None
    mallory.dead = True
    still_works(town, alice, bob)


@pytest.mark.parametrize("key", [b"", b"k" * 31, b"k" * 100])
def test_a_copy_that_is_no_key_is_refused(key: bytes) -> None:
    town, alice, bob, _ = three()
    name = Epoch(b"k" * 32).id
    ring = alice.member.keyring
    _, shared = ring._pairs[short(bob.keys.session)]
    copy = seal(shared, town.random.randbytes(24), key, b"epoch" + name + bob.keys.session)
    with pytest.raises(Refusal):
        bob.member.keyring.unseal_epoch(alice.keys.session, copy, name)


def test_a_handover_whose_key_is_none_is_refused() -> None:
    from sandpiper.peer.p2p.entry import enter_room
    from sandpiper.peer.p2p.outputs import Settings

    town = Town()
    town.found("alice")
    joiner, keys = town.joiner("bob")
    town.attempt(joiner)
    assert joiner.welcome is not None
    joiner.welcome.epoch = b"k" * 100
    with pytest.raises(AccessDenied):
        enter_room(
            keys, joiner.welcome, CODE, None, Settings("bob"), backlog=None, now=town.now, wall=town.wall,
            entropy=town.random.randbytes,
        )  # fmt: skip


# Admission ---------------------------------------------------------------------------------------------------


class Service:
    """A discovery service that answers in the members' places, and does with a joiner what it likes."""

    def __init__(self, town: Town, joiner: Joiner) -> None:
        self.town = town
        self.joiner = joiner
        self.proofs = 0

    def run(self, answer: Callable[[knock.AnyLetter], knock.AnyLetter | None]) -> None:
        end = self.town.now + 200
        while not self.joiner.done and self.town.now < end:
            letters, self.joiner.letters = self.joiner.letters, []
            for box, body in letters:
                letter = knock.decode_letter(body)
                self.proofs += isinstance(letter, knock.Proof)
                said = answer(letter)
                if said is not None:
                    self.joiner.letter(box, knock.encode(said), self.town.now)
            if not self.joiner.letters:
                self.town.now = max(self.town.now, self.joiner.get_timer() or end)
                self.joiner.handle_timer(self.town.now)

    def sponsor(self, letter: knock.AnyLetter, generation: int = 1) -> knock.AnyLetter | None:
        match letter:
            case knock.Knock():
                return knock.Answer(letter.attempt, 1, bytes(32), generation, bytes(16))
            case knock.Half():
                other = Attempt(
                    joiner=False, secret=b"guess", nameplate=42, generation=1, room=bytes(16), attempt=letter.attempt,
                    joiner_key=bytes(32), sponsor_key=bytes(32), entropy=self.town.random.randbytes,
                )  # fmt: skip
                return knock.Half(letter.attempt, other.message)
        return None


@pytest.mark.parametrize("after", ["busy", "silence"])
def test_a_joiner_gives_a_service_three_guesses_whatever_it_says(after: str) -> None:
    town = Town()
    town.found("alice")
    joiner, _ = town.joiner("bob")
    service = Service(town, joiner)

    def answer(letter: knock.AnyLetter) -> knock.AnyLetter | None:
        if isinstance(letter, knock.Proof):
            return knock.Busy(letter.attempt, 1) if after == "busy" else None
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


def held_open(town: Town, joiner: Joiner) -> bytes:
    """An attempt whose proof the joiner keeps in its hand."""
    kept: list[bytes] = []

    def keep(mailbox: bytes, body: bytes) -> bytes | None:
        if isinstance(knock.decode_letter(body), knock.Proof):
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
    mailboxes: list[bytes] = []
    town.tamper = lambda mailbox, body: mailboxes.append(mailbox) or body
    proof = held_open(town, joiner)
    if how == "kick":
        alice.member.rule.kick("mallory")
        mallory.dead = True
    else:
        alice.member.rule.rotate()
    town.collect(alice)
    opened = alice.member.sponsor._open
    assert opened is not None
    alice.member.letter(opened.mailbox, proof, town.now)
    town.collect(alice)
    assert keys.session not in alice.member.ledger.state.members
    answers = [knock.decode_letter(body) for _, body in alice.member.sponsor.letters]
    assert not any(isinstance(each, knock.Handover) for each in answers)


def test_an_attempt_that_ran_out_is_counted_though_the_next_knock_comes_first() -> None:
    town = Town()
    alice = town.found("alice")
    joiner, _ = town.joiner("eve")
    held_open(town, joiner)
    letter = knock.Knock(bytes(16), 1, bytes(32))
    alice.member.letter(b"m" * 16, knock.encode(letter), town.now + 60)
    assert alice.member.ledger.state.missed == 1


def test_halves_that_are_none_do_not_keep_a_sponsor_busy() -> None:
    """Each attempt costs it milliseconds; discovery limits letters, but may be in on it."""
    town = Town()
    alice = town.found("alice")
    answers = 0
    for number in range(200):
        name = number.to_bytes(16, "big")
        alice.member.letter(b"m" * 16, knock.encode(knock.Knock(name, 1, bytes(32))), town.now)
        alice.member.letter(b"m" * 16, knock.encode(knock.Half(name, b"rubbish")), town.now)
        letters, alice.member.sponsor.letters = alice.member.sponsor.letters, []
        answers += sum(isinstance(knock.decode_letter(body), knock.Answer) for _, body in letters)
    assert answers == 1
    town.settle(5)
    town.join("bob")


def test_a_member_that_uses_the_code_up_stops_no_sponsor() -> None:
    town, alice, _, mallory = three()
    for generation in range(1, 1200):
        for _ in range(10):
            mallory.member.ledger.add(mallory.keys.session, 2, Miss(generation))
            alice.member.ledger.add(mallory.keys.session, 2, Miss(generation))
    assert alice.member.rule.form().forced > 1100
    joiner, _ = town.joiner("eve", at=[alice])
    joiner._secret = b"wrong"
    town.attempt(joiner)
    assert joiner.error is not None


def test_who_applies_shows_that_it_holds_the_session_it_names() -> None:
    town, alice, bob, mallory = three()
    joiner, _ = town.joiner("mallory2", at=[alice])
    stolen = SessionKeys(mallory.keys.identity, bob.keys.signing, mallory.keys.box_public, b"", bytes(32))
    keys = stolen.vouched(alice.member.keyring.room)
    forged_card = mallory.member.gossip.signed_card()
    joiner._apply = lambda room: knock.Application(keys, forged_card)
    town.attempt(joiner)
    assert joiner.welcome is None
    still_works(town, alice, bob)


def test_who_has_let_in_its_share_leaves_the_door_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.peer.p2p.ledger.ADMITS_MOST", 2)
    town = Town()
    alice = town.found("alice")
    bob = town.join("bob")
    town.join("carol")
    with pytest.raises(Rejected, match="in a while|lets nobody in"):
        town.join("dave", at=[alice])
    town.join("dave", at=[alice, bob])


def test_where_many_have_come_and_gone_one_can_still_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.peer.p2p.welcome.HANDOVER_BYTES", 3000)
    monkeypatch.setattr("sandpiper.peer.p2p.welcome.HANDOVER_HEADS", 3)
    town = Town()
    alice = town.found("alice", history="all")
    for number in range(20):
        guest = town.join(f"guest{number}", at=[alice])
        town.settle(0.5)
        town.post(guest, str(number))
        town.settle(0.1)
        guest.member.gossip.bye(town.now)
        town.collect(guest)
        guest.dead = True
    bob = town.join("bob")
    town.settle(3)
    assert bob.member.ledger.roster() == alice.member.ledger.roster()
    assert bob.texts == [str(number) for number in range(20)]
    still_works(town, alice, bob)


def test_a_handover_that_is_lost_half_way_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.peer.p2p.welcome.HANDOVER_BYTES", 500)
    town = Town()
    alice = town.found("alice")
    town.join("bob")
    lost: list[bytes] = []

    def lose(mailbox: bytes, body: bytes) -> bytes | None:
        if isinstance(knock.decode_letter(body), knock.Rest) and not lost:
            lost.append(body)
            return None
        return body

    town.tamper = lose
    carol = town.join("carol", at=[alice])
    assert lost
    town.settle(2)
    assert carol.member.ledger.roster() == alice.member.ledger.roster()


def test_two_large_histories_prove_a_cheat_too_and_silence_no_witness() -> None:
    town, alice, bob, mallory = three()
    one, other = (forged(town, mallory, mallory, letter * 50_000) for letter in "xy")
    large = [one, other]
    for at, letter in enumerate("xy"):
        body = batch.pack([entries.encode(MsgDraft(text=letter * 50_000), "m", 0)] * 3)
        large[at] = sign(
            mallory.keys.signing, mallory.keys.session, mallory.member.keyring.room, mallory.member.run, TALK, 1, 3, 1,
            bytes(32), body,
        )  # fmt: skip
    shout(town, mallory, large[0], to=[alice])
    shout(town, mallory, large[1], to=[alice])
    town.settle(2)
    assert "cheat" in alice.warned
    assert "cheat" in bob.warned
    alice.member.rule.kick("mallory")
    town.collect(alice)
    town.settle(3)
    mallory.dead = True
    assert bob.member.keyring.epoch.id == alice.member.keyring.epoch.id != alice.member.ledger.founding.epoch
    still_works(town, alice, bob)


def test_who_invents_a_crowd_can_still_be_removed() -> None:
    town, alice, bob, mallory = three()
    for seq in range(2000):
        keys = SessionKeys.make(mallory.keys.identity, seq.to_bytes(32, "big"), town.random.randbytes)
        made = keys.vouched(alice.member.keyring.room)
        alice.member.ledger.add(mallory.keys.session, 1 + seq, Admit(made))
    for seq in range(600):
        identity = SigningKey(town.random.randbytes(32))
        keys = SessionKeys.make(identity, seq.to_bytes(32, "little"), town.random.randbytes)
        alice.member.ledger.add(bob.keys.session, 1 + seq, Admit(keys.vouched(alice.member.keyring.room)))
    alice.member.rule.sync()
    alice.member.rule.kick(mallory.member.keyring.fingerprint)
    log = alice.member.replica.log(alice.keys.session, DEEDS)
    assert log.last is not None
    assert len(log.last.raw) < 96 * 1024
    town.collect(alice)
    town.settle(1)
    assert bob.member.keyring.epoch.id == alice.member.keyring.epoch.id


def test_what_fits_no_letter_keeps_nobody_out() -> None:
    town, alice, bob, mallory = three()
    room = mallory.member.keyring.room
    log = mallory.member.replica.log(mallory.keys.session, DEEDS)
    body = deeds.encode_all([Own(b"x" * 190_000)])
    made = sign(mallory.keys.signing, mallory.keys.session, room, mallory.member.run, DEEDS, 1, 1, 1, log.hash, body)
    shout(town, mallory, made)
    mallory.member.gossip.set_card(hosts=["x" * 190_000])
    town.collect(mallory)
    town.settle(3)
    sizes: list[int] = []
    town.tamper = lambda mailbox, body: sizes.append(len(body)) or body
    town.join("carol", at=[alice])
    assert max(sizes) < LETTER_BYTES
    still_works(town, alice, bob)
