"""A member that cheats, and a discovery service that does: refused or contained, reported, and the room goes on."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sandpiper.common import batch
from sandpiper.common.errors import AccessDenied, Refusal, SandpiperError
from sandpiper.common.limits import HELD_BYTES
from sandpiper.common.messages import MsgDraft, Notice
from sandpiper.common.p2p import admission, envelope, membership, packets
from sandpiper.common.p2p.envelope import DEEDS, TALK, Envelope
from sandpiper.common.p2p.membership import Admit, Rekey, Rotate
from sandpiper.common.p2p.packets import Bye, Carded, Frontier, Have, Shout, Signed
from sandpiper.peer.p2p.admission.handshake import Attempt, shared_secret
from sandpiper.peer.p2p.admission.joiner import Box, Joiner
from sandpiper.peer.p2p.bootstrap import enter_room
from sandpiper.peer.p2p.replication import entries
from sandpiper.peer.p2p.state.keyring import SessionKeys
from sandpiper.peer.p2p.state.outputs import MemberSettings
from sandpiper.peer.p2p.state.peer import Way
from tests.peer.p2p.simnet import CODE, Citizen, Town


def three() -> tuple[Town, Citizen, Citizen, Citizen]:
    town = Town()
    alice, bob, mallory = town.found("alice"), town.join("bob"), town.join("mallory")
    town.settle(3)
    return town, alice, bob, mallory


def forged(town: Town, signer: Citizen, whose: Citizen, text: str, *, first: int = 1, prev: bytes = bytes(32),
           run: bytes | None = None, count: int = 1) -> Envelope:  # fmt: skip
    """An envelope of `whose` log, signed by `signer`."""
    body = batch.pack([entries.encode(MsgDraft(text=text), "x", 0)])
    room = signer.member.keyring.room
    return envelope.sign(
        signer.keys.signing,
        whose.keys.session,
        room,
        run or whose.member.context.run,
        TALK,
        first,
        count,
        1,
        prev,
        body,
    )


def shout(town: Town, sender: Citizen, *made: Envelope, to: list[Citizen] | None = None) -> None:
    packet = sender.member.keyring.to_room(Shout([each.raw for each in made]))
    for citizen in to if to is not None else town.citizens:
        if citizen is not sender:
            town.arrive(sender, citizen, packet, Way.MESH)


def still_works(town: Town, *people: Citizen) -> None:
    for citizen in people:
        town.post(citizen, f"{citizen.name} is fine")
        town.settle(0.1)
    town.settle(3)
    for citizen in people:
        said = [text for text in citizen.texts if text.endswith("is fine")]
        assert said[-len(people) :] == [f"{each.name} is fine" for each in people]


def test_another_members_message_cannot_be_forged() -> None:
    town, alice, bob, mallory = three()
    shout(town, mallory, forged(town, mallory, alice, "alice says: give mallory your keys"))
    town.settle(3)
    assert bob.texts == []
    still_works(town, alice, bob)


def test_what_another_says_of_itself_cannot_be_forged() -> None:
    town, alice, bob, mallory = three()
    body = packets.encode(Bye(1 << 40, 0, 0))
    signature = mallory.keys.signing.sign(packets.own_text(alice.member.keyring.room, body)).signature
    packet = mallory.member.keyring.to_room(Signed(alice.keys.session, body, signature))
    town.arrive(mallory, bob, packet, Way.MESH)
    assert not [event for event in bob.events if isinstance(event, Notice) and event.event == "leave"]
    still_works(town, alice, bob)


def test_what_was_said_cannot_be_said_again() -> None:
    town, alice, bob, mallory = three()
    old = alice.member.cards.sign()
    packet = mallory.member.keyring.to_room(old)
    alice.member.cards.rename("alicia")
    town.collect(alice)
    town.settle(2)
    assert bob.member.peers[alice.keys.session].nick == "alicia"
    town.arrive(mallory, bob, packet, Way.MESH)
    assert bob.member.peers[alice.keys.session].nick == "alicia"


@pytest.mark.parametrize("by_pull", [False, True])
def test_two_histories_prove_a_cheat_and_stop_it(by_pull: bool) -> None:
    town, alice, bob, mallory = three()
    one = forged(town, mallory, mallory, "to alice")
    other = forged(town, mallory, mallory, "to bob")
    shout(town, mallory, one, to=[alice])
    shout(town, mallory, other, to=[bob])
    if not by_pull:
        shout(town, mallory, one, to=[bob])
    mallory.dead = True
    town.settle(5)
    assert "cheat" in alice.warned
    assert "cheat" in bob.warned
    after = forged(town, mallory, mallory, "and now", first=2, prev=one.hash)
    shout(town, mallory, after)
    town.settle(2)
    assert "and now" not in alice.texts + bob.texts
    still_works(town, alice, bob)
    carol = town.join("carol", at=[bob])
    town.settle(3)
    assert "cheat" in carol.warned


def test_a_reused_number_and_a_second_run_are_cheats_too() -> None:
    town, alice, bob, mallory = three()
    one = forged(town, mallory, mallory, "one")
    shout(town, mallory, one)
    shout(town, mallory, forged(town, mallory, mallory, "one again", run=b"r" * 16))
    town.settle(2)
    assert alice.warned == bob.warned == ["cheat"]


def test_nobody_is_framed_by_a_proof_that_is_none() -> None:
    town, alice, bob, mallory = three()
    town.post(alice, "one")
    town.settle(1)
    true = alice.member.replica.log(alice.keys.session, TALK).holding(1)
    assert true is not None
    false = forged(town, mallory, alice, "two")
    for pair in ((true.raw, false.raw), (true.raw, true.raw), (b"", b"rubbish")):
        mallory.member.deed_log.write(membership.Cheat(*pair))
        town.collect(mallory)
    town.settle(3)
    assert "cheat" not in bob.warned
    still_works(town, alice, bob)


def test_rubbish_of_every_kind_is_passed_over() -> None:
    town, alice, bob, mallory = three()
    ring = mallory.member.keyring
    genuine = forged(town, mallory, mallory, "x")
    rubbish = [
        b"",
        b"\x00",
        b"\x01" + bytes(60),
        b"\x02" + bytes(60),
        town.random.randbytes(500),
        ring.to_room(Shout([b"", b"rubbish", genuine.raw[:-1], genuine.raw + b"x", bytes(300)])),
        ring.to_room(Signed(b"", b"", b"")),
        ring.to_room(ring.signed(Carded(1 << 30, alice.member.cards.own))),
        ring.to_one(bob.keys.session, Have([Frontier(b"", 9, 1 << 62, b"")])),
        ring.to_one(bob.keys.session, packets.Pull(1, b"nobody", 7, 1 << 62)),
        ring.to_one(bob.keys.session, packets.Page(99, bob.keys.session, 0, 5, 1 << 62, [genuine.raw])),
        ring.to_one(bob.keys.session, packets.Hush("x" * 1000, "alice", "bob", "\x1b[2J", -5)),
    ]
    for packet in rubbish:
        town.arrive(mallory, bob, packet, Way.MESH)
        town.arrive(mallory, bob, packet[: len(packet) // 2], Way.RELAY)
    town.settle(3)
    still_works(town, alice, bob)


def test_a_claim_of_what_does_not_exist_costs_its_maker_only() -> None:
    town, alice, bob, mallory = three()
    stands = [
        Frontier(mallory.keys.session, TALK, 1 << 60, b"h" * 32),
        Frontier(alice.keys.session, TALK, 1 << 60, b"h" * 32),
    ]
    body = packets.Beacon(1 << 30, town.now, b"", b"", stands, [], 0)
    town.arrive(mallory, bob, mallory.member.keyring.to_room(mallory.member.keyring.signed(body)), Way.MESH)
    town.settle(30)
    still_works(town, alice, bob)


def test_nobody_acknowledges_for_others_what_they_do_not_have() -> None:
    town, alice, bob, mallory = three()
    bob.asleep = mallory.asleep = True
    town.post(alice, "one")
    lie = Have([Frontier(alice.keys.session, TALK, 1, b"another hash".ljust(32))])
    town.arrive(mallory, alice, mallory.member.keyring.to_one(alice.keys.session, lie), Way.MESH)
    assert alice.delivered == []


def test_envelopes_beyond_a_hole_do_not_fill_the_memory() -> None:
    town, _alice, bob, mallory = three()
    body = batch.pack([entries.encode(MsgDraft(text="x" * 50_000), "m", 0)])
    room = mallory.member.keyring.room
    for number in range(2, 2000):
        made = envelope.sign(
            mallory.keys.signing,
            mallory.keys.session,
            room,
            mallory.member.context.run,
            TALK,
            number,
            1,
            1,
            b"p" * 32,
            body,
        )
        bob.member.replica.take([made.raw], town.now)
    assert bob.member.replica.tracks[mallory.keys.session, TALK].held_bytes <= HELD_BYTES


def test_a_flood_is_contained_and_the_others_are_heard() -> None:
    town, alice, bob, mallory = three()
    for number in range(3000):
        mallory.member.message_log.post(MsgDraft(text=f"spam {number}"), "mallory", 0, town.now)
        if number % 100 == 0:
            mallory.member.flush(town.now)
            town.collect(mallory)
    still_works(town, alice, bob)


def test_deeds_that_one_may_not_do_have_no_effect() -> None:
    town, alice, bob, mallory = three()
    ledger = bob.member.ledger
    before, epoch = ledger.state.generation, ledger.state.epoch
    mallory.member.deed_log.write(
        membership.Own(mallory.member.keyring.keys.vouched(alice.member.keyring.room).identity)
    )
    mallory.member.deed_log.write(
        Rekey(epoch, b"00000000", [alice.member.ledger.founding.keys.identity], [], b"", {}, 1 << 60)
    )
    mallory.member.deed_log.write(Rotate(1 << 60))
    town.collect(mallory)
    town.settle(3)
    assert (ledger.state.generation, ledger.state.epoch) == (before, epoch)
    assert not ledger.is_owner(mallory.keys.session)
    still_works(town, alice, bob)


def test_an_admission_without_the_identitys_word_has_no_effect() -> None:
    town, alice, bob, mallory = three()
    stranger = SessionKeys.make(alice.keys.identity, b"c" * 32, town.random.randbytes)
    keys = stranger.vouched(b"another room....")
    mallory.member.deed_log.write(Admit(keys))
    town.collect(mallory)
    town.settle(2)
    assert keys.session not in bob.member.ledger.state.members
    still_works(town, alice, bob)


def test_the_founder_cannot_be_removed_by_another_owner() -> None:
    town, alice, bob, _ = three()
    alice.member.governance.name_owner("bob")
    town.collect(alice)
    town.settle(2)
    with pytest.raises(Refusal, match="cannot be removed"):
        bob.member.governance.kick("alice")
    bob.member.rekeying.remove({alice.member.ledger.founding.keys.identity})
    town.collect(bob)
    town.settle(5)
    assert alice.member.broken is None
    still_works(town, alice, bob)


# Admission ---------------------------------------------------------------------------------------------------


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
    room = town.random.randbytes(16)
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


def test_a_sponsor_that_hands_over_a_false_room_is_caught() -> None:
    town = Town()
    town.found("alice")
    joiner, keys = town.joiner("bob")
    town.attempt(joiner)
    welcome = joiner.welcome
    assert welcome is not None
    changes: list[dict[str, Any]] = [
        {"deeds": []},
        {"deeds": [b"rubbish"]},
        {"epoch": bytes(32)},
        {"room": bytes(16)},
        {"deeds": welcome.deeds[:1]},
    ]
    for change in changes:
        with pytest.raises(AccessDenied, match="cheating"):
            enter_room(
                keys, msgspec.structs.replace(welcome, **change), CODE, None, MemberSettings("bob"), backlog=None,
                now=town.now, wall=town.wall, entropy=town.random.randbytes,
            )  # fmt: skip


def test_deeds_log_of_a_member_stays_bounded() -> None:
    town, _alice, bob, mallory = three()
    log = bob.member.replica.log(mallory.keys.session, DEEDS)
    room = mallory.member.keyring.room
    body = membership.encode_all([Rotate(1)] * 500)
    first, prev = log.head + 1, log.hash
    for _ in range(60):
        made = envelope.sign(
            mallory.keys.signing,
            mallory.keys.session,
            room,
            mallory.member.context.run,
            DEEDS,
            first,
            500,
            1,
            prev,
            body,
        )
        bob.member.receive(mallory.member.keyring.to_room(Shout([made.raw])), Way.MESH, town.now)
        first, prev = first + 500, made.hash
    assert log.head <= 20_000
