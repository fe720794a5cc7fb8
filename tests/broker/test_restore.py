"""What a broker knows again after a restart."""

from __future__ import annotations

from sandpiper.broker.records import Batch, LogBlock
from sandpiper.broker.store.store import Store
from sandpiper.common import control
from sandpiper.common.control import Acked, Entered
from sandpiper.common.limits import NICK_GRACE_S
from sandpiper.common.messages import Ack, MsgDraft
from tests.broker.fixture import WALL, House, events, identity, refusal


def test_numbers_and_ids_are_known_after_a_restart(house: House) -> None:
    alice, line = house.join("alice"), house.line("bob")
    house.publish(alice, "one", 1)
    house.line_port.publish(line, "lobby", MsgDraft(text="by line", id="x"))
    house.take()
    house.restart()
    alice, line = house.join("alice"), house.line("bob")
    house.publish(alice, "one", 1)
    house.publish(alice, "two", 2)
    house.line_port.publish(line, "lobby", MsgDraft(text="by line", id="x"))
    assert events(house.take(), alice, Acked) == [Acked(room="lobby", n=1, seqs=[1, 3])]
    assert line.heard(Ack) == [Ack("x", "lobby", 2)]
    assert house.texts() == ["one", "by line", "two"]


def test_numbers_survive_the_pruning_of_old_ones(house: House) -> None:
    alice = house.join("alice")
    house.publish(alice, "one", 1)
    house.take()
    assert house.store.prune(1_700_001_000.0 + 3600) == []
    house.restart()
    alice = house.join("alice")
    house.publish(alice, "one", 1)
    assert events(house.take(), alice, Acked) == [Acked(room="lobby", n=1, seqs=[1])]


def test_nicks_outlive_a_restart_for_the_grace(house: House) -> None:
    house.join("alice")
    house.restart()
    bob = house.enrol("bob")
    join = control.Join(r=3, room="lobby", nick="Alice")
    assert refusal(house, bob.key or b"", join) == "nick_taken"
    house.now += NICK_GRACE_S
    bob = house.enrol("bob")
    house.tick()
    assert isinstance(house.ask(bob.key or b"", join), Entered)
    house.restart()
    assert house.broker.rooms["lobby"].book.owner("alice") == bytes(identity("bob").verify_key)


def test_nicks_that_were_given_up_are_not_kept(house: House) -> None:
    alice = house.join("alice")
    for name in ("a1", "a2", "anon", "a3"):
        house.ask(alice.key or b"", control.Claim(r=3, room="lobby", nick=name))
    assert [owned.nick for owned in house.store.load().nicks] == ["a3"]
    house.ask(alice.key or b"", control.Bye(r=4))
    assert house.store.load().nicks == []


def test_a_frame_that_cannot_be_read_does_not_keep_the_broker_down() -> None:
    store = Store.memory()
    ts = int(WALL + 1000)
    blocks = [LogBlock("lobby", 1, 1, ts, {"msg": 1}, b"\xc1"), LogBlock("lobby", 2, 1, ts, {"vote": 2}, b"\x91\x80")]
    store.commit(Batch(blocks), ts)
    house = House(store)
    assert house.broker.rooms["lobby"].head == 2
    store.close()
