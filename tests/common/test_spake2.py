"""SPAKE2 against the RFC's own vector, against textbook arithmetic on the curve, and against hostile halves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl import bindings

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.spake2 import Agreement, M, N, Spake2, agreement, half, shared_element, transcript
from tests.common.refusals import refusal_of

VECTORS: Final[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "vectors" / "spake2.json").read_text("utf-8"))
PRIME: Final = 2**255 - 19
ORDER: Final = 2**252 + 27742317777372353535851937790883648493
D: Final = -121665 * pow(121666, -1, PRIME) % PRIME

Point = tuple[int, int]


def added(one: Point, other: Point) -> Point:
    """RFC 8032, section 5.1.4, in affine coordinates."""
    (x1, y1), (x2, y2) = one, other
    both = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + both, -1, PRIME)
    y = (y1 * y2 + x1 * x2) * pow(1 - both, -1, PRIME)
    return x % PRIME, y % PRIME


def times(scalar: int, point: Point) -> Point:
    result: Point = (0, 1)
    while scalar:
        if scalar & 1:
            result = added(result, point)
        point, scalar = added(point, point), scalar >> 1
    return result


def decoded(octets: bytes) -> Point:
    y = int.from_bytes(octets, "little") & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME)
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    return (PRIME - x if x & 1 != octets[31] >> 7 else x), y


def encoded(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


BASE: Final = decoded(bytes.fromhex("58" + "66" * 31))
scalars = st.integers(1, ORDER - 1)


def entropy(seed: str) -> Callable[[int], bytes]:
    return lambda size: hashlib.shake_256(seed.encode()).digest(size)


def end(*, is_a: bool, password: bytes = b"pine-ocean", context: bytes = b"c", ids: bytes = b"ab") -> Spake2:
    return Spake2(
        password, is_a=is_a, id_a=ids[:1], id_b=ids[1:], context=context, entropy=entropy(f"{is_a}{password!r}")
    )


def meet(a: Spake2, b: Spake2) -> tuple[Agreement, Agreement]:
    return a.finish(b.message), b.finish(a.message)


@settings(max_examples=20, deadline=None)
@given(scalars, scalars, scalars)
def test_it_computes_what_the_rfc_says(w: int, x: int, y: int) -> None:
    """pA = x*P + w*M, pB = y*P + w*N, K = h*x*(pB - w*N) = h*y*(pA - w*M)."""
    octets = [each.to_bytes(32, "little") for each in (w, x, y)]
    p_a, p_b = half(octets[0], octets[1], M), half(octets[0], octets[2], N)
    assert p_a == encoded(added(times(x, BASE), times(w, decoded(M))))
    assert p_b == encoded(added(times(y, BASE), times(w, decoded(N))))
    shared = encoded(times(8 * x * y % ORDER, BASE))
    assert shared_element(octets[0], octets[1], N, p_b) == shared
    assert shared_element(octets[0], octets[2], M, p_a) == shared


def test_the_rfc_s_own_vector_of_transcript_and_key_schedule() -> None:
    """Appendix B has none over edwards25519; of P-256 all but the group's arithmetic is the same."""
    vector = VECTORS["rfc9382"]
    octets = {name: bytes.fromhex(vector[name]) for name in ("pA", "pB", "K", "w", "TT", "Ke", "cA", "cB")}
    tt = transcript(vector["A"].encode(), vector["B"].encode(), *(octets[name] for name in ("pA", "pB", "K", "w")))
    assert tt == octets["TT"]
    agreed = agreement(tt, b"", "sha256")
    assert (agreed.key, agreed.confirmation_a, agreed.confirmation_b) == (octets["Ke"], octets["cA"], octets["cB"])


def test_our_golden_vector() -> None:
    vector = VECTORS["sandpiper"]

    def made(name: str, *, is_a: bool) -> Spake2:
        return Spake2(
            vector["password"].encode(),
            is_a=is_a,
            id_a=vector["A"].encode(),
            id_b=vector["B"].encode(),
            context=vector["context"].encode(),
            entropy=lambda size: bytes.fromhex(vector[name])[:size],
        )

    a, b = made("x", is_a=True), made("y", is_a=False)
    assert (a.message.hex(), b.message.hex()) == (vector["pA"], vector["pB"])
    ours, theirs = meet(a, b)
    assert ours == theirs
    found = (ours.key.hex(), ours.confirmation_a.hex(), ours.confirmation_b.hex())
    assert found == (vector["Ke"], vector["cA"], vector["cB"])


