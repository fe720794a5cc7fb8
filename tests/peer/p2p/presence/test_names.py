"""A nick is whose it was first; a key is nobody's nick."""

from __future__ import annotations

import pytest

from sandpiper.common.errors import Refusal
from sandpiper.common.limits import GONE_S, NOTICES_BURST, NOTICES_S, SOUGHT_S
from sandpiper.common.messages import Message, Notice, Whisper
from sandpiper.peer.events import Warned
from sandpiper.peer.p2p.presence.bearers import Bearers
from sandpiper.peer.p2p.state.outputs import Named
from tests.peer.p2p.hostile import still_works, three
from tests.peer.p2p.simnet import Citizen, Town


def says(town: Town, citizen: Citizen, text: str) -> None:
    member = citizen.member
    citizen.name = member.status.nick
    town.post(citizen, text)
    town.settle(1)


def shown(citizen: Citizen) -> tuple[str, bool]:
    message: Message = citizen.heard[-1]
    return message.nick, message.verified


def notices(citizen: Citizen, event: str) -> list[str]:
    return [each.text for each in citizen.events if isinstance(each, Notice) and each.event == event]


def whispers(citizen: Citizen) -> list[str]:
    return [each.text for each in citizen.events if isinstance(each, Whisper)]


@pytest.mark.parametrize("nick", ["alice", "ALICE", "bob"])
def test_who_takes_anothers_nick_is_not_shown_as_its_owner(nick: str) -> None:
    town, alice, bob, mallory = three()
    mallory.member.rename(nick)
    town.collect(mallory)
    town.settle(3)
    says(town, mallory, "send me the password")
    for citizen in (alice, bob):
        assert shown(citizen) == (nick, False)
    town.post(alice, "it is me")
    town.settle(1)
    assert shown(bob) == ("alice", True)


def test_a_nick_is_its_bearer_s_while_that_is_away() -> None:
    town, alice, bob, mallory = three()
    bob.dead = True
    town.settle(GONE_S + SOUGHT_S + 10)
    assert bob.keys.session in alice.member.presence.away
    mallory.member.rename("bob")
    town.collect(mallory)
    town.settle(3)
    says(town, mallory, "bob here")
    assert shown(alice) == ("bob", False)
    with pytest.raises(Refusal, match="not who bore that nick first"):
        alice.member.whispers.send("bob", "psst", "w1", town.now)
    alice.member.whispers.send(mallory.member.keyring.fingerprint, "who are you?", "w2", town.now)


def test_a_newcomer_does_not_know_which_of_two_was_first() -> None:
    town, alice, _, mallory = three()
    mallory.member.rename("alice")
    town.collect(mallory)
    town.settle(3)
    carol = town.join("carol")
    town.settle(3)
    town.post(alice, "one")
    town.settle(1)
    assert shown(carol) == ("alice", False)
    says(town, mallory, "two")
    assert shown(carol) == ("alice", False)


def test_who_comes_unannounced_under_anothers_nick_is_warned_of() -> None:
    town, alice, bob, _ = three()
    mallory = town.join("alice", quiet=True)
    town.settle(3)
    for citizen in (alice, bob):
        (text,) = [each.text for each in citizen.events if isinstance(each, Warned) and each.kind == "key"]
        assert mallory.member.keyring.fingerprint in text
        assert notices(citizen, "join") == notices(citizen, "join")[:2]
    town.post(mallory, "send me the password")
    town.settle(1)
    assert shown(bob) == ("alice", False)


def test_each_nick_that_a_member_takes_is_compared_with_those_met_before() -> None:
    town, alice, _, mallory = three()
    member = alice.member
    mallory.member.rename("m2")
    for packet in mallory.member.take().packets:
        member.receive(packet.packet, next(iter(member.peers[mallory.keys.session].heard)), town.now)
    mallory.member.handle_timer(town.now)
    for out in mallory.member.take().packets:
        member.receive(out.packet, next(iter(member.peers[mallory.keys.session].heard)), town.now)
    named = [each.peer.nick for each in member.take().commands if isinstance(each, Named)]
    assert named == ["m2"]


