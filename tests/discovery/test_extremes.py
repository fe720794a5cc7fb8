"""No value in a member's request, or in an original client's line, brings the discovery service down."""

from __future__ import annotations

from typing import Final

import pytest

from sandpiper.common import rendezvous
from sandpiper.common.rendezvous import sign_lease
from tests.discovery.place import KEY, ROOM, Place
from tests.extremes import extremes

REQUESTS: Final[list[rendezvous.Request]] = [
    rendezvous.Greet(r=7, v=1, ticket="1.a.b"),
    rendezvous.Claim(r=7, nameplate=42, group=bytes(ROOM.verify_key), blob=b"card", signature=bytes(64), fresh=True),
    rendezvous.Lookup(r=7, nameplate=42),
    rendezvous.Post(r=7, mailbox=bytes(16), body=b"hello"),
    rendezvous.Release(r=7, nameplate=42, group=bytes(ROOM.verify_key)),
    rendezvous.Ping(r=7),
    rendezvous.Bye(r=7),
]


def test_each_request_is_walked() -> None:
    assert {type(each) for each in REQUESTS} == set(rendezvous.AnyRequest.__args__)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: type(each).__name__)
def test_no_request_is_more_than_refused(request_: rendezvous.Request) -> None:
    place = Place()
    alice, bob = place.person("alice"), place.person("bob")
    for changed in (request_, *extremes(request_)):
        place.now += 1.0
        bob.connect()
        bob.greet()
        bob.claim()
        if isinstance(changed, rendezvous.Claim):
            changed.signature = changed.signature if len(changed.signature) != 64 else _signed(changed, bob.key)
        bob.tell(rendezvous.encode(changed))
    place.later(1.0)
    assert isinstance(alice.lookup(), (rendezvous.Found, rendezvous.Refused))


def _signed(claim: rendezvous.Claim, own_key: bytes) -> bytes:
    try:
        return sign_lease(ROOM, KEY, own_key, claim.nameplate, claim.blob)
    except OverflowError:  # nobody can sign that
        return claim.signature
