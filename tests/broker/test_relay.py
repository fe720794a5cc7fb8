"""The relay: only who proves a tag's key sends or hears there, and the broker keeps nothing of it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from nacl.signing import SigningKey

from sandpiper.broker.core import Rules
from sandpiper.broker.outputs import Output, ToBus, ToSession
from sandpiper.broker.session import ClientSession
from sandpiper.common import control
from sandpiper.common.control import Attached, Challenged, Done, Enrolled, Pong, Refused, RelayPresence, Sealed
from sandpiper.common.keys import relay_address, relay_tag, sign_attachment, sign_enrolment
from sandpiper.common.limits import (
    LINGER_S,
    RELAY_BEHIND_BYTES,
    RELAY_CHALLENGES_BURST,
    RELAY_PER_TAG,
    RELAY_TAGS_PER_SESSION,
    RELAY_WAITING_BYTES,
    SEALED_BYTES,
    SILENT_S,
    VERSION,
)
from tests.broker.fixture import BROKER_KEY, WALL, House, events, identity, session_key

ROOM = SigningKey(hashlib.sha256(b"epoch 1").digest())
TAG = relay_tag(bytes(ROOM.verify_key))


def key_of(session: ClientSession) -> bytes:
    assert session.key is not None
    return session.key


def address(session: ClientSession) -> bytes:
    return relay_address(key_of(session))


def nonce(house: House, session: ClientSession) -> bytes:
    challenged = house.ask(key_of(session), control.Challenge(r=3))
    assert isinstance(challenged, Challenged), challenged
    assert len(challenged.nonce) == 32
    return challenged.nonce


def attach(house: House, session: ClientSession, tag: SigningKey = ROOM, **other: Any) -> Any:
    signed = {"broker_key": BROKER_KEY, "session_key": key_of(session), "nonce": nonce(house, session), **other}
    request = control.Attach(r=4, tag_key=bytes(tag.verify_key), signature=sign_attachment(tag, **signed))
    return house.ask(key_of(session), request)


def member(house: House, name: str, tag: SigningKey = ROOM) -> ClientSession:
    session = house.enrol(name)
    attached = attach(house, session, tag)
    assert isinstance(attached, Attached), attached
    return session


def send(house: House, session: ClientSession, body: bytes = b"sealed", to: list[bytes] | None = None) -> Any:
    return house.ask(key_of(session), control.SendSealed(r=5, tag=TAG, to=to or [], body=body))


def heard(outputs: list[Output], session: ClientSession) -> list[bytes]:
    return [event.body for event in events(outputs, session, Sealed)]


def test_who_is_attached_is_told_of_the_others(house: House) -> None:
    alice, bob = house.enrol("alice"), house.enrol("bob")
    assert attach(house, alice) == Attached(r=4, tag=TAG, present=[])
    assert attach(house, bob) == Attached(r=4, tag=TAG, present=[address(alice)])
    assert events(house.take(), alice, RelayPresence) == [RelayPresence(tag=TAG, address=address(bob), present=True)]
    assert house.ask(key_of(bob), control.Detach(r=6, tag=TAG)) == Done(r=6)
    assert events(house.take(), alice, RelayPresence) == [RelayPresence(tag=TAG, address=address(bob), present=False)]
    assert house.ask(key_of(bob), control.Detach(r=7, tag=TAG)) == Done(r=7)
    assert house.take() == []


def test_bodies_reach_all_others_or_the_addressed(house: House) -> None:
    alice, bob, carol = (member(house, name) for name in ("alice", "bob", "carol"))
    house.take()
    assert send(house, alice, b"all") is None
    outputs = house.take()
    assert [heard(outputs, each) for each in (alice, bob, carol)] == [[], [b"all"], [b"all"]]
    assert events(outputs, bob, Sealed) == [Sealed(tag=TAG, sender=address(alice), body=b"all")]
    assert len({id(output.message) for output in outputs if isinstance(output, ToSession)}) == 1
    assert send(house, bob, b"you", [address(carol), address(carol), b"nobody", address(bob)]) is None
    outputs = house.take()
    assert [heard(outputs, each) for each in (alice, bob, carol)] == [[], [], [b"you"]]
    assert send(house, bob, b"none", [b"nobody"]) is None
    assert house.take() == []


def test_nothing_reaches_the_bus_or_the_store(house: House) -> None:
    alice, bob = member(house, "alice"), member(house, "bob")
    reader = house.join("reader")
    house.take()
    before = list(house.store._db.iterdump())
    send(house, alice, b"a secret body")
    send(house, bob, b"a secret body", [address(alice)])
    outputs = house.take()
    assert not any(isinstance(output, ToBus) for output in outputs)
    assert {output.session for output in outputs if isinstance(output, ToSession)} == {alice, bob}
    assert list(house.store._db.iterdump()) == before
    house.ingress.frame(reader, b"lobby/sealed\0\x81\xa4type\xa6sealed", house.now)
    outputs = house.take()
    assert not any(isinstance(output, ToBus) for output in outputs)
    assert [turned.code for turned in events(outputs, reader, control.Turned)] == ["invalid"]


def test_a_stranger_neither_attaches_nor_sends(house: House) -> None:
    alice, mallory = member(house, "alice"), house.enrol("mallory")
    assert send(house, mallory).code == "not_joined"
    stolen = control.Attach(r=4, tag_key=bytes(ROOM.verify_key), signature=bytes(64))
    nonce(house, mallory)
    assert house.ask(key_of(mallory), stolen).code == "invalid"
    other = SigningKey(bytes(32))
    forged = sign_attachment(other, BROKER_KEY, key_of(mallory), nonce(house, mallory))
    assert house.ask(key_of(mallory), control.Attach(r=4, tag_key=bytes(ROOM.verify_key), signature=forged)).code == (
        "invalid"
    )
    assert isinstance(attach(house, mallory, other), Attached)
    assert send(house, mallory).code == "not_joined"
    assert house.take() == []
    assert alice in house.broker.sessions.values()


@pytest.mark.parametrize(
    "changed", [{"broker_key": b"C" * 32}, {"session_key": session_key("mallory")}, {"nonce": bytes(32)}]
)
def test_the_signature_is_for_this_broker_session_and_challenge(house: House, changed: dict[str, Any]) -> None:
    reply = attach(house, house.enrol("alice"), **changed)
    assert (reply.r, reply.code) == (4, "invalid")
    assert house.broker.relay.tags == 0


def test_a_challenge_serves_once(house: House) -> None:
    alice = house.enrol("alice")
    request = control.Attach(r=4, tag_key=bytes(ROOM.verify_key), signature=b"")
    assert house.ask(key_of(alice), request).code == "invalid"
    request.signature = sign_attachment(ROOM, BROKER_KEY, key_of(alice), nonce(house, alice))
    assert isinstance(house.ask(key_of(alice), request), Attached)
    house.ask(key_of(alice), control.Detach(r=6, tag=TAG))
    replayed = house.ask(key_of(alice), request)
    assert (replayed.code, house.broker.relay.tags) == ("invalid", 0)
    wrong = nonce(house, alice)
    assert house.ask(key_of(alice), control.Attach(r=4, tag_key=bytes(32), signature=bytes(64))).code == "invalid"
    request.signature = sign_attachment(ROOM, BROKER_KEY, key_of(alice), wrong)
    assert house.ask(key_of(alice), request).code == "invalid"  # a failed attempt has used it up


def test_the_key_and_the_signature_may_be_any_bytes(house: House) -> None:
    alice = house.enrol("alice")
    for tag_key in (b"", b"x", bytes(32), b"\xff" * 32, b"k" * 33):
        for signature in (b"", bytes(64), b"s" * 65):
            nonce(house, alice)
            reply = house.ask(key_of(alice), control.Attach(r=4, tag_key=tag_key, signature=signature))
            assert isinstance(reply, Refused)
        house.now += 60
        house.ask(key_of(alice), control.Ping(r=9))


def test_addresses_say_nothing_of_the_person(house: House) -> None:
    alice = member(house, "alice")
    assert len(address(alice)) == 16
    assert address(alice) not in (key_of(alice)[:16], bytes(identity("alice").verify_key)[:16])


def test_whoever_goes_is_gone(house: House) -> None:
    alice, bob, carol = (member(house, name) for name in ("alice", "bob", "carol"))
    house.take()
    assert isinstance(house.ask(key_of(bob), control.Bye(r=6)), Done)
    house.broker.lost_connection(carol, house.now)
    assert events(house.take(), alice, RelayPresence) == [RelayPresence(tag=TAG, address=address(bob), present=False)]
    house.now += LINGER_S
    house.ask(key_of(alice), control.Ping(r=6))
    house.broker.tick(house.now, WALL + house.now)
    assert events(house.take(), alice, RelayPresence) == [RelayPresence(tag=TAG, address=address(carol), present=False)]
    assert house.broker.relay.attached == 1


def test_a_session_in_no_room_lives_by_its_pings(house: House) -> None:
    alice, bob = member(house, "alice"), member(house, "bob")
    house.take()
    for _ in range(10):
        house.now += SILENT_S / 4
        assert house.ask(key_of(alice), control.Ping(r=8)) == Pong(r=8, run=house.store.run, heads={})
        house.broker.tick(house.now, WALL + house.now)
    assert list(house.broker.sessions.values()) == [alice]
    assert events(house.take(), alice, RelayPresence) == [RelayPresence(tag=TAG, address=address(bob), present=False)]


def test_a_reconnect_within_the_linger_disturbs_nobody(house: House) -> None:
    alice, bob = member(house, "alice"), member(house, "bob")
    house.take()
    house.broker.lost_connection(bob, house.now)
    assert house.enrol("bob") is bob
    assert attach(house, bob) == Attached(r=4, tag=TAG, present=[address(alice)])
    assert house.take() == []


def test_another_person_with_the_same_key_is_attached_to_nothing(house: House) -> None:
    alice, bob = member(house, "alice"), member(house, "bob")
    assert isinstance(house.ask(key_of(bob), house.enrolment(key_of(bob), identity("eve"))), Enrolled)
    eve = house.broker.sessions[key_of(bob)]
    assert send(house, eve).code == "not_joined"
    send(house, alice)
    assert heard(house.take(), eve) == []


def test_several_tags(house: House) -> None:
    alice, bob = member(house, "alice"), member(house, "bob")
    after = SigningKey(hashlib.sha256(b"epoch 2").digest())
    assert attach(house, alice, after) == Attached(r=4, tag=relay_tag(bytes(after.verify_key)), present=[])
    house.take()
    send(house, bob)
    assert heard(house.take(), alice) == [b"sealed"]
    house.ask(key_of(alice), control.Bye(r=6))
    assert (house.broker.relay.tags, house.broker.relay.attached) == (1, 1)


def test_bounds_on_tags_and_attachments(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = house.enrol("alice")
    for number in range(RELAY_TAGS_PER_SESSION):
        assert isinstance(attach(house, alice, SigningKey(bytes([number]) * 32)), Attached)
    assert attach(house, alice).code == "too_many"
    for number in range(RELAY_PER_TAG):
        member(house, str(number))
    assert attach(house, house.enrol("late")).code == "too_many"
    monkeypatch.setattr("sandpiper.broker.relay.RELAY_TAGS", RELAY_TAGS_PER_SESSION + 1)
    reply = attach(house, house.enrol("later"), SigningKey(b"n" * 32))
    assert (reply.code, house.broker.relay.tags) == ("too_many", RELAY_TAGS_PER_SESSION + 1)


def test_challenges_have_a_rate(house: House) -> None:
    alice = house.enrol("alice")
    for _ in range(int(RELAY_CHALLENGES_BURST)):
        nonce(house, alice)
    reply = house.ask(key_of(alice), control.Challenge(r=3))
    assert (reply.code, reply.retry_ms) == ("rate", 1001)
    house.now += 1.01
    nonce(house, alice)


def test_bodies_are_bounded_and_have_the_rate_of_publications() -> None:
    house = House(rules=Rules(messages_per_s=8, bytes_per_s=SEALED_BYTES))
    try:
        alice, bob = member(house, "alice"), member(house, "bob")
        house.take()
        assert send(house, alice, bytes(SEALED_BYTES + 1)).code == "too_large"
        house.now += 10
        assert send(house, alice, b"", [b""] * (RELAY_PER_TAG + 1)).code == "too_many"
        house.now += 10
        sent = 0
        while (reply := send(house, alice)) is None:
            sent += 1
        assert (sent, reply.r, reply.code) == (16, 5, "rate")
        assert heard(house.take(), bob) == [b"sealed"] * sent
        house.now += reply.retry_ms / 1000
        assert send(house, alice) is None
        assert (house.broker.relay.bodies, house.broker.relay.octets) == (17, 17 * len(b"sealed"))
    finally:
        house.store.close()


def test_each_addressee_has_a_share_of_what_may_wait(house: House) -> None:
    relay = house.broker.relay
    assert relay.allowance == RELAY_BEHIND_BYTES
    relay.attached = 2 * RELAY_WAITING_BYTES // RELAY_BEHIND_BYTES
    assert relay.allowance == RELAY_BEHIND_BYTES // 2
    relay.attached = 100_000
    assert relay.allowance == SEALED_BYTES


def test_of_a_session_that_only_relays_nothing_is_written_down(house: House) -> None:
    key = session_key("relay")
    signature = sign_enrolment(identity("alice"), BROKER_KEY, key)
    before = list(house.store._db.iterdump())
    request = control.Enrol(
        r=1, v=VERSION, identity=bytes(identity("alice").verify_key), signature=signature, caps=["sealed"]
    )
    reply = house.ask(key, request)
    assert isinstance(reply, Enrolled)
    assert "sealed" in reply.caps
    assert isinstance(attach(house, house.broker.sessions[key]), Attached)
    assert list(house.store._db.iterdump()) == before
    assert key not in house.admission.enrolled  # and so the bus is closed to it
