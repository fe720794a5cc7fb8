"""A lease as its holder keeps it: when it is renewed, what a missed step costs, what a lying service achieves."""

from __future__ import annotations

from nacl.signing import SigningKey

from sandpiper.common.limits import CARDS_BURST, LEASES_PER_GROUP, RENEW_LEAST_S, RENEW_S
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
from sandpiper.peer.p2p.rendezvous.lease import ServiceLease

OWN, SERVICE = b"C" * 32, b"D" * 32
ROOM, NEXT = SigningKey(b"r" * 32), SigningKey(b"n" * 32)


def card(number: int, blob: bytes = b"card") -> PeerCard:
    return PeerCard(bytes([number]) * 16, blob, "192.0.2.1")


def leased(version: int = 5, *cards: PeerCard, nameplate: int = 42, same: bool = False) -> Leased:
    return Leased(r=1, nameplate=nameplate, expires_at=99, version=version, peers=None if same else list(cards))


def changed(version: int, *cards: PeerCard, gone: list[bytes] | None = None, key: SigningKey = ROOM) -> Changed:
    group = bytes(key.verify_key)
    return Changed(nameplate=42, group=group, version=version, cards=list(cards), gone=gone or [])


def holding(*cards: PeerCard) -> ServiceLease:
    """Connected at 0, and a lease since."""
    lease = ServiceLease(OWN)
    lease.connected(SERVICE, 0.0)
    claim = lease.claim(42, ROOM, b"mine", fresh=False)
    assert lease.accept(claim, ROOM, leased(5, *cards), 0.0)
    return lease


def renewal(lease: ServiceLease, now: float) -> Claim:
    claim = lease.handle_timer(now)
    assert claim is not None
    assert lease_holds(claim, SERVICE, OWN)
    return claim


def test_nothing_is_to_be_done_without_a_lease() -> None:
    lease = ServiceLease(OWN)
    lease.connected(SERVICE, 0.0)
    lease.update(b"card", 0.0)
    lease.rotate(NEXT, b"card", 0.0)
    assert lease.get_timer() is None
    assert lease.leave() == []


def test_a_claim_is_signed_for_what_it_says() -> None:
    lease = ServiceLease(OWN)
    lease.connected(SERVICE, 0.0)
    claim = lease.claim(0, ROOM, b"mine", fresh=True)
    assert lease_holds(claim, SERVICE, OWN)
    assert (claim.nameplate, claim.fresh, claim.have) == (0, True, 0)
    assert not lease.accept(claim, ROOM, leased(nameplate=0), 0.0)
    assert lease.accept(claim, ROOM, leased(nameplate=77), 0.0)
    assert (lease.nameplate, lease.expires_at) == (77, 99)


def test_the_last_token_is_shown_again_for_its_nameplate_alone() -> None:
    lease = holding()
    assert renewal(lease, RENEW_S).seniority == b""
    answer = leased(5, same=True)
    answer.seniority = b"token"
    lease.renewed(answer, RENEW_S)
    lease.disconnected()
    lease.connected(SERVICE, RENEW_S)
    assert renewal(lease, RENEW_S).seniority == b"token"
    lease.rotate(NEXT, b"mine", RENEW_S)
    assert lease.claim(42, NEXT, b"mine", fresh=False).seniority == b"token"
    assert lease.claim(43, NEXT, b"mine", fresh=False).seniority == b""


def test_another_nameplate_than_was_asked_for_is_none() -> None:
    lease = ServiceLease(OWN)
    lease.connected(SERVICE, 0.0)
    claim = lease.claim(42, ROOM, b"mine", fresh=True)
    assert not lease.accept(claim, ROOM, leased(nameplate=43), 0.0)
    assert lease.nameplate == 0


def test_it_is_renewed_every_ten_seconds_one_at_a_time() -> None:
    lease = holding(card(1))
    assert lease.get_timer() == RENEW_S
    assert lease.handle_timer(RENEW_S - 1) is None
    claim = renewal(lease, RENEW_S)
    assert (claim.nameplate, claim.blob, claim.fresh, claim.have) == (42, b"mine", False, 5)
    assert lease.get_timer() is None
    assert lease.renewed(leased(5, same=True), RENEW_S + 1) == (False, [])
    assert lease.peers == [card(1)]
    assert lease.get_timer() == 2 * RENEW_S + 1


