from __future__ import annotations

import hashlib

import pytest
from nacl.signing import SigningKey

from sandpiper.common.errors import Refusal
from sandpiper.common.keys import enrolment_holds, publisher
from sandpiper.common.pake import prover
from sandpiper.common.spake2 import Spake2
from sandpiper.peer.credentials import Credentials

KEY, BROKER = b"k" * 32, b"B" * 32
PERSON = SigningKey(b"p" * 32)


def entropy(size: int) -> bytes:
    return hashlib.shake_256(b"client").digest(size)


def credentials(code: str | None = "open sesame", *, asked: bool = True) -> Credentials:
    made = Credentials(PERSON, KEY, code, entropy)
    made.broker_key, made.ticket, made.asked = BROKER, "the ticket", asked
    return made


def broker(code: str = "open sesame", key: bytes = BROKER) -> Spake2:
    return prover(code, client=False, client_key=KEY, broker_key=key, entropy=lambda size: b"e" * size)


def test_the_enrolment_is_signed_for_this_broker_and_key() -> None:
    request = credentials().enrol(1, b"confirm")
    assert (request.v, request.ticket, request.confirm) == (1, "the ticket", b"confirm")
    assert request.identity == bytes(PERSON.verify_key)
    assert enrolment_holds(request.identity, request.signature, BROKER, KEY)
    assert credentials().publisher == publisher(KEY)


def test_both_ends_prove_the_code() -> None:
    mine, theirs = credentials(), broker()
    request = mine.prove(1)
    assert request is not None
    assert (request.v, request.ticket) == (1, "the ticket")
    proof = theirs.finish(request.message)
    assert proof.holds(mine.confirm(theirs.message), of_a=True)
    assert mine.broker_proved(proof.confirmation_b)
    assert not mine.broker_proved(proof.confirmation_a)
    assert not mine.broker_proved(b"")


@pytest.mark.parametrize("theirs", [broker("other"), broker(key=b"M" * 32)], ids=["code", "key"])
def test_a_broker_with_another_code_or_key_proves_nothing(theirs: Spake2) -> None:
    mine = credentials()
    request = mine.prove(1)
    assert request is not None
    proof = theirs.finish(request.message)
    assert not proof.holds(mine.confirm(theirs.message), of_a=True)
    assert not mine.broker_proved(proof.confirmation_b)


def test_without_a_code_there_is_nothing_to_prove() -> None:
    for mine in (credentials(None), credentials(asked=False)):
        assert mine.prove(1) is None
        assert mine.broker_proved(b"")
        assert not mine.broker_proved(b"anything")


def test_each_connection_is_proved_anew() -> None:
    mine, theirs = credentials(), broker()
    request = mine.prove(1)
    assert request is not None
    proof = theirs.finish(request.message)
    mine.confirm(theirs.message)
    mine.asked = False
    assert mine.prove(1) is None
    assert not mine.broker_proved(proof.confirmation_b)


def test_an_answer_to_nothing_and_a_bad_answer_are_refused() -> None:
    with pytest.raises(Refusal):
        credentials().confirm(broker().message)
    for bad in (b"", b"A" * 33, b"B" + bytes(32)):
        mine = credentials()
        mine.prove(1)
        with pytest.raises(Refusal):
            mine.confirm(bad)
