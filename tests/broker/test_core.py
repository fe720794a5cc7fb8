"""Rooms, seats and nicks: who is where, what is told, and what outlives a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandpiper.broker import core as module
from sandpiper.broker.store.errors import StoreFull
from sandpiper.broker.store.store import Store
from sandpiper.common import control, frame
from sandpiper.common.control import Acked, Entered, SendWhisper, Subscribed
from sandpiper.common.limits import LINGER_S, NICK_GRACE_S, SILENT_S, TICK_REST_S, WHISPER_S
from sandpiper.common.messages import Ack, MsgDraft, NickSet, Notice
from tests.broker.fixture import WALL, FullStore, House, events, identity, members, notices, on_bus, refusal

# Joining and leaving --------------------------------------------------------------------------------------------


def test_everyone_is_told_who_comes_and_goes_in_order(house: House) -> None:
    alice = house.join("alice")
    bob = house.join("bob")
    house.publish(bob, "hi", 1)
    house.ask(bob.key or b"", control.Claim(r=3, room="lobby", nick="robert"))
    house.publish(bob, "again", 2)
    house.ask(bob.key or b"", control.Leave(r=4, room="lobby"))
    said = on_bus(house.take())
    assert [each.text for each in said] == [  # type: ignore[union-attr]
        "alice joined",
        "bob joined",
        "hi",
        "bob is now robert",
        "again",
        "robert left",
    ]
    last = said[-1]
    assert isinstance(last, Notice)
    assert (last.event, last.nick, last.from_) == ("leave", "robert", bob.fingerprint)
    assert members(house) == ["alice"]
    assert list(alice.seats) == ["lobby"]


def test_without_member_nobody_hears_of_it(house: House) -> None:
    house.join("alice")
    house.take()
    quiet = house.join("bob", member=False)
    house.publish(quiet, "from nowhere", 1)
    house.ask(quiet.key or b"", control.Claim(r=3, room="lobby", nick="robert"))
    house.ask(quiet.key or b"", control.Leave(r=4, room="lobby"))
    assert notices(house.take()) == []
    assert members(house) == ["alice"]
    assert house.texts() == ["from nowhere"]


def test_what_was_staged_before_a_join_is_history_and_what_comes_after_is_not(house: House) -> None:
    alice = house.join("alice")
    house.publish(alice, "before", 1)
    bob = house.enrol("bob")
    entered = house.ask(bob.key or b"", control.Join(r=2, room="lobby", nick="bob", backlog=10))
    house.publish(alice, "after", 2)
    assert (entered.head, entered.after) == (1, 0)
    texts = [getattr(message, "text", None) for message in on_bus(house.take())]
    assert texts == ["alice joined", "before", "bob joined", "after"]


@pytest.mark.parametrize(
    ("after", "backlog", "expected"), [(None, 0, 5), (None, 2, 3), (None, 99, 0), (2, 99, 2), (99, 0, 5), (-4, 0, 0)]
)
def test_where_to_read_on(house: House, after: int | None, backlog: int, expected: int) -> None:
    alice = house.join("alice")
    for n in range(1, 6):
        house.publish(alice, "x", n)
    bob = house.enrol("bob")
    entered = house.ask(bob.key or b"", control.Join(r=2, room="lobby", nick="bob", after=after, backlog=backlog))
    assert isinstance(entered, Entered)
    assert entered.after == expected


def test_the_number_of_rooms_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOMS", 2)
    alice = house.join("alice")
    key = alice.key or b""
    assert isinstance(house.ask(key, control.Join(r=3, room="pine")), Entered)
    assert refusal(house, key, control.Join(r=4, room="oak")) == "too_many"
    house.ingress.frame(house.broker.tools, frame.encode("elm", "msg", MsgDraft(text="x")), house.now)
    assert "elm" not in house.broker.rooms
    assert isinstance(house.ask(key, control.Leave(r=5, room="pine")), control.Done)
    assert isinstance(house.ask(key, control.Join(r=6, room="oak")), Entered)


def test_the_number_of_members_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMBERS_PER_ROOM", 1)
    house.join("alice")
    bob = house.enrol("bob")
    assert refusal(house, bob.key or b"", control.Join(r=3, room="lobby", nick="bob")) == "too_many"
    assert house.broker.rooms["lobby"].book.owner("bob") is None
    assert isinstance(house.ask(bob.key or b"", control.Join(r=4, room="pine", nick="bob")), Entered)


# Nicks ----------------------------------------------------------------------------------------------------------


def test_who_breaks_off_keeps_the_nick_for_the_grace(house: House) -> None:
    alice = house.join("alice")
    house.broker.lost_connection(alice, house.now)
    house.tick(LINGER_S - 0.1)
    assert members(house) == ["alice"]
    house.tick(0.1)
    assert members(house) == []
    assert notices(house.take()) == ["alice joined", "alice left"]
    bob = house.join("bob")
    claim = control.Claim(r=3, room="lobby", nick="alice")
    assert refusal(house, bob.key or b"", claim) == "nick_taken"
    house.tick(1)
    house.now += NICK_GRACE_S - 1
    house.ask(bob.key or b"", control.Ping(r=9))
    house.tick()
    assert isinstance(house.ask(bob.key or b"", claim), control.Done)


def test_who_is_silent_is_taken_for_gone(house: House) -> None:
    house.join("alice")
    house.tick(SILENT_S)
    assert members(house) == ["alice"]
    house.tick(0.1)
    assert members(house) == []


def test_who_comes_back_in_time_was_never_gone(house: House) -> None:
    alice = house.join("alice")
    house.take()
    house.broker.lost_connection(alice, house.now)
    house.broker.lost_connection(alice, house.now + 99)
    house.now += LINGER_S - 0.1
    assert house.join("alice") is alice
    house.tick(1.0)
    assert notices(house.take()) == []
    assert members(house) == ["alice"]


def test_who_comes_back_as_another_is_renamed(house: House) -> None:
    alice = house.join("alice")
    house.take()
    house.broker.lost_connection(alice, house.now)
    house.join("alice", nick="alicia")
    assert notices(house.take()) == ["alice is now alicia"]


def test_a_ghost_makes_way_for_its_person(house: House) -> None:
    ghost = house.join("alice")
    house.broker.lost_connection(ghost, house.now)
    house.take()
    house.join("alice", device="new")
    assert members(house) == ["alice"]
    assert "alice left" not in notices(house.take())
    house.tick(LINGER_S)
    assert members(house) == ["alice"]
    assert house.broker.rooms["lobby"].book.owner("alice") == bytes(identity("alice").verify_key)


def test_a_ghost_stays_for_others_and_a_living_session_too(house: House) -> None:
    house.join("alice")
    house.join("alice", device="new")
    assert members(house) == ["alice", "alice"]


def test_claiming(house: House) -> None:
    alice = house.join("alice")
    key = alice.key or b""
    house.take()
    assert refusal(house, key, control.Claim(r=3, room="lobby", nick="a/b")) == "invalid"
    assert refusal(house, key, control.Claim(r=3, room="pine", nick="x")) == "not_joined"
    assert isinstance(house.ask(key, control.Claim(r=4, room="lobby", nick="alice")), control.Done)
    assert isinstance(house.ask(key, control.Claim(r=5, room="lobby", nick="Alice")), control.Done)
    assert notices(house.take()) == ["alice is now Alice"]
    house.ask(key, control.Claim(r=6, room="lobby", nick="bo"))
    assert house.broker.rooms["lobby"].book.owner("alice") is None
    assert alice.seats["lobby"].verified
    house.ask(key, control.Claim(r=6, room="lobby", nick="ANON"))
    assert (alice.seats["lobby"].nick, alice.seats["lobby"].verified) == ("anon", False)
    assert notices(house.take()) == ["Alice is now bo", "bo is now anon"]


def test_a_guest_hears_what_its_nick_is_now(house: House) -> None:
    line = house.line()
    house.line_port.claim(line, "lobby", "carol")
    house.take()
    assert [type(item.message) for item in line.items] == [Notice, Notice, NickSet]
    assert [message.text for message in line.heard(NickSet)] == ["nick set to carol"]
    house.line_port.claim(line, "lobby", "Anon")
    house.take()
    assert line.heard(NickSet)[-1].text == "nick set to anon"


# Publishing -----------------------------------------------------------------------------------------------------


def test_a_subscription_on_the_bus_is_answered_with_the_head(house: House) -> None:
    alice = house.join("alice")
    house.ask(alice.key or b"", control.Join(r=3, room="pine"))
    house.publish(alice, "x", 1)
    key = alice.key or b""
    house.broker.subscribed(key, b"lobby/", house.now)
    house.broker.subscribed(key, b"lobby/msg", house.now)
    house.broker.subscribed(key, b"lob", house.now)
    house.broker.subscribed(b"nobody", b"", house.now)
    run = house.store.run
    expected = Subscribed(room="lobby", run=run, head=1)
    outputs = house.take()
    assert events(outputs, alice, Subscribed) == [expected, expected]
    house.broker.subscribed(key, b"", house.now)
    assert [event.room for event in events(house.take(), alice, Subscribed)] == ["lobby", "pine"]


def test_one_port_subscriptions_end_with_the_connection(house: House) -> None:
    alice = house.join("alice")
    key = alice.key or b""
    house.ask(key, control.Subscribe(r=3, room="lobby"))
    assert (alice.path, list(house.broker.rooms["lobby"].told)) == ("one-port", [alice])
    house.broker.lost_connection(alice, house.now)
    assert house.join("alice") is alice
    assert (alice.path, list(house.broker.rooms["lobby"].told)) == ("bus", [])


# Restarts and runs ----------------------------------------------------------------------------------------------


def opened(path: Path, new_run: str) -> Store:
    return Store.open(path, fsync=False, boot_id="boot", new_run=new_run)


def test_a_client_that_has_seen_more_than_the_store_begins_a_new_run_once(tmp_path: Path) -> None:
    store = opened(tmp_path, "a" * 32)
    house = House(store)
    alice = house.join("alice")
    for n in range(1, 4):
        house.publish(alice, f"t{n}", n)
    house.take()
    store.close()
    store = opened(tmp_path, "b" * 32)
    house = House(store)
    bob = house.enrol("bob")
    join = control.Join(r=3, room="lobby", nick="bob", run="a" * 32, after=5)
    entered = house.ask(bob.key or b"", join)
    assert (entered.run, entered.head, entered.after) == ("b" * 32, 3, 3)
    carol = house.join("carol", run="b" * 32, after=9)
    assert house.store.run == "b" * 32
    house.publish(carol, "t4", 1)
    house.take()
    assert [(message.seq, message.run[0]) for message in house.log()] == [(1, "a"), (2, "a"), (3, "a"), (4, "b")]
    dave = house.enrol("dave")
    behind = house.ask(dave.key or b"", control.Join(r=3, room="lobby", nick="dave", run="a" * 32, after=2))
    assert (behind.run, behind.after) == ("b" * 32, 2)
    store.close()


class Stuck(FullStore):
    def new_run(self, run: str | None = None) -> None:
        if self.full:
            raise StoreFull("the disk is full")
        super().new_run(run)

    @property
    def inherited(self) -> bool:
        return True


def test_a_run_that_could_not_begin_is_begun_at_the_next_chance() -> None:
    store = Stuck.memory()
    house = House(store)
    bob = house.enrol("bob")
    join = control.Join(r=3, room="lobby", nick="bob", run=store.run, after=5)
    assert isinstance(store, Stuck)
    store.full = True
    assert refusal(house, bob.key or b"", join) == "store"
    store.full = False
    assert house.broker.rooms == {}
    entered = house.ask(bob.key or b"", join)
    assert isinstance(entered, Entered)
    assert entered.run == "1" * 32
    house.ask(bob.key or b"", control.Bye(r=4))
    house.join("carol", nick="bob")
    store.close()


def test_after_retention_the_log_begins_later(house: House) -> None:
    alice = house.join("alice")
    for n in range(1, 11):
        house.publish(alice, "x", n)
    house.take()
    house.store.retain(WALL + house.now, 3, 1e9, 100)
    bob = house.enrol("bob")
    entered = house.ask(bob.key or b"", control.Join(r=3, room="lobby", nick="bob", after=2))
    assert (entered.start, entered.after, entered.head) == (8, 2, 10)
    page = house.ask(bob.key or b"", control.Replay(r=4, room="lobby", after=2, limit=100))
    assert (page.start, page.head, house.seqs(page, 7, 100)) == (8, 10, [8, 9, 10])
    house.publish(alice, "x", 11)
    assert events(house.take(), alice, Acked) == [Acked(room="lobby", n=11, seqs=[11])]


def test_what_is_told_comes_after_what_is_staged(house: House) -> None:
    one, two = house.line("one"), house.line("two")
    house.take()
    two.items.clear()
    house.line_port.publish(one, "lobby", MsgDraft(text="first", id="a"))
    house.line_port.whisper(one, "lobby", "two", "second", "b")
    house.take()
    assert [item.message.text for item in two.items] == ["first", "second"]  # type: ignore[attr-defined]
    assert [ack.id for ack in one.heard(Ack)] == ["a", "b"]


def test_nobody_is_nothing_to_wait_for(house: House) -> None:
    assert house.broker.get_timer() is None
    house.join("alice")
    house.broker.end(next(iter(house.broker.sessions.values())), house.now, grace=False)
    assert house.broker.get_timer() is None


def test_a_session_its_connection_and_then_its_nick(house: House) -> None:
    alice = house.join("alice")
    assert house.broker.get_timer() == house.now + SILENT_S
    house.broker.lost_connection(alice, house.now)
    assert house.broker.get_timer() == house.now + LINGER_S
    house.tick(LINGER_S)
    assert not house.broker.sessions
    assert house.broker.get_timer() == house.now + NICK_GRACE_S
    house.tick(NICK_GRACE_S)
    assert house.broker.get_timer() is None
    assert not house.broker.rooms


def test_a_whisper_that_nobody_confirms(house: House) -> None:
    alice = house.join("alice")
    house.join("bob")
    house.ask(alice.key or b"", SendWhisper(r=7, room="lobby", to="bob", text="psst", id="w"))
    assert house.broker.get_timer() == house.now + WHISPER_S


@pytest.mark.parametrize("least", [LINGER_S, SILENT_S, WHISPER_S, NICK_GRACE_S])
def test_who_rests_has_always_seen_what_is_to_be_over(least: float) -> None:
    """A deadline that is set while the service rests is known before it is due."""
    assert least > TICK_REST_S
