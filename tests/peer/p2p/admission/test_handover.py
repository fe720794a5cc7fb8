"""What a sponsor hands over: complete, however long the room has been, and refused if it does not hold together."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sandpiper.common.errors import AccessDenied, Rejected
from sandpiper.common.limits import (
    ATTEMPT_S,
    HANDOVER_BYTES,
    HANDOVER_CARDS_BYTES,
    LETTER_BYTES,
    RENDEZVOUS_OWED_BYTES,
)
from sandpiper.common.p2p import admission
from sandpiper.peer.events import Warned
from sandpiper.peer.p2p.bootstrap import enter_room
from sandpiper.peer.p2p.state.outputs import MemberSettings
from tests.peer.p2p.hostile import still_works, three
from tests.peer.p2p.simnet import CODE, Citizen, Town


def test_a_handover_whose_key_is_none_is_refused() -> None:
    from sandpiper.peer.p2p.bootstrap import enter_room
    from sandpiper.peer.p2p.state.outputs import MemberSettings

    town = Town()
    town.found("alice")
    joiner, keys = town.joiner("bob")
    town.attempt(joiner)
    assert joiner.welcome is not None
    joiner.welcome.secrets[0].secret = b"k" * 100
    with pytest.raises(AccessDenied):
        enter_room(
            keys, joiner.welcome, CODE, None, MemberSettings("bob"), backlog=None, now=town.now, wall=town.wall,
            entropy=town.random.randbytes,
        )  # fmt: skip


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
    assert bob.member.deeds.digest == alice.member.deeds.digest
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
    assert carol.member.deeds.digest == alice.member.deeds.digest


def with_long_history(monkeypatch: pytest.MonkeyPatch) -> tuple[Town, Citizen]:
    """A room whose deeds take more letters than come unasked, and its founder."""
    monkeypatch.setattr("sandpiper.peer.p2p.admission.handover.HANDOVER_BYTES", 300)
    town = Town()
    alice = town.found("alice")
    for _ in range(80):
        alice.member.rekeying.make(set())
    town.collect(alice)
    return town, alice


def test_no_history_is_too_long_to_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    town, alice = with_long_history(monkeypatch)
    seen: list[bytes] = []

    def lose(mailbox: bytes, body: bytes) -> bytes | None:
        """Loses each seventh letter of the handover, and of what asks for more of it."""
        seen.extend([body] * isinstance(admission.decode_letter(body), admission.Rest))
        return None if seen[-1:] == [body] and len(seen) % 7 == 0 else body

    town.tamper = lose
    joiner, keys = town.joiner("bob", alice.member.context.code)
    town.attempt(joiner, 600.0)
    assert joiner.welcome is not None, joiner.error
    assert joiner.welcome.more > 64
    assert len(alice.member.roster.graph.members) == 2  # let in once
    bob = town.enter("bob", keys, joiner, alice.member.context.code)
    town.settle(2)
    assert bob.member.deeds.digest == alice.member.deeds.digest
    still_works(town, alice, bob)
    town.settle(ATTEMPT_S + 1)
    assert alice.member.gatekeeper.get_timer() is None  # nothing is kept of what was handed over


def test_a_service_never_holds_more_of_a_handover_than_it_keeps_for_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    town, alice = with_long_history(monkeypatch)
    joiner, _ = town.joiner("bob", alice.member.context.code)
    sent: list[int] = []
    answer = alice.member.gatekeeper.sponsor._hand

    def count(*said: Any) -> None:
        before = len(alice.member.gatekeeper.sponsor.letters)
        answer(*said)
        sent.append(len(alice.member.gatekeeper.sponsor.letters) - before)

    monkeypatch.setattr(alice.member.gatekeeper.sponsor, "_hand", count)
    town.attempt(joiner, 600.0)
    assert joiner.welcome is not None
    assert (max(sent) + 1) * HANDOVER_BYTES + HANDOVER_CARDS_BYTES < RENDEZVOUS_OWED_BYTES


def test_a_history_that_cannot_be_handed_over_is_said_to_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.peer.p2p.admission.handover.HANDOVER_BYTES", 300)
    monkeypatch.setattr("sandpiper.peer.p2p.admission.handover.HANDOVER_LETTERS", 20)
    town = Town()
    alice = town.found("alice")
    for _ in range(20):
        alice.member.rekeying.make(set())
    town.collect(alice)
    with pytest.raises(Rejected, match="longer than can be handed over"):
        town.join("bob", alice.member.context.code)
    assert len(alice.member.roster.graph.members) == 1
    assert any("longer than can be handed over" in each.text for each in alice.events if isinstance(each, Warned))


def test_what_fits_no_letter_keeps_nobody_out() -> None:
    town, alice, bob, mallory = three()
    for _ in range(40):
        alice.member.rekeying.make(set())  # each sealed for everybody
    town.collect(alice)
    mallory.member.cards.change(hosts=["x" * 190_000])
    town.collect(mallory)
    town.settle(10)
    sizes: list[int] = []

    def weigh(mailbox: bytes, body: bytes) -> bytes:
        sizes.append(len(body))
        return body

    town.tamper = weigh
    town.join("carol", alice.member.context.code, at=[alice])
    assert max(sizes) < LETTER_BYTES
    still_works(town, alice, bob)


def test_a_sponsor_that_hands_over_a_false_room_is_caught() -> None:
    town, other = Town(), Town(1)
    town.found("alice")
    eve = other.found("eve")
    joiner, keys = town.joiner("bob")
    town.attempt(joiner)
    welcome = joiner.welcome
    assert welcome is not None
    changes: list[dict[str, Any]] = [
        {"deeds": []},
        {"deeds": [b"rubbish"]},
        {"secrets": []},
        {"secrets": [admission.Secret(welcome.room, bytes(32))]},
        {"room": bytes(32)},
        {"room": eve.member.keyring.room},
        {"deeds": welcome.deeds[:1]},
        {"deeds": welcome.deeds[:-1]},
        {"deeds": [deed.raw for deed in eve.member.roster.deeds()]},
    ]
    for change in changes:
        with pytest.raises(AccessDenied, match="cheating"):
            enter_room(
                keys, msgspec.structs.replace(welcome, **change), CODE, None, MemberSettings("bob"), backlog=None,
                now=town.now, wall=town.wall, entropy=town.random.randbytes,
            )  # fmt: skip
