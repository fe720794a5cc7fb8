"""The gatekeeper: who is let in, and what a newcomer is to show."""

from __future__ import annotations

from sandpiper.common.p2p import admission
from sandpiper.common.p2p.keys import Keys, vouch_text
from sandpiper.peer.p2p.state.keyring import SessionKeys
from tests.peer.p2p.hostile import still_works, three


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


def test_nobody_can_say_that_anothers_session_is_theirs() -> None:
    town, alice, bob, mallory = three()
    room = alice.member.keyring.room
    own = mallory.keys.vouched(room)
    text = vouch_text(room, alice.keys.session, own.box, own.curve)
    stolen = Keys(
        own.identity, alice.keys.session, own.box, own.curve, mallory.keys.identity.sign(text).signature, own.bond
    )
    assert not stolen.holds(room)
    assert alice.keys.vouched(room).holds(room)
    assert not alice.keys.vouched(room).holds(bytes(32))
    still_works(town, alice, bob)
