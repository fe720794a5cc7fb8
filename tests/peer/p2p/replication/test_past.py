"""The way back in a room between peers: what others hold from before, page by page, as far as the room gives it."""

from __future__ import annotations

import msgspec
import pytest

from sandpiper.common.limits import OLDER_MESSAGES, PAST_BYTES
from sandpiper.common.messages import Message, Msg, MsgDraft
from sandpiper.common.p2p.envelope import TALK, sign
from sandpiper.common.p2p.packets import Page, Pull
from sandpiper.peer.p2p.replication import past as module
from tests.peer.p2p.simnet import Citizen, Town, Weather


def older(town: Town, citizen: Citizen, before: Message | None = None) -> list[Message]:
    """One page."""
    past = citizen.member.past
    past.ask(before, town.now)
    town.collect(citizen)
    for _ in range(600):
        if past.found is not None:
            return past.found
        town.settle(0.1)
    raise AssertionError("no answer")


def all_older(town: Town, citizen: Citizen, before: Message | None = None) -> list[str]:
    """The texts of all pages, the oldest first."""
    texts: list[str] = []
    while page := older(town, citizen, before):
        assert len(page) <= OLDER_MESSAGES
        texts[:0] = [message.text for message in page if isinstance(message, Msg)]
        before = page[0]
    return texts


def talked(town: Town, count: int, *citizens: Citizen) -> list[str]:
    for number in range(count):
        town.post(citizens[number % len(citizens)], str(number))
        town.settle(0.02)
    town.settle(3)
    return [str(number) for number in range(count)]


def three(history: str = "epoch", weather: Weather | None = None) -> tuple[Town, Citizen, Citizen, Citizen]:
    town = Town(weather=weather)
    alice = town.found("alice", history=history)
    bob, carol = town.join("bob"), town.join("carol")
    town.settle(3)
    return town, alice, bob, carol


def test_what_a_short_backlog_left_out_is_here_already() -> None:
    town, alice, bob, carol = three()
    said = talked(town, 500, alice, bob, carol)
    dave = town.join("dave", backlog=5)
    town.settle(5)
    assert dave.texts == said[-5:]
    assert all_older(town, dave, dave.heard[0]) == said[:-5]
    assert dave.member.past.why == "nothing older: this is where the room's talk begins"


@pytest.mark.parametrize("weather", [Weather(), Weather(drop=0.05, repeat=0.1, delay_s=0.1)])
def test_who_wanted_no_history_gets_it_from_the_others_in_the_rooms_order(weather: Weather) -> None:
    town, alice, bob, carol = three(weather=weather)
    said = talked(town, 450, alice, bob, carol)
    town.settle(30)
    dave = town.join("dave", backlog=0)
    town.settle(5)
    town.post(alice, "now")
    town.settle(5)
    assert dave.texts == ["now"]
    erin = town.join("erin")
    town.settle(15)
    order = [message.text for message in erin.heard[:-1] if isinstance(message, Msg)]
    assert sorted(order) == sorted(said)
    assert all_older(town, dave) == order, "as for those to whom the history comes at once"
    assert all_older(town, dave, dave.heard[0]) == order
    first = older(town, dave, dave.heard[0])
    second = older(town, dave, first[0])
    assert older(town, dave, first[0]) == second, "from any message again, not just from the last"
    whole = {(m.run, m.seq): (m.nick, m.id, m.verified, m.from_, m.ts) for m in erin.heard}
    assert [whole[m.run, m.seq] for m in second] == [(m.nick, m.id, m.verified, m.from_, m.ts) for m in second]
    assert dave.member.replica.log(alice.keys.session, TALK).start > 1, "nothing of it is kept, or passed on"