def test_renames_are_told_of_at_a_rate_and_end_right() -> None:
    town, alice, bob, mallory = three()
    town.settle(NOTICES_S * NOTICES_BURST)
    for number in range(100):
        mallory.member.rename(f"m{number}")
        mallory.member.gossip.handle_timer(town.now)
        town.collect(mallory)
        town.settle(0.01)
    told = notices(alice, "nick")
    assert len(told) <= NOTICES_BURST + 1
    assert alice.member.names.nick_of(mallory.keys.session) == told[-1].rpartition(" ")[2]
    town.settle(2 * NOTICES_S)
    assert notices(alice, "nick")[-1] == f"{told[-1].rpartition(' ')[2]} is now m99"
    assert len(notices(alice, "nick")) == len(told) + 1
    still_works(town, alice, bob)


def test_comings_and_goings_are_told_of_at_a_rate_and_end_right() -> None:
    town, alice, _, mallory = three()
    town.settle(NOTICES_S * NOTICES_BURST)
    for _ in range(50):
        mallory.member.leave()
        town.collect(mallory)
        town.settle(0.01)
        mallory.member.gossip.send_soon(town.now)
        town.settle(0.01)
    joins, leaves = notices(alice, "join"), notices(alice, "leave")
    assert len(joins) + len(leaves) <= NOTICES_BURST + 6
    town.settle(2 * NOTICES_S)
    assert notices(alice, "join")[-1] == "mallory joined"
    assert len(notices(alice, "join")) == len(notices(alice, "leave")) + 2, "bob and mallory are here"


def test_a_nick_that_is_somebodys_key_takes_nothing_of_theirs() -> None:
    town, alice, bob, mallory = three()
    key = bob.member.keyring.fingerprint
    for nick in (key, key[:12], key.upper(), f"{key} bob"):
        with pytest.raises(Refusal, match="looks like somebody's key"):
            mallory.member.rename(nick)
        mallory.member.cards.change(nick=nick)
        town.collect(mallory)
        town.settle(NOTICES_S)
        assert alice.member.names.nick_of(mallory.keys.session) == mallory.member.keyring.fingerprint[:8]
        alice.member.whispers.send(key, "swordfish", f"w{nick}", town.now)
        town.collect(alice)
        town.settle(2)
    assert whispers(bob) == ["swordfish"] * 4
    assert whispers(mallory) == []


def test_a_nick_that_only_looks_like_somebodys_key_is_not_shown() -> None:
    town, alice, bob, mallory = three()
    key = bob.member.keyring.fingerprint
    alike = key.translate(str.maketrans("aceopxyijs", "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0456\u0458\u0455"))
    mallory.member.cards.change(nick=alike)
    town.collect(mallory)
    town.settle(3)
    assert alice.member.names.nick_of(mallory.keys.session) == mallory.member.keyring.fingerprint[:8]


def test_what_keys_look_like_is_worked_out_once_whoever_changes_a_nick() -> None:
    town, alice, bob, mallory = three()
    looks = alice.member.presence.looks()
    for number in range(20):
        mallory.member.cards.change(nick=f"a rather long nick {number}")
        town.collect(mallory)
        town.settle(0.1)
    assert alice.member.presence.looks() is looks
    town.join("carol")
    town.settle(1)
    assert len(alice.member.presence.looks()) == 4
    still_works(town, alice, bob)


def test_a_whole_key_names_one_person_for_a_removal_too() -> None:
    town, alice, bob, mallory = three()
    for one, other in ((mallory, bob), (bob, mallory)):
        one.member.cards.change(nick=other.member.keyring.fingerprint)
        town.collect(one)
    town.settle(3)
    alice.member.removals.kick(mallory.member.keyring.fingerprint)
    town.collect(alice)
    town.settle(3)
    assert mallory.member.broken is not None
    assert bob.member.broken is None


def test_what_is_known_of_nicks_goes_with_the_sessions() -> None:
    bearers = Bearers()
    for number in range(1000):
        bearers.bears(b"one", "p", f"nick{number}", number)
        bearers.bears(number.to_bytes(2, "big"), str(number), "same", number)
    assert bearers.owns("0", "same")
    assert not bearers.owns("1", "Same")
    bearers.forget((0).to_bytes(2, "big"))
    assert bearers.owns("1", "same")
    for number in range(1000):
        bearers.forget(number.to_bytes(2, "big"))
    bearers.forget(b"one")
    assert bearers._folded == {}
    assert bearers._since == {}
