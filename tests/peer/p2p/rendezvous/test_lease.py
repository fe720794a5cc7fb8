"""A lease as its holder keeps it: when it is renewed, what a missed step costs, what a lying service achieves."""

from __future__ import annotations

from nacl.signing import SigningKey

from sandpiper.common.limits import LEASES_PER_GROUP, RENEW_S
from sandpiper.common.rendezvous import (
    Changed,
    Claim,
    Done,
    Leased,
    PeerCard,
    Refused,
    Release,
    Reply,
    lease_holds,
)
from sandpiper.peer.p2p.rendezvous.lease import Tenancy

OWN, SERVICE = b"C" * 32, b"D" * 32
ROOM, NEXT = SigningKey(b"r" * 32), SigningKey(b"n" * 32)


def card(number: int, blob: bytes = b"card") -> PeerCard:
    return PeerCard(bytes([number]) * 16, blob, "192.0.2.1")


def leased(version: int = 5, *cards: PeerCard, nameplate: int = 42, same: bool = False) -> Leased:
    return Leased(r=1, nameplate=nameplate, expires_at=99, version=version, peers=None if same else list(cards))


def changed(version: int, *cards: PeerCard, gone: list[bytes] | None = None, key: SigningKey = ROOM) -> Changed:
    group = bytes(key.verify_key)
    return Changed(nameplate=42, group=group, version=version, cards=list(cards), gone=gone or [])


def holding(*cards: PeerCard) -> Tenancy:
    """Connected at 0, and a lease since."""
    tenancy = Tenancy(OWN)
    tenancy.connected(SERVICE, 0.0)
    claim = tenancy.claim(42, ROOM, b"mine", fresh=False)
    assert tenancy.hold(claim, ROOM, leased(5, *cards), 0.0)
    return tenancy


def renewal(tenancy: Tenancy, now: float) -> Claim:
    claim = tenancy.handle_timer(now)
    assert claim is not None
    assert lease_holds(claim, SERVICE, OWN)
    return claim


def test_nothing_is_to_be_done_without_a_lease() -> None:
    tenancy = Tenancy(OWN)
    tenancy.connected(SERVICE, 0.0)
    tenancy.update(b"card", 0.0)
    tenancy.rotate(NEXT, b"card", 0.0)
    assert tenancy.get_timer() is None
    assert tenancy.leave() == []


def test_a_claim_is_signed_for_what_it_says() -> None:
    tenancy = Tenancy(OWN)
    tenancy.connected(SERVICE, 0.0)
    claim = tenancy.claim(0, ROOM, b"mine", fresh=True)
    assert lease_holds(claim, SERVICE, OWN)
    assert (claim.nameplate, claim.fresh, claim.have) == (0, True, 0)
    assert not tenancy.hold(claim, ROOM, leased(nameplate=0), 0.0)
    assert tenancy.hold(claim, ROOM, leased(nameplate=77), 0.0)
    assert (tenancy.nameplate, tenancy.expires_at) == (77, 99)


def test_another_nameplate_than_was_asked_for_is_none() -> None:
    tenancy = Tenancy(OWN)
    tenancy.connected(SERVICE, 0.0)
    claim = tenancy.claim(42, ROOM, b"mine", fresh=True)
    assert not tenancy.hold(claim, ROOM, leased(nameplate=43), 0.0)
    assert tenancy.nameplate == 0


def test_it_is_renewed_every_ten_seconds_one_at_a_time() -> None:
    tenancy = holding(card(1))
    assert tenancy.get_timer() == RENEW_S
    assert tenancy.handle_timer(RENEW_S - 1) is None
    claim = renewal(tenancy, RENEW_S)
    assert (claim.nameplate, claim.blob, claim.fresh, claim.have) == (42, b"mine", False, 5)
    assert tenancy.get_timer() is None
    assert tenancy.renewed(leased(5, same=True), RENEW_S + 1) == (False, [])
    assert tenancy.peers == [card(1)]
    assert tenancy.get_timer() == 2 * RENEW_S + 1


def test_a_changed_card_goes_out_at_once() -> None:
    tenancy = holding()
    tenancy.update(b"mine", 3.0)
    assert tenancy.get_timer() == RENEW_S
    tenancy.update(b"moved", 3.0)
    assert renewal(tenancy, 3.0).blob == b"moved"
    tenancy.update(b"moved again", 3.5)
    assert tenancy.get_timer() is None  # the answer first
    tenancy.renewed(leased(6, same=True), 4.0)
    assert renewal(tenancy, 4.0).blob == b"moved again"


def test_a_reconnect_claims_again_and_wants_all_cards() -> None:
    tenancy = holding(card(1))
    renewal(tenancy, RENEW_S)
    tenancy.disconnected()
    assert tenancy.get_timer() is None
    tenancy.connected(b"E" * 32, 60.0)
    claim = tenancy.handle_timer(60.0)
    assert claim is not None
    assert lease_holds(claim, b"E" * 32, OWN)
    assert claim.have == 0
    assert tenancy.peers == [card(1)]
    assert tenancy.renewed(leased(900, card(2)), 60.0) == (True, [])
    assert tenancy.peers == [card(2)]