def test_what_a_sponsor_with_a_short_memory_could_not_hand_over_another_has() -> None:
    town, alice, bob, carol = three()
    said = talked(town, 60, alice, bob, carol)
    forgetful = town.join("forgetful", backlog=0)
    town.settle(3)
    dave = town.join("dave", at=[forgetful])
    town.settle(5)
    town.post(bob, "now")
    town.settle(1)
    assert dave.texts == ["now"]
    assert all_older(town, dave, dave.heard[0]) == said


def test_what_somebody_said_who_has_gone_comes_from_who_has_it() -> None:
    town, alice, bob, carol = three()
    said = talked(town, 60, alice, bob, carol)
    bob.member.gossip.say_goodbye()
    town.collect(bob)
    bob.dead = True
    carol.dead = True  # without a word
    dave = town.join("dave", backlog=0, at=[alice])
    town.settle(5)
    assert all_older(town, dave) == said


def test_a_room_without_history_gives_newcomers_none_whatever_they_ask() -> None:
    town, alice, bob, carol = three("none")
    talked(town, 30, alice, bob, carol)
    dave = town.join("dave", backlog=0)
    town.settle(3)
    said = talked(town, 6, alice, bob, dave)
    assert dave.texts == said
    assert all_older(town, dave, dave.heard[0]) == []
    assert dave.member.past.why == "older messages are not given to those who join later"
    for other in (alice, bob, carol):
        for speaker in (alice, bob, carol):
            pull = Pull(1, speaker.keys.session, TALK, 0)
            floor = other.member.governance.floor(dave.keys.session, speaker.keys.session, TALK)
            assert floor == 10
            assert other.member.replica.answer(pull, floor).start == 11
    assert all_older(town, bob, bob.heard[0]) == [], "and who was there before has shown all that it may read"


def test_who_joined_under_a_new_key_reads_from_there_on() -> None:
    town, alice, bob, carol = three("epoch")
    talked(town, 30, alice, bob, carol)
    alice.member.removals.kick("carol")
    carol.dead = True
    town.collect(alice)
    town.settle(5)
    said = talked(town, 30, alice, bob)
    code = alice.member.context.code
    dave = town.join("dave", code, backlog=0, at=[alice, bob])
    town.settle(5)
    assert all_older(town, dave) == said
    assert dave.member.past.why == "older messages are not given: this room shows what was said since its last new key"
    erin = town.join("erin", code, at=[dave])
    town.settle(5)
    assert erin.texts == []
    assert all_older(town, erin) == said, "nor does it help to be let in by somebody else"


def test_who_is_alone_is_told_so() -> None:
    town, alice, bob, carol = three()
    talked(town, 12, alice, bob, carol)
    dave = town.join("dave", backlog=0)
    town.settle(3)
    for other in (alice, bob, carol):
        other.dead = True
    town.settle(30)
    assert all_older(town, dave) == []
    assert dave.member.past.why == "nobody else is here who might have older messages"


def test_long_messages_come_in_short_pages() -> None:
    town = Town()
    alice = town.found("alice")
    texts = ["x" * 50_000 if number % 3 else str(number) for number in range(60)]
    for text in texts:
        town.post(alice, text)
        town.settle(0.02)
    bob = town.join("bob", backlog=0)
    town.settle(3)
    assert all_older(town, bob) == texts


def test_what_waits_for_its_turn_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    town, alice, bob, carol = three()
    said = talked(town, 90, alice, bob, carol)
    dave = town.join("dave", backlog=0)
    town.settle(3)
    monkeypatch.setattr(module, "PAST_BYTES", 20_000)
    past, most = dave.member.past, 0
    bound = past._bound

    def watched() -> None:
        nonlocal most
        bound()
        most = max(most, sum(strand.bytes for strand in past._strands.values()))

    monkeypatch.setattr(past, "_bound", watched)
    assert all_older(town, dave) == said
    assert 0 < most < 2 * 20_000 < PAST_BYTES


