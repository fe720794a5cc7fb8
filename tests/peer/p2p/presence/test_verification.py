"""Two people compare three words, and know that nobody is in between."""

from __future__ import annotations

import dataclasses

import pytest

from sandpiper.common.errors import Refusal
from sandpiper.common.limits import COMPARE_S, COMPARE_TRIES
from sandpiper.common.p2p import comparing
from sandpiper.common.p2p.comparing import Parties
from sandpiper.common.p2p.packets import AnyPair, Compare, Compared, Nonce, Reveal
from sandpiper.peer.events import Warned
from sandpiper.peer.p2p.state.peer import Way
from sandpiper.peer.status import Verification
from tests.peer.p2p.hostile import still_works, three
from tests.peer.p2p.simnet import Citizen, Town, Weather

ID, NONCE, COMMITMENT = b"i" * 16, b"n" * 32, b"c" * 32


def asks(town: Town, citizen: Citizen, named: str, seconds: float = 1.0) -> list[Verification] | None:
    citizen.member.verifier.ask(named, town.now)
    town.collect(citizen)
    town.settle(seconds)
    return citizen.member.verifier.found


def told(citizen: Citizen) -> list[str]:
    return [each.text for each in citizen.events if isinstance(each, Warned) and each.kind == "verify"]


def says(town: Town, sender: Citizen, to: Citizen, said: AnyPair) -> list[AnyPair]:
    """Has a hostile program say something; returns what it is answered about comparing."""
    member = to.member
    town.collect(to)
    member.receive(sender.member.keyring.to_one(to.keys.session, said), Way.MESH, town.now)
    outputs = member.take()
    to.events += member.tell()
    found = [sender.member.keyring.open(out.packet)[1] for out in outputs.packets if out.to == sender.keys.session]
    return [each for each in found if isinstance(each, (Compare, Nonce, Reveal, Compared))]


def test_both_are_shown_the_same_three_words() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    town.settle(2)
    found = asks(town, alice, "bob")
    assert found is not None
    (one,) = found
    assert one.shown
    assert len(one.phrase.split()) == 3
    (text,) = told(bob)
    assert text.startswith(f"alice compares words with you: {one.phrase}. Read them to each other, by voice")
    assert alice.member.keyring.fingerprint in text
    assert told(alice) == []
    again = asks(town, alice, "bob")
    assert again is not None
    assert again[0].phrase != one.phrase


def test_on_a_line_that_loses_packets_the_words_come_all_the_same() -> None:
    for seed in range(20):
        town = Town(seed, Weather(drop=0.2, repeat=0.3, delay_s=0.1))
        alice, bob = town.found("alice"), town.join("bob")
        town.settle(4)
        found = asks(town, alice, "bob", COMPARE_S + 0.1)
        if found is not None and found[0].shown:
            assert found[0].phrase in told(bob)[0]
            assert len(told(bob)) == 1


def test_of_two_who_ask_each_other_at_once_both_have_the_same_words() -> None:
    for seed in range(8):
        town = Town(seed)
        alice, bob = town.found("alice"), town.join("bob")
        town.settle(2)
        alice.member.verifier.ask("bob", town.now)
        bob.member.verifier.ask("alice", town.now)
        town.collect(alice)
        town.collect(bob)
        town.settle(1)
        one, other = alice.member.verifier.found, bob.member.verifier.found
        assert one is not None
        assert other is not None
        assert one[0].phrase == other[0].phrase
        assert one[0].shown
        assert other[0].shown
        assert told(alice) == told(bob) == []


def test_without_the_others_program_there_are_twelve_words_alike_for_both() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    town.settle(2)
    for citizen in (alice, bob):
        for kind in (Compare, Nonce, Reveal, Compared):
            citizen.member._receiver._handlers[kind] = lambda *_: None
    assert asks(town, alice, "bob", 1) is None, "it may still answer"
    town.settle(COMPARE_S)
    found, other = alice.member.verifier.found, asks(town, bob, "alice", COMPARE_S + 1)
    assert found is not None
    assert other is not None
    assert found[0].phrase == other[0].phrase
    assert len(found[0].phrase.split()) == 12
    assert not found[0].shown
    assert alice.member.verifier._runs == bob.member.verifier._runs == {}


def test_each_window_of_a_person_shows_words_of_its_own() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    other = town.join("bob", identity=bob.keys.identity)
    town.settle(2)
    found = asks(town, alice, "bob")
    assert found is not None
    assert len({each.phrase for each in found}) == 2
    assert all(any(each.phrase in told(window)[0] for window in (bob, other)) for each in found)


def test_the_words_depend_on_the_room_its_key_both_sides_and_both_nonces() -> None:
    parties = Parties(b"r" * 32, b"k" * 32, b"a" * 64, b"b" * 64)
    known = {comparing.words(parties, ID, b"1" * 32, b"2" * 32)}
    others = [parties._replace(**{field: bytes(len(getattr(parties, field)))}) for field in Parties._fields]
    known |= {comparing.words(each, ID, b"1" * 32, b"2" * 32) for each in others}
    known |= {comparing.words(parties, *each) for each in [
        (b"j" * 16, b"1" * 32, b"2" * 32), (ID, b"3" * 32, b"2" * 32), (ID, b"1" * 32, b"3" * 32)
    ]}  # fmt: skip
    assert len(known) == 8
    assert len({comparing.fallback_words(each) for each in [parties, *others]}) == 5


