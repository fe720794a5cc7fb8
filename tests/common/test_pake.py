from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.pake import Proof, Prover

CLIENT, BROKER = b"c" * 32, b"b" * 32


def entropy(seed: str) -> Callable[[int], bytes]:
    return lambda size: hashlib.shake_256(seed.encode()).digest(size)


def prover(code: str, *, client: bool, client_key: bytes = CLIENT, broker_key: bytes = BROKER) -> Prover:
    return Prover(code, client=client, client_key=client_key, broker_key=broker_key, entropy=entropy(f"{client}"))


def meet(client: Prover, broker: Prover) -> tuple[Proof, Proof]:
    return client.finish(broker.message), broker.finish(client.message)


def test_the_same_code_gives_the_same_proofs() -> None:
    ours, theirs = meet(prover("käse", client=True), prover("käse", client=False))
    assert ours == theirs
    assert len(ours.client) == len(ours.broker) == 64
    assert ours.client != ours.broker
    assert theirs.holds(ours.client)
    assert not theirs.holds(ours.broker)
    assert not theirs.holds(b"")


@pytest.mark.parametrize(
    "client",
    [
        prover("other", client=True),
        prover("code", client=True, broker_key=b"m" * 32),
        prover("code", client=True, client_key=b"m" * 32),
    ],
    ids=["code", "broker key", "client key"],
)
def test_another_code_or_key_gives_other_proofs(client: Prover) -> None:
    ours, theirs = meet(client, prover("code", client=False))
    assert not theirs.holds(ours.client)
    assert ours.broker != theirs.broker


@pytest.mark.parametrize(
    "message", [b"", b"A", b"A" + bytes(32), b"A" + b"\1" + bytes(31), b"B" + b"\1" * 32, b"A" * 7]
)
def test_what_is_no_message_is_refused(message: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        prover("code", client=False).finish(message)
    assert caught.value.code is Code.ACCESS


@pytest.mark.parametrize("fill", [2, 4, 5, 7])
def test_a_point_that_is_not_on_the_curve_is_refused(fill: int) -> None:
    with pytest.raises(Refusal):
        prover("code", client=False).finish(b"A" + bytes([fill]) * 32)


def test_ones_own_message_and_a_second_one_are_refused() -> None:
    broker, client = prover("code", client=False), prover("code", client=True)
    with pytest.raises(Refusal):
        broker.finish(broker.message)
    client.finish(prover("code", client=False).message)
    with pytest.raises(Refusal):
        client.finish(prover("code", client=False).message)