def test_a_refusal_is_tried_again() -> None:
    tenancy = holding()
    renewal(tenancy, 10.0)
    tenancy.renewed(Refused(r=1, code="rate", text="slow down", retry_ms=1500), 10.0)
    assert tenancy.get_timer() == 11.5
    renewal(tenancy, 11.5)
    tenancy.renewed(Refused(r=1, code="rate", text="slow down", retry_ms=10**15), 11.5)
    assert tenancy.get_timer() == 11.5 + RENEW_S
    renewal(tenancy, 30.0)
    tenancy.renewed(Refused(r=1, code="too_many", text="full"), 30.0)
    assert tenancy.refused is not None
    assert tenancy.get_timer() == 30.0 + RENEW_S
    odd: list[Reply] = [Done(r=1), leased(nameplate=43)]
    for reply in odd:
        now = tenancy.get_timer() or 0.0
        renewal(tenancy, now)
        assert tenancy.renewed(reply, now) == (False, [])
        assert tenancy.get_timer() == now + RENEW_S
    renewal(tenancy, 90.0)
    tenancy.renewed(leased(6), 90.0)
    assert tenancy.refused is None


# The others' cards --------------------------------------------------------------------------------------------


def test_what_could_not_be_claimed_is_claimed_with_the_next_connection() -> None:
    tenancy = Tenancy(OWN)
    tenancy.want(42, ROOM, b"mine", 0.0)
    assert tenancy.get_timer() is None
    tenancy.connected(SERVICE, 3.0)
    claim = renewal(tenancy, 3.0)
    assert (claim.nameplate, claim.blob, claim.fresh) == (42, b"mine", False)
    assert tenancy.renewed(leased(5, card(1)), 3.1) == (True, [])
    assert tenancy.peers == [card(1)]


def test_what_was_refused_is_claimed_again_in_a_while() -> None:
    tenancy = Tenancy(OWN)
    tenancy.connected(SERVICE, 0.0)
    tenancy.want(42, ROOM, b"mine", 0.0)
    assert tenancy.get_timer() == RENEW_S
    assert renewal(tenancy, RENEW_S).nameplate == 42


def test_cards_change_step_by_step() -> None:
    tenancy = holding(card(1))
    assert tenancy.changed(changed(6, card(2)), 1.0)
    assert tenancy.changed(changed(7, card(1, b"moved")), 1.0)
    assert tenancy.peers == [card(1, b"moved"), card(2)]
    assert tenancy.changed(changed(8, gone=[card(1).mailbox]), 1.0)
    assert tenancy.peers == [card(2)]
    assert not tenancy.changed(changed(9, card(2)), 1.0)
    assert tenancy.get_timer() == RENEW_S


def test_a_missed_step_brings_them_whole() -> None:
    tenancy = holding(card(1))
    assert not tenancy.changed(changed(7, card(3)), 1.0)
    assert renewal(tenancy, 1.0).have == 0
    assert tenancy.renewed(leased(8, card(1), card(2), card(3)), 1.0) == (True, [])
    assert not tenancy.changed(changed(7, card(3)), 1.0)  # told already
    assert tenancy.peers == [card(1), card(2), card(3)]


def test_news_of_others_is_none() -> None:
    tenancy = holding(card(1))
    assert not tenancy.changed(changed(6, card(9), key=NEXT), 1.0)
    other = changed(6, card(9))
    other.nameplate = 43
    assert not tenancy.changed(other, 1.0)
    assert tenancy.peers == [card(1)]


def test_a_service_cannot_fill_the_memory() -> None:
    tenancy = holding()
    for step in range(1000):
        tenancy.changed(changed(6 + step, PeerCard(step.to_bytes(16, "big"), b"", "")), 1.0)
    assert len(tenancy.peers) == LEASES_PER_GROUP


# Another key, another room, none ------------------------------------------------------------------------------


def test_a_rotated_key_leases_first_and_releases_then() -> None:
    tenancy = holding(card(1))
    tenancy.rotate(NEXT, b"mine, sealed anew", 3.0)
    claim = renewal(tenancy, 3.0)
    assert (claim.group, claim.blob, claim.have) == (bytes(NEXT.verify_key), b"mine, sealed anew", 0)
    assert not tenancy.changed(changed(6, card(9)), 3.0)
    moved, requests = tenancy.renewed(leased(50, card(2)), 3.0)
    assert moved
    assert requests == [Release(r=0, nameplate=42, group=bytes(ROOM.verify_key))]
    assert tenancy.changed(changed(51, card(3), key=NEXT), 3.0)


def test_a_key_that_rotates_while_a_renewal_is_under_way() -> None:
    tenancy = holding(card(1))
    renewal(tenancy, 10.0)
    tenancy.rotate(NEXT, b"new", 10.1)
    assert tenancy.renewed(leased(5, same=True), 10.2) == (False, [])
    assert renewal(tenancy, 10.2).group == bytes(NEXT.verify_key)


def test_a_key_that_comes_back_is_not_released() -> None:
    tenancy = holding(card(1))
    tenancy.rotate(NEXT, b"new", 3.0)
    tenancy.rotate(ROOM, b"mine", 3.0)
    assert renewal(tenancy, 3.0).group == bytes(ROOM.verify_key)
    _, requests = tenancy.renewed(leased(6, card(1)), 3.0)
    assert requests == [Release(r=0, nameplate=42, group=bytes(NEXT.verify_key))]


def test_leaving_releases_and_holds_nothing() -> None:
    tenancy = holding(card(1))
    assert tenancy.leave() == [Release(r=0, nameplate=42, group=bytes(ROOM.verify_key))]
    assert (tenancy.nameplate, tenancy.peers, tenancy.get_timer()) == (0, [], None)
    tenancy.connected(SERVICE, 9.0)
    assert tenancy.handle_timer(99.0) is None
