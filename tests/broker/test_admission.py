"""Who gets in: signatures, versions, the access code and its failures, tickets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandpiper.common import control
from sandpiper.common.control import Enrolled, PakeReply, Refused
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.keys import sign_enrolment
from sandpiper.common.limits import ACCESS_FAILURES, ACCESS_FAILURES_ALL, PAKE_PER_S_AND_ADDRESS, UNFINISHED_S
from sandpiper.common.pake import prover
from tests.broker.fixture import BROKER_KEY, FullStore, House, identity, session_key

KEY = session_key("alice/")


@pytest.fixture
def closed() -> Iterator[House]:
    house = House(access_code="open sesame")
    yield house
    house.store.close()


def begin(
    house: House, code: str, key: bytes = KEY, broker_key: bytes = BROKER_KEY, address: str = "192.0.2.1"
) -> bytes:
    """The client's side up to its confirmation."""
    spake = prover(code, client=True, client_key=key, broker_key=broker_key, entropy=house.entropy)
    reply = house.ask(key, control.Pake(r=1, v=1, message=spake.message), address)
    assert isinstance(reply, PakeReply), reply
    return spake.finish(reply.message).confirmation_a


def finish(house: House, confirm: bytes, key: bytes = KEY, address: str = "192.0.2.1") -> control.Reply:
    reply: control.Reply = house.ask(key, house.enrolment(key, identity("alice"), confirm), address)
    return reply


def code_of(reply: object) -> str:
    assert isinstance(reply, Refused), reply
    return reply.code


# Enrolment ------------------------------------------------------------------------------------------------------


def test_an_identity_vouches_for_its_session(house: House) -> None:
    reply = finish(house, b"")
    assert isinstance(reply, Enrolled)
    assert (reply.confirm, reply.run) == (b"", house.store.run)
    assert reply.messages_per_s == house.rules.messages_per_s
    assert house.admission.enrolled == house.store.load().enrolled == {KEY: bytes(identity("alice").verify_key)}


@pytest.mark.parametrize(
    ("broker_key", "key"), [(b"X" * 32, KEY), (BROKER_KEY, session_key("mallory"))], ids=["broker", "session"]
)
def test_a_signature_for_another_key_is_worth_nothing(house: House, broker_key: bytes, key: bytes) -> None:
    person = identity("alice")
    request = control.Enrol(
        r=1, v=1, identity=bytes(person.verify_key), signature=sign_enrolment(person, broker_key, key)
    )
    assert code_of(house.ask(KEY, request)) == "invalid"
    assert house.broker.sessions == {}
    assert house.admission.enrolled == {}


@pytest.mark.parametrize(
    ("identity_", "signature"), [(b"", b""), (b"x" * 31, b"y" * 64), (b"\0" * 32, b"\0" * 64), (b"x" * 32, b"y" * 63)]
)
def test_what_is_no_key_or_signature_is_refused(house: House, identity_: bytes, signature: bytes) -> None:
    assert code_of(house.ask(KEY, control.Enrol(r=1, v=1, identity=identity_, signature=signature))) == "invalid"


def test_another_version_is_refused_by_name(closed: House) -> None:
    for request in (
        control.Enrol(r=1, v=2, identity=b"", signature=b""),
        control.Pake(r=1, v=2, message=b""),
    ):
        reply = closed.ask(KEY, request)
        assert code_of(reply) == "version"
        assert "version 1" in reply.text
        assert "2" in reply.text