def test_who_shows_another_nonce_than_it_committed_to_has_no_words_shown() -> None:
    town, alice, _, mallory = three()
    epoch = alice.member.keyring.epoch.id
    (nonce,) = says(town, mallory, alice, Compare(ID, epoch, COMMITMENT))
    assert isinstance(nonce, Nonce)
    assert says(town, mallory, alice, Reveal(ID, NONCE)) == []
    assert told(alice) == ["mallory began to compare words with you and did not finish: try /verify mallory"]
    assert says(town, mallory, alice, Reveal(ID, NONCE)) == says(town, mallory, alice, Compare(ID, epoch, NONCE)) == []
    assert len(told(alice)) == 1


def test_a_run_that_is_broken_off_is_told_and_there_are_few() -> None:
    town, alice, bob, mallory = three()
    epoch, answered = alice.member.keyring.epoch.id, 0
    for number in range(100):
        answered += len(says(town, mallory, alice, Compare(bytes([number]) * 16, epoch, COMMITMENT)))
        answered += len(says(town, mallory, alice, Compare(bytes([number + 100]) * 16, epoch, COMMITMENT)))
        town.settle(2 * COMPARE_S + 1)
    assert answered == COMPARE_TRIES
    assert len(told(alice)) == COMPARE_TRIES
    found = asks(town, alice, "mallory")
    assert found is not None
    assert not found[0].shown, "one in between has no more luck to try"
    assert len(found[0].phrase.split()) == 12
    assert alice.member.verifier._runs == {}
    still_works(town, alice, bob)


def test_what_is_said_again_or_out_of_turn_changes_nothing() -> None:
    town, alice, _, mallory = three()
    epoch, parties = alice.member.keyring.epoch.id, None
    for said in (Nonce(ID, NONCE), Reveal(ID, NONCE), Compared(ID), Compare(b"short", epoch, b""),
                 Compare(ID, b"another", COMMITMENT)):  # fmt: skip
        assert says(town, mallory, alice, said) == []
    run = mallory.member.verifier._begin(mallory.member.peers[alice.keys.session], town.now)
    parties = dataclasses.replace(run).parties
    first = Compare(run.id, epoch, comparing.commitment(parties, run.id, run.nonce))
    (nonce,) = says(town, mallory, alice, first)
    assert says(town, mallory, alice, first) == [nonce], "the same nonce each time"
    shown = says(town, mallory, alice, Reveal(run.id, run.nonce))
    assert shown == says(town, mallory, alice, Reveal(run.id, run.nonce)) == [Compared(run.id)]
    assert says(town, mallory, alice, first) == says(town, mallory, alice, Reveal(run.id, NONCE)) == []
    assert len(told(alice)) == 1
    town.settle(3 * COMPARE_S)
    assert says(town, mallory, alice, first) == [], "nor as a relay's recording, much later"


def test_an_asker_shows_its_nonce_to_one_answer_only_and_waits_for_the_other_screen() -> None:
    town, alice, _, mallory = three()
    mallory.dead = True
    alice.member.verifier.ask("mallory", town.now)
    (run,) = alice.member.verifier._runs.values()
    (reveal,) = says(town, mallory, alice, Nonce(run.id, NONCE))
    assert reveal == Reveal(run.id, run.nonce)
    assert says(town, mallory, alice, Nonce(run.id, b"m" * 32)) == []
    assert alice.member.verifier.found is None
    assert run.phrase == comparing.words(run.parties, run.id, run.nonce, NONCE)
    says(town, mallory, alice, Compared(run.id))
    assert alice.member.verifier.found == [
        Verification("mallory", mallory.member.keyring.fingerprint, run.phrase, True)
    ]


def test_that_the_words_were_the_same_is_remembered_for_that_name_of_that_person() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    other = town.join("bob")
    town.settle(2)
    carol = town.join("carol")
    town.settle(2)
    names, key = carol.member.names, bob.member.keyring.fingerprint
    assert not names.owns(key, "bob"), "she does not know which of two was first"
    with pytest.raises(Refusal, match="several persons"):
        carol.member.verifier.confirm("bob")
    carol.member.verifier.confirm(key)
    assert names.owns(key, "bob")
    assert not names.owns(other.member.keyring.fingerprint, "bob")
    assert not names.owns(key, "alice")
    assert carol.member.presence.bearers.sure == (key,)
    assert alice.member.presence.bearers.sure == ()


def test_one_s_own_window_is_not_another_person() -> None:
    town = Town()
    alice = town.found("alice")
    town.join("alice", identity=alice.keys.identity)
    town.settle(2)
    with pytest.raises(Refusal, match="alice is you, in another window of yours"):
        alice.member.verifier.ask("alice", town.now)
