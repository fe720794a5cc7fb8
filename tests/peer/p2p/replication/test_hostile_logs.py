"""What a hostile member signs, or says of others' logs, harms nobody but itself."""

from __future__ import annotations

import pytest

from sandpiper.common import batch
from sandpiper.common.errors import Refusal
from sandpiper.common.limits import ENVELOPE_ENTRIES
from sandpiper.common.messages import MsgDraft
from sandpiper.common.p2p.envelope import TALK, Envelope, sign
from sandpiper.peer.p2p.replication import entries
from tests.peer.p2p.hostile import shout, still_works
from tests.peer.p2p.simnet import Citizen, Town


def says(citizen: Citizen, text: str, clock: int, first: int, prev: bytes) -> Envelope:
    body = batch.pack([entries.encode(MsgDraft(text=text), citizen.name, 0)])
    member = citizen.member
    return sign(
        citizen.keys.signing, citizen.keys.session, member.keyring.room, member.context.run, TALK, first, 1, clock,
        prev, body,
    )  # fmt: skip


def test_a_log_whose_clock_goes_back_is_followed_no_more_and_all_see_one_order() -> None:
    town = Town()
    alice, bob = town.found("alice", history="all"), town.join("bob")
    mallory = town.join("mallory")
    town.settle(3)
    town.post(alice, "do you agree to pay?")
    town.settle(1)
    no = says(mallory, "no", 1000, 1, bytes(32))
    shout(town, mallory, no)
    town.settle(1)
    town.post(alice, "then the deal is off")
    town.settle(1)
    shout(town, mallory, says(mallory, "yes, I agree", 7, 2, no.hash))
    town.settle(1)
    assert "cheat" in alice.warned
    assert "cheat" in bob.warned
    carol = town.join("carol", at=[alice])
    town.settle(8)
    assert bob.texts == ["do you agree to pay?", "no", "then the deal is off"]
    assert carol.texts == [text for text in bob.texts if text in carol.texts], "in the same order"
    mallory.dead = True
    still_works(town, alice, bob)


@pytest.mark.parametrize("lie", [1 << 60, 1000])
@pytest.mark.parametrize("backlog", [None, 0])
def test_a_sponsor_that_says_that_logs_begin_late_silences_nobody(lie: int, backlog: int | None) -> None:
    town = Town()
    alice, mallory = town.found("alice", history="all"), town.join("mallory")
    town.settle(3)
    town.post(alice, "before")
    town.settle(1)
    log = mallory.member.replica.log(alice.keys.session, TALK)
    log.start, log.head = lie, lie  # what her handover tells of it
    bob = town.join("bob", at=[mallory], backlog=backlog)
    mallory.dead = True
    for number in range(5):
        town.settle(1)
        town.post(alice, f"after {number}")
    town.settle(5)
    assert bob.texts[-1] == "after 4"
    still_works(town, alice, bob)


@pytest.mark.parametrize("many", [ENVELOPE_ENTRIES + 1, 190_000, 2, 0])
def test_an_envelope_of_more_entries_than_it_says_is_not_read(many: int) -> None:
    body = b"\xdd" + many.to_bytes(4, "big") + b"\xc0" * many
    with pytest.raises(Refusal, match="other than it says"):
        entries.decode(body, 1)


def test_entries_that_cannot_be_read_are_passed_over() -> None:
    good = entries.encode(MsgDraft(text="hello"), "alice", 0)
    for count in (1, 16, 300):
        found = entries.decode(batch.pack([good, *[b"\xc0"] * (count - 1)]), count)
        assert [each is not None for each in found] == [True] + [False] * (count - 1)
    for body in (b"", b"\xc0", b"\x92", b"\xdc", b"\xdd\0"):
        with pytest.raises(Refusal):
            entries.decode(body, 2)