def test_a_liar_is_not_believed_and_somebody_else_is_asked() -> None:
    """Who answers with nothing, with rubbish, or with what was never signed."""
    town, alice, bob, carol = three()
    said = talked(town, 60, alice, bob, carol)
    dave = town.join("dave", backlog=0)
    town.settle(3)
    answer = alice.member.replica.answer

    def lies(pull: Pull, floor: int) -> Page:
        page = answer(pull, floor)
        made = [raw[:-1] + bytes([raw[-1] ^ 1]) for raw in page.envelopes]
        if pull.session == bob.keys.session:
            return msgspec.structs.replace(page, envelopes=made)
        room = alice.member.keyring.room
        forged = sign(
            alice.keys.signing, bob.keys.session, room, bob.member.context.run, TALK, 20, 1, 1, bytes(32), b""
        )
        return msgspec.structs.replace(page, envelopes=[forged.raw, b"", b"\xff" * 300])

    alice.member.replica.answer = lies  # type: ignore[method-assign]
    assert all_older(town, dave) == said
    assert not dave.member.past._asked


def test_a_cheat_that_rewrites_what_it_said_long_ago_is_exposed() -> None:
    town, alice, bob, carol = three()
    talked(town, 30, alice, bob, carol)
    dave = town.join("dave", backlog=0)
    town.settle(3)
    town.post(bob, "held")
    town.settle(2)
    answer = bob.member.replica.answer

    def rewritten(pull: Pull, floor: int) -> Page:
        page = answer(pull, floor)
        if pull.session != bob.keys.session:
            return page
        keys = bob.keys
        last = bob.member.replica.log(keys.session, TALK).upto(10)
        assert last is not None
        made = sign(
            keys.signing, keys.session, last.room, last.run, TALK, last.first, 1, last.clock, last.prev, b"\x90"
        )  # fmt: skip
        return msgspec.structs.replace(page, envelopes=[made.raw])

    bob.member.replica.answer = rewritten  # type: ignore[method-assign]
    older(town, dave, dave.heard[0])
    town.settle(3)
    assert "cheat" in dave.warned


def test_an_answer_that_nobody_asked_for_changes_nothing() -> None:
    town, alice, bob, carol = three()
    talked(town, 30, alice, bob, carol)
    dave = town.join("dave", backlog=0)
    town.settle(3)
    page = Page(10_000, alice.keys.session, TALK, 1, 10, [])
    assert not dave.member.past.page(alice.keys.session, page, town.now)
    unknown = Msg("x", "x", 0, "x", 5, 0, "no such run", "x", None, False)
    assert older(town, dave, unknown) == []
    assert dave.member.past.why == ""


def test_data_and_what_cannot_be_read_are_no_stumbling_blocks() -> None:
    town = Town()
    alice = town.found("alice")
    town.post(alice, "first")
    log = alice.member.replica.log(alice.keys.session, TALK)
    keys, member = alice.keys, alice.member
    odd = sign(keys.signing, keys.session, member.keyring.room, member.context.run, TALK, 2, 1, 5, log.hash, b"?")
    alice.member.replica.write(odd)
    alice.member.message_log.last += 1
    alice.member.message_log.post(MsgDraft(text="third"), "alice", 0, town.now)
    alice.member.flush(town.now)
    bob = town.join("bob", backlog=0)
    town.settle(3)
    assert all_older(town, bob) == ["first", "third"]


def test_what_was_asked_before_anybody_could_hear_is_asked_again_at_once() -> None:
    town, alice, bob, carol = three()
    said = talked(town, 30, alice, bob, carol)
    dave = town.join("dave", backlog=0)
    town.settle(3)
    past, now = dave.member.past, town.now
    past.ask(None, now)
    dave.member.context.packets.clear()  # nobody was there yet
    for other in (alice, bob, carol):
        dave.member.past.ask_again(other.keys.session, now)
    town.collect(dave)
    town.settle(0.5)
    assert past.found is not None
    assert [message.text for message in past.found if isinstance(message, Msg)] == said
