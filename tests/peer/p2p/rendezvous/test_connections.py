"""Opening a room at several services of which some lie."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from nacl.signing import SigningKey

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import DISCOVERY_TRIES
from sandpiper.common.rendezvous import Leased
from sandpiper.peer.p2p.rendezvous.connections import ServiceConnections

NOBODY: Any = None
KEY = SigningKey(b"r" * 32)


class Service:
    """A service that proposes these numbers, and refuses those that are taken there, or everything."""

    up = True

    def __init__(self, address: str, proposals: list[int], taken: set[int], refuses: Code | None = None) -> None:
        self.address = address
        self.leased: set[int] = set()
        self.wanted: list[int] = []
        self.claims = 0
        self._proposals = list(proposals)
        self._taken = taken
        self._refuses = refuses

    async def claim(self, nameplate: int, registration: SigningKey, blob: bytes, *, fresh: bool) -> Leased:
        assert fresh
        self.claims += 1
        if self._refuses is not None:
            raise Refusal(self._refuses, "no")
        number = nameplate or self._proposals.pop(0)
        if number in self._taken or not self._taken:
            raise Refusal(Code.TAKEN, "there is a room at this nameplate already")
        self.leased.add(number)
        return Leased(r=1, nameplate=number, expires_at=0, version=1)

    def release(self) -> None:
        self.leased.clear()

    def want(self, nameplate: int, registration: SigningKey, blob: bytes) -> None:
        self.wanted.append(nameplate)


class Heard:
    """Takes note of nothing."""

    def services_moved(self) -> None:
        pass


def opening(*services: Service, nameplate: int = 0, despite_taken: bool = False) -> tuple[int, list[str]]:
    """The number that the room gets, and what the person is warned of."""

    async def run() -> tuple[int, list[str]]:
        connections = ServiceConnections(NOBODY, NOBODY, Heard(), lambda address: None)  # type: ignore[arg-type]
        connections.all.extend(services)  # type: ignore[arg-type]
        leased = await connections.claim_fresh(nameplate, KEY, b"card", despite_taken=despite_taken)
        assert connections.nameplate == leased.nameplate
        return leased.nameplate, [each.text for each in connections.warnings]

    return asyncio.run(run())


def test_services_propose_in_turn_until_one_number_is_free_at_all() -> None:
    one, other = Service("one", [11, 12], {99}), Service("other", [21], {11})
    assert opening(one, other) == (21, [])
    assert (one.leased, other.leased) == ({21}, {21})


@pytest.mark.parametrize("first", [True, False])
def test_a_service_that_calls_every_number_taken_prevents_no_room(first: bool) -> None:
    good, bad = Service("good", list(range(11, 40)), {99}), Service("bad", list(range(50, 90)), set())
    number, warned = opening(bad, good) if first else opening(good, bad)
    assert 11 <= number < 40
    assert (good.leased, bad.wanted) == ({number}, [number])
    assert len(warned) == 1
    assert "bad refuses the room" in warned[0]
    assert good.claims + bad.claims <= 2 * DISCOVERY_TRIES


@pytest.mark.parametrize("code", [Code.RATE, Code.TOO_MANY, Code.INVALID, Code.CLOSING, Code.ACCESS])
def test_a_service_that_refuses_is_left_out_at_once(code: Code) -> None:
    good, bad = Service("good", [11], {99}), Service("bad", [], {99}, code)
    number, warned = opening(bad, good)
    assert (number, bad.claims, len(warned)) == (11, 1, 1)


def test_where_all_refuse_it_is_said_why() -> None:
    with pytest.raises(Refusal, match="no"):
        opening(Service("one", [], {99}, Code.TOO_MANY), Service("other", [], {99}, Code.TOO_MANY))


def test_a_number_that_was_told_before_and_is_taken_at_one_service_is_somebody_else_s() -> None:
    good, bad = Service("good", [], {99}), Service("bad", [], {42})
    with pytest.raises(Refusal) as refused:
        opening(good, bad, nameplate=42)
    assert refused.value.code is Code.TAKEN
    assert good.leased == set()
    number, warned = opening(good, bad, nameplate=42, despite_taken=True)
    assert (number, len(warned)) == (42, 1)