def test_a_changed_card_goes_out_at_once() -> None:
    lease = holding()
    lease.update(b"mine", 3.0)
    assert lease.get_timer() == RENEW_S
    lease.update(b"moved", 3.0)
    assert renewal(lease, 3.0).blob == b"moved"
    lease.update(b"moved again", 3.5)
    assert lease.get_timer() is None  # the answer first
    lease.renewed(leased(6, same=True), 4.0)
    assert renewal(lease, 4.0).blob == b"moved again"


def test_a_reconnect_claims_again_and_wants_all_cards() -> None:
    lease = holding(card(1))
    renewal(lease, RENEW_S)
    lease.disconnected()
    assert lease.get_timer() is None
    lease.connected(b"E" * 32, 60.0)
    claim = lease.handle_timer(60.0)
    assert claim is not None
    assert lease_holds(claim, b"E" * 32, OWN)
    assert claim.have == 0
    assert lease.peers == [card(1)]
    assert lease.renewed(leased(900, card(2)), 60.0) == (True, [])
    assert lease.peers == [card(2)]


def test_a_refusal_is_tried_again() -> None:
    lease = holding()
    renewal(lease, 10.0)
    lease.renewed(Refused(r=1, code="rate", text="slow down", retry_ms=1500), 10.0)
    assert lease.get_timer() == 11.5
    renewal(lease, 11.5)
    lease.renewed(Refused(r=1, code="rate", text="slow down", retry_ms=10**15), 11.5)
    assert lease.get_timer() == 11.5 + RENEW_S
    renewal(lease, 30.0)
    lease.renewed(Refused(r=1, code="too_many", text="full"), 30.0)
    assert lease.refused is not None
    assert lease.get_timer() == 30.0 + RENEW_S
    odd: list[Reply] = [Done(r=1), leased(nameplate=43)]
    for reply in odd:
        now = lease.get_timer() or 0.0
        renewal(lease, now)
        assert lease.renewed(reply, now) == (False, [])
        assert lease.get_timer() == now + RENEW_S
    renewal(lease, 90.0)
    lease.renewed(leased(6), 90.0)
    assert lease.refused is None


# The others' cards --------------------------------------------------------------------------------------------


def test_what_could_not_be_claimed_is_claimed_with_the_next_connection() -> None:
    lease = ServiceLease(OWN)
    lease.want(42, ROOM, b"mine", 0.0)
    assert lease.get_timer() is None
    lease.connected(SERVICE, 3.0)
    claim = renewal(lease, 3.0)
    assert (claim.nameplate, claim.blob, claim.fresh) == (42, b"mine", False)
    assert lease.renewed(leased(5, card(1)), 3.1) == (True, [])
    assert lease.peers == [card(1)]


def test_what_was_refused_is_claimed_again_in_a_while() -> None:
    lease = ServiceLease(OWN)
    lease.connected(SERVICE, 0.0)
    lease.want(42, ROOM, b"mine", 0.0)
    assert lease.get_timer() == RENEW_S
    assert renewal(lease, RENEW_S).nameplate == 42


def test_cards_change_step_by_step() -> None:
    lease = holding(card(1))
    assert lease.changed(changed(6, card(2)), 1.0)
    assert lease.changed(changed(7, card(1, b"moved")), 1.0)
    assert lease.peers == [card(1, b"moved"), card(2)]
    assert lease.changed(changed(8, gone=[card(1).mailbox]), 1.0)
    assert lease.peers == [card(2)]
    assert not lease.changed(changed(9, card(2)), 1.0)
    assert lease.get_timer() == RENEW_S


