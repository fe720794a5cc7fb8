from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.pake import prover
from sandpiper.common.spake2 import Agreement, Spake2

CLIENT, BROKER = b"c" * 32, b"b" * 32


def entropy(seed: str) -> Callable[[int], bytes]:
    return lambda size: hashlib.shake_256(seed.encode()).digest(size)


def end(code: str, *, client: bool, client_key: bytes = CLIENT, broker_key: bytes = BROKER) -> Spake2:
    return prover(code, client=client, client_key=client_key, broker_key=broker_key, entropy=entropy(f"{client}"))


def meet(client: Spake2, broker: Spake2) -> tuple[Agreement, Agreement]:
    return client.finish(broker.message), broker.finish(client.message)


def test_the_same_code_gives_the_same_proofs() -> None:
    ours, theirs = meet(end("käse", client=True), end("käse", client=False))
    assert ours == theirs
    assert len(ours.confirmation_a) == len(ours.confirmation_b) == 64
    assert ours.confirmation_a != ours.confirmation_b
    assert theirs.holds(ours.confirmation_a, of_a=True)
    assert not theirs.holds(ours.confirmation_b, of_a=True)
    assert not theirs.holds(b"", of_a=True)


@pytest.mark.parametrize(
    "client",
    [
        end("other", client=True),
        end("code", client=True, broker_key=b"m" * 32),
        end("code", client=True, client_key=b"m" * 32),
    ],
    ids=["code", "broker key", "client key"],
)
def test_another_code_or_key_gives_other_proofs(client: Spake2) -> None:
    ours, theirs = meet(client, end("code", client=False))
    assert not theirs.holds(ours.confirmation_a, of_a=True)
    assert ours.confirmation_b != theirs.confirmation_b


@pytest.mark.parametrize(
    "message", [b"", b"A", b"A" + bytes(32), b"A" + b"\1" + bytes(31), b"B" + b"\1" * 32, b"A" * 7]
)
def test_what_is_no_message_is_refused(message: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        end("code", client=False).finish(message)
    assert caught.value.code is Code.ACCESS


@pytest.mark.parametrize("fill", [2, 4, 5, 7])
def test_a_point_that_is_not_on_the_curve_is_refused(fill: int) -> None:
    with pytest.raises(Refusal):
        end("code", client=False).finish(b"A" + bytes([fill]) * 32)


def test_ones_own_message_and_a_second_one_are_refused() -> None:
    broker, client = end("code", client=False), end("code", client=True)
    with pytest.raises(Refusal):
        broker.finish(broker.message)
    client.finish(end("code", client=False).message)
    with pytest.raises(Refusal):
        client.finish(end("code", client=False).message)