def test_the_fixed_elements_are_of_the_prime_group() -> None:
    assert all(bindings.crypto_core_ed25519_is_valid_point(each) for each in (M, N))


@pytest.mark.parametrize(
    "other",
    [
        end(is_a=False, password=b"other"),
        end(is_a=False, context=b"d"),
        end(is_a=False, ids=b"xb"),
        end(is_a=False, ids=b"ax"),
    ],
    ids=["password", "context", "one identity", "other identity"],
)
def test_what_differs_gives_other_confirmations(other: Spake2) -> None:
    ours, theirs = meet(end(is_a=True), other)
    assert not theirs.holds(ours.confirmation_a, of_a=True)
    assert not ours.holds(theirs.confirmation_b, of_a=False)


def test_the_same_gives_the_same() -> None:
    ours, theirs = meet(end(is_a=True), end(is_a=False))
    assert ours == theirs
    assert theirs.holds(ours.confirmation_a, of_a=True)
    assert not theirs.holds(ours.confirmation_a, of_a=False)
    assert not theirs.holds(b"", of_a=True)


def torsion() -> list[Point]:
    """The eight elements of small order."""
    found: list[Point] = []
    number = 2
    while len(set(found)) < 8:
        number += 1
        candidate = decoded(number.to_bytes(32, "little"))
        x, y = candidate
        if (-x * x + y * y - 1 - D * x * x * y * y) % PRIME == 0:
            small = times(ORDER, candidate)
            found = [times(each, small) for each in range(8)]
    return found


SMALL: Final = torsion()


@pytest.mark.parametrize("small", SMALL, ids=lambda point: encoded(point).hex()[:6])
def test_an_element_of_small_order_is_refused_and_so_is_one_that_has_such_a_part(small: Point) -> None:
    good = end(is_a=False).message
    for message in (encoded(small), encoded(added(decoded(good), small))):
        if message == good:  # the neutral element was added
            continue
        with pytest.raises(Refusal) as caught:
            end(is_a=True).finish(message)
        assert caught.value.code is Code.ACCESS


def test_a_half_that_would_make_the_shared_element_neutral_is_refused() -> None:
    """It is w*N, of whoever knows w: then K would be 0 whatever was drawn."""
    w = bindings.crypto_core_ed25519_scalar_reduce(hashlib.sha512(b"sandpiper spake2 v1\0pine-ocean").digest())
    with pytest.raises(Refusal):
        end(is_a=True).finish(bindings.crypto_scalarmult_ed25519_noclamp(w, N))


@pytest.mark.parametrize(
    "message",
    [b"", b"\1", bytes(31), bytes(33), bytes(32), b"\2" + bytes(31), b"\xff" * 32, (PRIME + 4).to_bytes(32, "little")],
    ids=lambda message: message.hex()[:8],
)
def test_what_is_no_element_is_refused(message: bytes) -> None:
    """Of another length, not on the curve, not reduced."""
    with pytest.raises(Refusal) as caught:
        end(is_a=False).finish(message)
    assert caught.value.code is Code.ACCESS


@given(st.binary(max_size=40))
def test_of_garbage_nothing_but_refusals_comes(message: bytes) -> None:
    refusal = refusal_of(end(is_a=False).finish, message)
    if refusal is None:
        assert bindings.crypto_core_ed25519_is_valid_point(message)
    else:
        assert refusal.code is Code.ACCESS


def test_one_s_own_half_and_a_second_one_are_refused() -> None:
    a = end(is_a=True)
    with pytest.raises(Refusal):
        a.finish(a.message)
    a = end(is_a=True)
    a.finish(end(is_a=False).message)
    with pytest.raises(Refusal):
        a.finish(end(is_a=False).message)


def test_no_secret_is_in_a_repr() -> None:
    ours, _ = meet(end(is_a=True), end(is_a=False))
    assert ours.key.hex() not in repr(ours)
    assert repr(ours.key) not in repr(ours)
