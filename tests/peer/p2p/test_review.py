"""What a careful reader tried: a test for each way in which a member, a joiner or a service could have had its way."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest
from nacl.signing import SigningKey

from sandpiper.common import batch
from sandpiper.common.errors import AccessDenied, Refusal, Rejected
from sandpiper.common.limits import GENERATIONS, JOIN_GUESSES, LETTER_BYTES, PAGE_LEAST, PAGES_BURST
from sandpiper.common.messages import Lost, MsgDraft, Whisper
from sandpiper.common.p2p import admission, membership
from sandpiper.common.p2p.envelope import DEEDS, TALK, sign
from sandpiper.common.p2p.membership import Admit, AnyDeed, Gone, Keys, Miss, Own, Rekey, Rotate
from sandpiper.common.p2p.packets import Frontier, Have, Hush, Page, Pull
from sandpiper.common.p2p.sealing import Epoch, seal, short
from sandpiper.peer.p2p.admission.handshake import Attempt
from sandpiper.peer.p2p.admission.joiner import Joiner
from sandpiper.peer.p2p.replication import entries
from sandpiper.peer.p2p.replication.ledger import Ledger
from sandpiper.peer.p2p.state.keyring import SessionKeys
from sandpiper.peer.p2p.state.peer import Way
from tests.peer.p2p.simnet import CODE, Citizen, Town
from tests.peer.p2p.test_hostile import forged, shout, still_works, three


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
    bob.member.replica.fetcher.claims(
        mallory.keys.session, [Frontier(mallory.keys.session, TALK, 10, b"h" * 32)], town.now
    )
    bob.member.replica.fetcher.ask_on((mallory.keys.session, TALK), mallory.keys.session)
    (_, pull), *_ = reversed(bob.member.replica.fetcher.pulls)
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
        mallory.keys.signing, mallory.keys.session, mallory.member.keyring.room, mallory.member.context.run, TALK, 1, 1,
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
    mallory.member.deed_log.write(Admit(broken_keys(town, mallory).vouched(alice.member.keyring.room)))
    town.collect(mallory)
    town.settle(1)
    alice.member.governance.kick("mallory")
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
        bob.member.keyring.unseal_epoch(bob.member.ledger.known[alice.keys.session], copy, name)


def test_a_handover_whose_key_is_none_is_refused() -> None:
    from sandpiper.peer.p2p.bootstrap import enter_room
    from sandpiper.peer.p2p.state.outputs import MemberSettings

    town = Town()
    town.found("alice")
    joiner, keys = town.joiner("bob")
    town.attempt(joiner)
    assert joiner.welcome is not None
    joiner.welcome.epoch = b"k" * 100
    with pytest.raises(AccessDenied):
        enter_room(
            keys, joiner.welcome, CODE, None, MemberSettings("bob"), backlog=None, now=town.now, wall=town.wall,
            entropy=town.random.randbytes,
        )  # fmt: skip


# Admission ---------------------------------------------------------------------------------------------------


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
                return admission.Answer(letter.attempt, 1, bytes(32), generation, bytes(16))
            case admission.Half():
                other = Attempt(
                    joiner=False, secret=b"guess", nameplate=42, generation=1, room=bytes(16), attempt=letter.attempt,
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


def test_halves_that_are_none_do_not_keep_a_sponsor_busy() -> None:
    """Each attempt costs it milliseconds; discovery limits letters, but may be in on it."""
    town = Town()
    alice = town.found("alice")
    answers = 0
    for number in range(200):
        name = number.to_bytes(16, "big")
        letters = alice.member.letter(b"m" * 16, admission.encode(admission.Knock(name, 1, bytes(32))), town.now)
        letters += alice.member.letter(b"m" * 16, admission.encode(admission.Half(name, b"rubbish")), town.now)
        answers += sum(isinstance(admission.decode_letter(body), admission.Answer) for _, body in letters)
    assert answers == 1
    town.settle(5)
    town.join("bob")


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


def test_who_applies_shows_that_it_holds_the_session_it_names() -> None:
    town, alice, bob, mallory = three()
    joiner, _ = town.joiner("mallory2", at=[alice])
    stolen = SessionKeys(mallory.keys.identity, bob.keys.signing, mallory.keys.box_public, b"", bytes(32))
    keys = stolen.vouched(alice.member.keyring.room)
    forged_card = mallory.member.cards.sign()
    joiner._apply = lambda room: admission.Application(keys, forged_card)
    town.attempt(joiner)
    assert joiner.welcome is None
    still_works(town, alice, bob)


def test_who_has_let_in_its_share_leaves_the_door_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.peer.p2p.replication.ledger.ADMITS_MOST", 2)
    town = Town()
    alice = town.found("alice")
    bob = town.join("bob")
    town.join("carol")
    with pytest.raises(Rejected, match=r"in a while|lets nobody in"):
        town.join("dave", at=[alice])
    town.join("dave", at=[alice, bob])


def test_where_many_have_come_and_gone_one_can_still_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.peer.p2p.admission.handover.HANDOVER_BYTES", 3000)
    monkeypatch.setattr("sandpiper.peer.p2p.admission.handover.HANDOVER_HEADS", 3)
    town = Town()
    alice = town.found("alice", history="all")
    for number in range(20):
        guest = town.join(f"guest{number}", at=[alice])
        town.settle(0.5)
        town.post(guest, str(number))
        town.settle(0.1)
        guest.member.gossip.say_goodbye()
        town.collect(guest)
        guest.dead = True
    bob = town.join("bob")
    town.settle(3)
    assert bob.member.ledger.roster() == alice.member.ledger.roster()
    assert bob.texts == [str(number) for number in range(20)]
    still_works(town, alice, bob)


def test_a_handover_that_is_lost_half_way_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.peer.p2p.admission.handover.HANDOVER_BYTES", 500)
    town = Town()
    alice = town.found("alice")
    town.join("bob")
    lost: list[bytes] = []

    def lose(mailbox: bytes, body: bytes) -> bytes | None:
        if isinstance(admission.decode_letter(body), admission.Rest) and not lost:
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
            mallory.keys.signing, mallory.keys.session, mallory.member.keyring.room, mallory.member.context.run, TALK,
            1, 3, 1, bytes(32), body,
        )  # fmt: skip
    shout(town, mallory, large[0], to=[alice])
    shout(town, mallory, large[1], to=[alice])
    town.settle(2)
    assert "cheat" in alice.warned
    assert "cheat" in bob.warned
    alice.member.governance.kick("mallory")
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
    alice.member.governance.sync()
    alice.member.governance.kick(mallory.member.keyring.fingerprint)
    log = alice.member.replica.log(alice.keys.session, DEEDS)
    assert log.last is not None
    assert len(log.last.raw) < 96 * 1024
    town.collect(alice)
    town.settle(1)
    assert bob.member.keyring.epoch.id == alice.member.keyring.epoch.id


def test_who_pulls_without_end_is_given_so_much_and_no_more() -> None:
    town, alice, bob, mallory = three()
    for _ in range(8):
        town.post(bob, "x" * 16_000)
    town.settle(2)
    given: list[int] = []
    for r in range(100_000, 100_000 + PAGES_BURST // PAGE_LEAST):
        pull = Pull(r, bob.keys.session, TALK, 0)
        alice.member.receive(mallory.member.keyring.to_one(alice.keys.session, pull), Way.MESH, town.now)
        given += [len(out.packet) for out in alice.member.context.packets]
        alice.member.context.packets.clear()
    assert PAGES_BURST < sum(given) < PAGES_BURST * 1.01
    still_works(town, alice, bob)


def test_what_fits_no_letter_keeps_nobody_out() -> None:
    town, alice, bob, mallory = three()
    room = mallory.member.keyring.room
    log = mallory.member.replica.log(mallory.keys.session, DEEDS)
    body = membership.encode_all([Own(b"x" * 190_000)])
    made = sign(
        mallory.keys.signing, mallory.keys.session, room, mallory.member.context.run, DEEDS, 1, 1, 1, log.hash, body
    )
    shout(town, mallory, made)
    mallory.member.cards.change(hosts=["x" * 190_000])
    town.collect(mallory)
    town.settle(3)
    sizes: list[int] = []

    def weigh(mailbox: bytes, body: bytes) -> bytes:
        sizes.append(len(body))
        return body

    town.tamper = weigh
    town.join("carol", at=[alice])
    assert max(sizes) < LETTER_BYTES
    still_works(town, alice, bob)


# Who is in the room ------------------------------------------------------------------------------------------


def test_nobody_can_say_that_anothers_session_is_theirs() -> None:
    town, alice, bob, mallory = three()
    room = alice.member.keyring.room
    own = mallory.keys.vouched(room)
    text = membership.vouch_text(room, alice.keys.session, own.box, own.curve)
    stolen = Keys(
        own.identity, alice.keys.session, own.box, own.curve, mallory.keys.identity.sign(text).signature, own.bond
    )
    assert not stolen.holds(room)
    assert alice.keys.vouched(room).holds(room)
    assert not alice.keys.vouched(room).holds(bytes(16))
    still_works(town, alice, bob)


def persons(count: int, dice: random.Random) -> list[SessionKeys]:
    return [SessionKeys.make(SigningKey(dice.randbytes(32)), dice.randbytes(32), dice.randbytes) for _ in range(count)]


def what_follows(ledger: Ledger) -> tuple[object, ...]:
    state = ledger.state
    owners = {session for session in state.members if ledger.is_owner(session)}
    return (
        state.epoch, state.members, state.gone, state.banned, owners, state.generation, state.missed, state.rotations
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(150))
def test_the_same_deeds_mean_the_same_in_any_order(seed: int) -> None:
    """Each log in its order, but no log before another: as packets come, and as they do not."""
    dice = random.Random(seed)
    people = persons(5, dice)
    people.append(
        SessionKeys(people[1].identity, people[2].signing, people[2].box_public, b"", dice.randbytes(32))
    )  # one session with two sets of keys
    keys = [each.vouched(bytes(16)) for each in people]
    found = membership.Found(keys[0], b"epoch..0", 64, 2, False, "all")
    epochs = [b"epoch..0", *(b"epoch%03d" % number for number in range(6))]
    logs: dict[bytes, list[AnyDeed]] = {each.session: [] for each in keys}
    logs[keys[0].session].append(found)
    for _ in range(dice.randint(5, 40)):
        writer, other = dice.choice(keys), dice.choice(keys)
        gone = [Gone(other.session, 0, dice.randint(0, 5))] * dice.randint(0, 1)
        deeds_of_all: list[AnyDeed] = [
            Admit(other),
            Admit(other),
            Own(other.identity),
            Miss(dice.randint(1, 2)),
            Rotate(dice.randint(1, 4)),
            Rekey(dice.choice(epochs), dice.choice(epochs), [other.identity], gone, b"", {}, dice.randint(1, 3)),
        ]
        logs[writer.session].append(dice.choice(deeds_of_all))
    results = []
    for _ in range(4):
        ledger = Ledger(keys[0].session, found)
        at = dict.fromkeys(logs, 0)
        at[keys[0].session] = 1
        while left := [session for session in logs if at[session] < len(logs[session])]:
            session = dice.choice(left)
            ledger.add(session, at[session] + 1, logs[session][at[session]])
            at[session] += 1
        results.append(what_follows(ledger))
    assert all(result == results[0] for result in results)


def test_an_owner_that_is_removed_cannot_undo_it() -> None:
    town, alice, bob, mallory = three()
    alice.member.governance.name_owner("mallory")
    town.collect(alice)
    town.settle(2)
    alice.member.governance.kick("mallory")
    ((_, rekey),) = [(log, each) for log in [alice] for each in log.member.ledger.state.rekeys]
    mallory.member.deed_log.write(Rekey(rekey.parent, bytes(8), [], [], b"", {}, 9))  # a lower id, the same parent
    town.collect(mallory)
    town.collect(alice)
    town.settle(5)
    for citizen in (alice, bob):
        assert citizen.member.ledger.state.epoch == rekey.id
        assert mallory.keys.session not in citizen.member.ledger.state.members
    mallory.dead = True
    still_works(town, alice, bob)


def test_keys_that_go_in_a_circle_stop_nobody() -> None:
    town, alice, bob, mallory = three()
    alice.member.governance.name_owner("mallory")
    town.collect(alice)
    town.settle(2)
    epoch = alice.member.ledger.state.epoch
    ledger = bob.member.ledger
    ledger.add(mallory.keys.session, 1, Rekey(b"one.....", epoch, [], [], b"", {}, 1))
    ledger.add(mallory.keys.session, 2, Rekey(epoch, b"one.....", [], [], b"", {}, 1))
    assert ledger.state.epoch == b"one....."


def test_the_founders_other_sessions_cannot_be_removed_either() -> None:
    town, alice, bob, _ = three()
    second = town.join("alice2", identity=alice.keys.identity)
    alice.member.governance.name_owner("bob")
    town.collect(alice)
    town.settle(2)
    epoch = bob.member.ledger.state.epoch
    gone = [Gone(second.keys.session, 0, 0), Gone(alice.keys.session, 0, 0)]
    bob.member.ledger.add(bob.keys.session, 1, Rekey(epoch, b"another.", [b"p" * 32], gone, b"", {}, 1))
    assert bob.member.ledger.state.epoch == b"another."
    assert {second.keys.session, alice.keys.session} <= set(bob.member.ledger.state.members)


def test_counting_the_codes_forms_takes_no_time() -> None:
    _, alice, _, mallory = three()
    begun = time.process_time()
    for number in range(1, 20_000):
        alice.member.ledger.add(mallory.keys.session, number, Rotate(number + 1))
    assert alice.member.ledger.state.generation == 20_000
    assert time.process_time() - begun < 2


def test_who_came_in_while_a_key_was_made_is_given_it() -> None:
    town = Town()
    alice, bob, mallory = town.found("alice"), town.join("bob"), town.join("mallory")
    town.settle(3)
    town.cut.add(frozenset(("alice", "bob")))
    town.settle(1)
    carol = town.join("carol", at=[bob])
    town.cut.add(frozenset(("alice", "carol")))
    assert carol.keys.session not in alice.member.ledger.state.members
    alice.member.governance.kick("mallory")
    mallory.dead = True
    town.collect(alice)
    town.cut.clear()
    town.settle(8)
    assert carol.member.broken is None
    assert carol.member.keyring.epoch.id == alice.member.keyring.epoch.id
    assert str(carol.member.context.code) == str(alice.member.context.code)
    still_works(town, alice, bob, carol)


def test_a_removal_that_lost_is_made_again_though_its_maker_is_gone() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    dave, erin = town.join("dave"), town.join("erin")
    town.settle(3)
    alice.member.governance.name_owner("bob")
    town.collect(alice)
    town.settle(2)
    bob.member.governance.kick("erin")
    alice.member.governance.kick("dave")
    town.collect(bob)
    bob.dead = True
    town.collect(alice)
    town.settle(10)
    assert erin.member.broken is not None
    assert dave.member.broken is not None
    dave.dead = erin.dead = True
    still_works(town, alice, carol)


def test_who_slept_through_a_new_key_and_has_only_a_relay_finds_it() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    town.cut |= {frozenset(("alice", "carol")), frozenset(("bob", "carol")), frozenset(("mallory", "carol"))}
    alice.relay = bob.relay = True
    carol = town.join("carol")
    carol.relay = True
    mallory = town.join("mallory", at=[alice])
    town.settle(5)
    carol.asleep = True
    alice.member.governance.kick("mallory")
    mallory.dead = True
    town.collect(alice)
    town._due.clear()
    town.settle(20)
    carol.asleep = False
    town.settle(10)
    assert carol.member.keyring.epoch.id == alice.member.keyring.epoch.id
    still_works(town, alice, bob, carol)


def test_what_was_said_before_one_came_stays_closed_after_a_new_key() -> None:
    town = Town()
    alice = town.found("alice", history="none")
    mallory = town.join("mallory")
    town.settle(2)
    town.post(alice, "not for bob")
    bob = town.join("bob")
    town.settle(2)
    alice.member.governance.kick("mallory")
    mallory.dead = True
    town.collect(alice)
    town.settle(3)
    assert alice.member.governance.floor(bob.keys.session, alice.keys.session, TALK) == 1


def test_two_histories_of_deeds_count_for_nobody() -> None:
    """Whom a cheat has let in, as it told some, is not in for anybody."""
    town, alice, bob, mallory = three()
    room = alice.member.keyring.room
    guests = [SessionKeys.make(SigningKey(town.random.randbytes(32)), bytes(32), town.random.randbytes) for _ in "ab"]
    made = [
        sign(
            mallory.keys.signing, mallory.keys.session, room, mallory.member.context.run, DEEDS, 1, 1, 1, bytes(32),
            membership.encode_all([Admit(guest.vouched(room))]),
        )
        for guest in guests
    ]  # fmt: skip
    shout(town, mallory, made[0], to=[alice])
    shout(town, mallory, made[1], to=[bob])
    town.settle(5)
    assert alice.member.ledger.roster() == bob.member.ledger.roster()
    assert not {guest.session for guest in guests} & set(alice.member.ledger.state.members)
    assert "cheat" in alice.warned
    carol = town.join("carol", at=[bob])
    town.settle(3)
    assert carol.member.ledger.roster() == alice.member.ledger.roster()


def test_whom_a_cheat_had_let_in_is_in_for_everybody() -> None:
    """Two histories of its talk say nothing against its deeds."""
    town, alice, bob, mallory = three()
    room = alice.member.keyring.room
    guest = SessionKeys.make(SigningKey(town.random.randbytes(32)), bytes(32), town.random.randbytes)
    one, other = forged(town, mallory, mallory, "one"), forged(town, mallory, mallory, "other")
    admit = sign(
        mallory.keys.signing, mallory.keys.session, room, mallory.member.context.run, DEEDS, 1, 1, 1, bytes(32),
        membership.encode_all([Admit(guest.vouched(room))]),
    )  # fmt: skip
    shout(town, mallory, admit, to=[alice])
    shout(town, mallory, one, to=[bob])
    shout(town, mallory, other, to=[bob])
    mallory.dead = True
    town.settle(10)
    assert bob.member.ledger.roster() == alice.member.ledger.roster()
    assert guest.session in bob.member.ledger.state.members


# Talk --------------------------------------------------------------------------------------------------------


def test_nobody_speaks_under_anothers_name_as_if_it_were_their_own() -> None:
    town, alice, bob, mallory = three()
    for nick in ("alice", "ALICE", "bob", "mal\x1b[2Jlory", "m" * 1000, "mallory"):
        mallory.member.message_log.post(MsgDraft(text=f"as {nick[:3]}"), nick, 0, town.now)
        mallory.member.flush(town.now)
        town.collect(mallory)
    town.settle(2)
    said = [(message.nick, message.verified) for message in bob.heard]
    assert said[:3] == [("alice", False), ("ALICE", False), ("bob", False)]
    assert said[3:] == [("mallory", True)] * 3
    still_works(town, alice, bob)


def test_a_whisper_goes_to_one_person_alone() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    other = town.join("bob")
    town.settle(3)
    with pytest.raises(Refusal, match="several persons"):
        alice.member.whispers.send("bob", "psst", "w1", town.now)
    alice.member.whispers.send(bob.member.keyring.fingerprint[:12], "psst", "w2", town.now)
    town.collect(alice)
    town.settle(1)
    assert [event.text for event in bob.events if isinstance(event, Whisper)] == ["psst"]
    assert not [event for event in other.events if isinstance(event, Whisper)]


def test_a_whisper_that_a_relay_says_again_much_later_is_not_shown_again() -> None:
    town, alice, bob, _ = three()
    packet = alice.member.keyring.to_one(bob.keys.session, Hush("w1", "alice", "bob", "psst", 1 << 62))
    for _ in range(3):
        town.arrive(alice, bob, packet, Way.RELAY)
        town.settle(120)
    (whisper,) = [event for event in bob.events if isinstance(event, Whisper)]
    assert whisper.ts < 1 << 40


def test_a_flood_of_whispers_costs_its_maker_only() -> None:
    town, _, bob, mallory = three()
    ring = mallory.member.keyring
    bob.member.hold(True)
    begun = time.process_time()
    for number in range(20_000):
        bob.member.receive(ring.to_one(bob.keys.session, Hush(str(number), "m", "bob", "x", 0)), Way.MESH, town.now)
        bob.member.context.packets.clear()
    assert len(bob.member.context.events) <= 1000
    huge = Hush("big", "m", "bob", "x" * 150_000, 0)
    bob.member.hold(False)
    bob.member.receive(ring.to_one(bob.keys.session, huge), Way.MESH, town.now)
    assert all(len(event.text) < 100 for event in bob.member.context.events if isinstance(event, Whisper))
    assert time.process_time() - begun < 10


def test_who_names_anothers_mesh_key_does_not_take_it_along() -> None:
    town, alice, bob, mallory = three()
    room = alice.member.keyring.room
    false = SessionKeys.make(mallory.keys.identity, bob.keys.curve, town.random.randbytes)
    mallory.member.deed_log.write(Admit(false.vouched(room)))
    town.collect(mallory)
    town.settle(1)
    assert alice.member.presence.peer_of(bob.keys.curve) is alice.member.peers[bob.keys.session]
    alice.member.governance.kick("mallory")
    town.collect(alice)
    mallory.dead = True
    town.settle(3)
    assert alice.member.presence.admits(bob.keys.curve)
    assert alice.member.presence.peer_of(bob.keys.curve) is alice.member.peers[bob.keys.session]
    still_works(town, alice, bob)


def test_what_somebody_has_who_is_just_waking_up_is_not_given_up() -> None:
    town = Town()
    alice, bob, carol, dave = town.found("alice"), town.join("bob"), town.join("carol"), town.join("dave")
    town.settle(3)
    town.cut |= {frozenset((name, "carol")) for name in ("alice", "bob", "dave")}
    for number in range(10):
        town.post(alice, str(number))
    town.settle(1)
    alice.dead = True
    dave.member.replica.log(alice.keys.session, TALK).trim(3, 1 << 30)
    town.settle(20)
    bob.asleep = True
    town.cut.clear()
    town.settle(3)
    bob.asleep = False
    town.settle(10)
    assert carol.texts == [str(number) for number in range(10)]
    assert not [event for event in carol.events if isinstance(event, Lost)]


def test_what_is_said_to_be_had_is_the_end_of_an_envelope() -> None:
    town, alice, bob, mallory = three()
    bob.asleep = mallory.asleep = True
    for number in range(3):
        alice.member.message_log.post(MsgDraft(text=str(number)), "alice", 0, town.now)
    alice.member.flush(town.now)
    town.collect(alice)
    lie = Have([Frontier(alice.keys.session, TALK, 2, b"")])
    town.arrive(mallory, alice, mallory.member.keyring.to_one(alice.keys.session, lie), Way.MESH)
    assert alice.delivered == []


def test_a_reader_that_never_comes_back_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.peer.p2p.replication.message_log.UNSHOWN_BYTES", 20_000)
    town, alice, bob, _ = three()
    bob.member.hold(True)
    for _ in range(10):
        town.post(alice, "x" * 5000)
        town.settle(0.1)
    bob.member.hold(False)
    town.collect(bob)
    lost = [event.count for event in bob.events if isinstance(event, Lost)]
    assert sum(lost) + len(bob.texts) == 10
    assert len(bob.texts) == 3


def test_a_leap_of_the_codes_form_takes_no_time_either() -> None:
    _, alice, _, _ = three()
    ledger = alice.member.ledger
    begun = time.process_time()
    for number in range(1, 200):
        rekey = Rekey(ledger.state.epoch, number.to_bytes(8, "big"), [], [], b"", {}, 1 << 62)
        ledger.add(alice.keys.session, number, rekey)
    assert ledger.state.generation == GENERATIONS
    assert time.process_time() - begun < 2