def test_a_full_store_keeps_nobody_out(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from sandpiper.broker.store.errors import StoreFull

    def refuse(*_: object) -> None:
        raise StoreFull("no space")

    assert isinstance(house.store, FullStore)
    for name in ("enrol", "unenrol"):
        monkeypatch.setattr(house.store, name, refuse)
    assert isinstance(finish(house, b""), Enrolled)
    assert KEY in house.admission.enrolled
    house.admission.forget(KEY)
    assert house.admission.enrolled == {}


def test_enrolled_keys_are_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.broker.admission.ENROLLED_MOST", 2)
    sessions = [house.enrol("alice", device=str(number)) for number in range(4)]
    assert list(house.admission.enrolled) == [session.key for session in sessions[2:]]
    assert list(house.store.load().enrolled) == list(house.admission.enrolled)


def test_keys_that_the_store_let_go_are_let_go(house: House) -> None:
    house.enrol("alice")
    house.admission.expire([session_key("alice/"), b"never there"])
    assert house.admission.enrolled == {}


# The access code ------------------------------------------------------------------------------------------------


def test_the_right_code(closed: House) -> None:
    spake = prover("open sesame", client=True, client_key=KEY, broker_key=BROKER_KEY, entropy=closed.entropy)
    reply = closed.ask(KEY, control.Pake(r=1, v=1, message=spake.message))
    proof = spake.finish(reply.message)
    enrolled = finish(closed, proof.confirmation_a)
    assert isinstance(enrolled, Enrolled)
    assert enrolled.confirm == proof.confirmation_b != proof.confirmation_a
    assert closed.admission.closed


def test_a_wrong_code(closed: House) -> None:
    assert code_of(finish(closed, begin(closed, "open barley"))) == "access"
    assert closed.admission.denied == 1
    assert closed.broker.sessions == {}


def test_no_code(closed: House) -> None:
    assert code_of(finish(closed, b"")) == "access"
    assert code_of(finish(closed, b"c" * 32)) == "access"
    assert closed.admission.denied == 0


@pytest.mark.parametrize("message", [b"", b"S", b"S" + b"\0" * 32, b"B" + b"\1" * 32, b"A" * 7])
def test_what_is_no_spake2_message(closed: House, message: bytes) -> None:
    assert code_of(closed.ask(KEY, control.Pake(r=1, v=1, message=message))) == "access"
    assert code_of(finish(closed, b"c" * 32)) == "access"


def test_a_key_in_between_fails_like_a_wrong_code(closed: House) -> None:
    confirm = begin(closed, "open sesame", broker_key=b"M" * 32)
    assert code_of(finish(closed, confirm)) == "access"


def test_a_confirmation_is_good_for_one_key_and_one_time(closed: House) -> None:
    confirm = begin(closed, "open sesame")
    mallory = session_key("mallory")
    assert code_of(closed.ask(mallory, closed.enrolment(mallory, identity("mallory"), confirm))) == "access"
    assert isinstance(finish(closed, confirm), Enrolled)
    assert code_of(finish(closed, confirm)) == "access"


def test_a_wrong_confirmation_ends_the_attempt(closed: House) -> None:
    confirm = begin(closed, "open sesame")
    assert code_of(finish(closed, b"\0" * 32)) == "access"
    assert code_of(finish(closed, confirm)) == "access"


def test_an_unfinished_attempt_ends(closed: House) -> None:
    confirm = begin(closed, "open sesame")
    closed.now += UNFINISHED_S + 0.1
    assert code_of(finish(closed, confirm)) == "access"
    begin(closed, "open sesame")
    closed.admission.tick(closed.now + UNFINISHED_S)
    assert closed.admission._attempts
    closed.admission.tick(closed.now + UNFINISHED_S + 0.1)
    assert not closed.admission._attempts


def test_an_enrolled_key_needs_the_code_no_more_and_after_a_restart_neither(closed: House) -> None:
    assert isinstance(finish(closed, begin(closed, "open sesame")), Enrolled)
    assert isinstance(finish(closed, b""), Enrolled)
    closed.restart()
    assert isinstance(finish(closed, b""), Enrolled)
    mallory = control.Enrol(
        r=1,
        v=1,
        identity=bytes(identity("mallory").verify_key),
        signature=sign_enrolment(identity("mallory"), BROKER_KEY, KEY),
    )
    assert code_of(closed.ask(KEY, mallory)) == "access"


def test_ten_wrong_codes_and_the_address_is_not_heard(closed: House) -> None:
    for _ in range(ACCESS_FAILURES):
        assert code_of(finish(closed, begin(closed, "wrong"))) == "access"
        closed.now += 0.2
    reply = closed.ask(KEY, control.Pake(r=1, v=1, message=b"x"))
    assert code_of(reply) == "rate"
    assert reply.retry_ms > 0
    begin(closed, "open sesame", address="192.0.2.2")
    closed.now += reply.retry_ms / 1000
    assert isinstance(finish(closed, begin(closed, "open sesame")), Enrolled)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::{:x}"], ids=["one address", "one subscriber's"])
def test_of_many_attempts_at_once_no_more_are_judged_than_one_after_the_other(closed: House, address: str) -> None:
    """They were opened first and judged afterwards: 98 in ten seconds."""
    opened = []
    for number in range(10 * ACCESS_FAILURES):
        key, seen = session_key(f"{number}/"), address.format(number)
        spake = prover(f"guess {number}", client=True, client_key=key, broker_key=BROKER_KEY, entropy=closed.entropy)
        reply = closed.ask(key, control.Pake(r=1, v=1, message=spake.message), seen)
        if isinstance(reply, PakeReply):
            opened.append((key, spake.finish(reply.message).confirmation_a, seen))
        closed.now += 0.1
    judged = [code_of(finish(closed, confirm, key, seen)) for key, confirm, seen in opened]
    assert ACCESS_FAILURES <= len(judged) <= ACCESS_FAILURES + 2  # ten seconds give one back, or two
    assert closed.admission.denied <= len(judged)


def test_of_many_addresses_no_more_are_judged_than_all_together_may(closed: House) -> None:
    codes = []
    for number in range(2 * ACCESS_FAILURES_ALL):
        spake = prover("guess", client=True, client_key=KEY, broker_key=BROKER_KEY, entropy=closed.entropy)
        reply = closed.ask(KEY, control.Pake(r=1, v=1, message=spake.message), f"198.51.100.{number}")
        codes.append(reply.code if isinstance(reply, Refused) else "")
        closed.now += 0.03
    assert ACCESS_FAILURES_ALL <= codes.count("") <= ACCESS_FAILURES_ALL + 11  # six seconds give ten back
    assert codes[-1] == "rate"


def test_the_right_code_is_no_guess(closed: House) -> None:
    for number in range(3 * ACCESS_FAILURES_ALL):
        assert isinstance(finish(closed, begin(closed, "open sesame")), Enrolled)
        closed.admission.forget(KEY)
        closed.admission.admit_in_clear("open sesame", "192.0.2.1", closed.now)
        closed.now += 0.11 if number % 2 else 0.1


def test_what_is_no_message_is_no_guess(closed: House) -> None:
    for _ in range(3 * ACCESS_FAILURES):
        assert code_of(closed.ask(KEY, control.Pake(r=1, v=1, message=b"x"))) == "access"
        closed.now += 0.1
    begin(closed, "open sesame")


def test_exchanges_are_paced_by_address(closed: House) -> None:
    replies = [closed.ask(KEY, control.Pake(r=1, v=1, message=b"x")) for _ in range(int(PAKE_PER_S_AND_ADDRESS) + 2)]
    codes = [code_of(reply) for reply in replies]
    assert codes[:3] == ["access"] * 3
    assert codes[-1] == "rate"
    begin(closed, "open sesame", address="192.0.2.2")


def test_buckets_are_bounded(closed: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.common.rate_limits.PACES_MOST", 3)
    for number in range(10):
        closed.ask(KEY, control.Pake(r=1, v=1, message=b"x"), f"192.0.2.{number}")
    assert len(closed.admission._paces) <= 3


def test_an_open_broker_asks_for_nothing(house: House) -> None:
    assert not house.admission.closed
    assert code_of(house.ask(KEY, control.Pake(r=1, v=1, message=b"x"))) == "invalid"
    house.admission.admit_in_clear(None, "192.0.2.1", house.now)


def test_in_clear(closed: House) -> None:
    admit = closed.admission.admit_in_clear
    admit("open sesame", "192.0.2.1", closed.now)
    with pytest.raises(Refusal, match="needs an access code"):
        admit(None, "192.0.2.1", closed.now)
    codes = []
    for _ in range(ACCESS_FAILURES + 1):
        with pytest.raises(Refusal) as caught:
            admit("wrong", "192.0.2.1", closed.now)
        codes.append(caught.value.code)
    assert codes == [Code.ACCESS] * ACCESS_FAILURES + [Code.RATE]
    with pytest.raises(Refusal):
        admit("open sesame", "192.0.2.1", closed.now)
    admit("open sesame", "192.0.2.2", closed.now)