def test_a_missed_step_brings_them_whole() -> None:
    lease = holding(card(1))
    assert not lease.changed(changed(7, card(3)), 1.0)
    assert renewal(lease, 1.0).have == 0
    assert lease.renewed(leased(8, card(1), card(2), card(3)), 1.0) == (True, [])
    assert not lease.changed(changed(7, card(3)), 1.0)  # told already
    assert lease.peers == [card(1), card(2), card(3)]


def test_news_of_others_is_none() -> None:
    lease = holding(card(1))
    assert not lease.changed(changed(6, card(9), key=NEXT), 1.0)
    other = changed(6, card(9))
    other.nameplate = 43
    assert not lease.changed(other, 1.0)
    assert lease.peers == [card(1)]


def test_a_service_cannot_fill_the_memory() -> None:
    lease = holding()
    for step in range(1000):
        lease.changed(changed(6 + step, PeerCard(step.to_bytes(16, "big"), b"", "")), 1.0)
    assert len(lease.peers) == LEASES_PER_GROUP


# Another key, another room, none ------------------------------------------------------------------------------


def test_a_rotated_key_leases_first_and_releases_then() -> None:
    lease = holding(card(1))
    lease.rotate(NEXT, b"mine, sealed anew", 3.0)
    claim = renewal(lease, 3.0)
    assert (claim.group, claim.blob, claim.have) == (bytes(NEXT.verify_key), b"mine, sealed anew", 0)
    assert not lease.changed(changed(6, card(9)), 3.0)
    moved, requests = lease.renewed(leased(50, card(2)), 3.0)
    assert moved
    assert requests == [Release(r=0, nameplate=42, group=bytes(ROOM.verify_key))]
    assert lease.changed(changed(51, card(3), key=NEXT), 3.0)


def test_a_key_that_rotates_while_a_renewal_is_under_way() -> None:
    lease = holding(card(1))
    renewal(lease, 10.0)
    lease.rotate(NEXT, b"new", 10.1)
    assert lease.renewed(leased(5, same=True), 10.2) == (False, [])
    assert renewal(lease, 10.2).group == bytes(NEXT.verify_key)


def test_a_key_that_comes_back_is_not_released() -> None:
    lease = holding(card(1))
    lease.rotate(NEXT, b"new", 3.0)
    lease.rotate(ROOM, b"mine", 3.0)
    assert renewal(lease, 3.0).group == bytes(ROOM.verify_key)
    _, requests = lease.renewed(leased(6, card(1)), 3.0)
    assert requests == [Release(r=0, nameplate=42, group=bytes(NEXT.verify_key))]


def test_leaving_releases_and_holds_nothing() -> None:
    lease = holding(card(1))
    assert lease.leave() == [Release(r=0, nameplate=42, group=bytes(ROOM.verify_key))]
    assert (lease.nameplate, lease.peers, lease.get_timer()) == (0, [], None)
    lease.connected(SERVICE, 9.0)
    assert lease.handle_timer(99.0) is None


def test_a_service_that_steps_without_end_has_the_cards_fetched_once_a_second() -> None:
    lease, claims, now = holding(), 0, 0.0
    for number in range(10_000):
        now = number / 1000
        lease.changed(changed(10 * (number + 2)), now)
        due = lease.get_timer()
        if due is not None and due <= now:
            renewal(lease, now)
            claims += 1
            lease.renewed(leased(1, same=True), now)
    assert claims <= now / RENEW_LEAST_S + 1


def test_a_flood_of_cards_is_taken_in_part_and_the_rest_fetched_later() -> None:
    lease = holding()
    taken = 0
    for number in range(10_000):
        taken += lease.changed(changed(6 + taken, card(1, number.to_bytes(4, "big"))), 0.0)
    assert taken <= CARDS_BURST + 1
    due = lease.get_timer()
    assert due is not None
    assert due <= RENEW_LEAST_S
    assert renewal(lease, due).have == 0


def test_a_refusal_has_nobody_claim_without_end() -> None:
    lease = holding()
    renewal(lease, RENEW_S)
    lease.renewed(Refused(r=1, code="rate", text="", retry_ms=0), RENEW_S)
    assert lease.get_timer() == RENEW_S + RENEW_LEAST_S
