"""Several rooms, persons and brokers one after the other, in any order of events: what holds throughout."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from nacl.signing import SigningKey

from sandpiper.broker.store.store import Store
from sandpiper.common import batch, control
from sandpiper.common.messages import Lost, Notice, Trimmed
from sandpiper.peer.events import Delivered, Failed
from tests.net import WALL, Client, Net, Weather

ROOMS = ["lobby", "pine", "pine-2"]
NICKS = ["alice", "Alice", "bob", "bobby", "anon"]
PEOPLE = [SigningKey(bytes([number]) * 32) for number in range(1, 4)]


class Rooms(RuleBasedStateMachine):
    """Each client is one session of a person in one room."""

    @initialize(
        seed=st.integers(0, 1 << 32),
        drop=st.sampled_from([0.0, 0.1, 0.5]),
        repeat=st.sampled_from([0.0, 0.3]),
        delay_s=st.sampled_from([0.0, 0.1, 1.0]),
    )
    def open(self, seed: int, drop: float, repeat: float, delay_s: float) -> None:
        self.net = Net(seed, Weather(drop, repeat, delay_s), store=Store.memory())
        self.posted: dict[str, tuple[Client, str]] = {}
        self.gone: list[Client] = []

    def one(self, which: int) -> Client | None:
        return self.net.clients[which % len(self.net.clients)] if self.net.clients else None

    @rule(
        person=st.integers(0, 2),
        nick=st.sampled_from(NICKS),
        room=st.sampled_from(ROOMS),
        bus=st.booleans(),
        backlog=st.sampled_from([0, 3, 100]),
        member=st.booleans(),
    )
    def join(self, person: int, nick: str, room: str, bus: bool, backlog: int, member: bool) -> None:
        if len(self.net.clients) < 6:
            self.net.client(nick, room, bus=bus, identity=PEOPLE[person], backlog=backlog, member=member)

    @rule(which=st.integers(0, 5), count=st.integers(1, 8))
    def post(self, which: int, count: int) -> None:
        client = self.one(which)
        for number in range(count if client else 0):
            assert client is not None
            text = f"{len(self.posted)}-{number}"
            self.posted[self.net.post(client, text)] = (client, text)

    @rule(which=st.integers(0, 5))
    def cut(self, which: int) -> None:
        client = self.one(which)
        if client is not None:
            self.net.cut(client)

    @rule(which=st.integers(0, 5))
    def connect(self, which: int) -> None:
        client = self.one(which)
        if client is not None and not client.online:
            self.back(client)

    def back(self, client: Client) -> None:
        """As a keeper does: whatever went wrong last time, it tries again."""
        client.session.broken = None
        self.net.connect(client)

    @rule(which=st.integers(0, 5), nick=st.sampled_from(NICKS))
    def claim(self, which: int, nick: str) -> None:
        client = self.one(which)
        if client is not None and client.online:
            client.session.ask(control.Claim(r=0, room=client.session.options.room, nick=nick), lambda reply: None)
            self.net.collect(client)

    @rule(which=st.integers(0, 5))
    def leave(self, which: int) -> None:
        client = self.one(which)
        if client is not None and client.online:
            client.session.ask(control.Bye(r=0), lambda reply: None)
            self.net.collect(client)
            self.net.settle(0.01)
            self.net.cut(client)
            self.net.clients.remove(client)
            self.gone.append(client)

    @rule()
    def kill(self) -> None:
        self.net.start_broker()

    @rule(keep=st.integers(0, 5))
    def retain(self, keep: int) -> None:
        self.net.store.retain(WALL + self.net.now, keep, 1e9, 1000)

    @rule(count=st.integers(1, 12), which=st.integers(0, 5), kill=st.booleans())
    def break_off(self, count: int, which: int, kill: bool) -> None:
        """After so many steps: between a publication and its acknowledgement, or between joining and being in."""
        self.net.step(count)
        if kill:
            self.kill()
        else:
            self.cut(which)

    @rule(seconds=st.sampled_from([0.0, 0.06, 1.0, 5.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.net.settle(seconds)

    @invariant()
    def nobody_sees_doubles_or_another_order(self) -> None:
        for client in self.net.clients + self.gone:
            assert client.seqs == sorted(set(client.seqs))
            assert {message.room for message in client.heard} <= {client.session.options.room}

    @invariant()
    def one_nick_is_one_persons(self) -> None:
        for room in self.net.broker.rooms.values():
            owners: dict[str, set[str | None]] = {}
            for session, seat in room.seats.items():
                if seat.verified:
                    owners.setdefault(seat.nick.casefold(), set()).add(session.fingerprint)
            assert all(len(persons) == 1 for persons in owners.values())

    @invariant()
    def what_is_acknowledged_is_stored(self) -> None:
        for client in self.net.clients + self.gone:
            head = self.net.store.page(client.session.options.room, 0, 0, 0).head
            for event in client.events:
                assert not isinstance(event, Failed)
                if isinstance(event, Delivered):
                    assert 0 <= event.seq <= head  # 0: stored, and trimmed since

    def teardown(self) -> None:
        if not hasattr(self, "net"):
            return
        self.net.weather = Weather()
        for _ in range(3):
            for client in self.net.clients:
                if client.session.broken is not None:
                    self.net.cut(client)
                if not client.online:
                    self.back(client)
            self.net.settle(70)
        for client in self.net.clients:
            if client.session.broken is None:
                assert client.session.outbox.empty
                self.assert_whole(client)
        self.assert_stored_once()
        self.net.store.close()

    def assert_whole(self, client: Client) -> None:
        """All of the log from where it began to read, but what it was told is gone."""
        room = client.session.options.room
        page = self.net.store.page(room, 0, 1 << 30, 1 << 40)
        stored = [each for _, _, body in page.blocks for each in batch.decode(body) if not isinstance(each, Notice)]
        by_seq = {message.seq: message for message in stored}
        assert all(by_seq.get(message.seq, message) == message for message in client.heard)
        assert not [event for event in client.events if isinstance(event, Lost)]
        seen = set(client.seqs)
        if not any(isinstance(event, Trimmed) for event in client.events) and seen:
            assert seen == set(range(min(seen), page.head + 1))
        assert not seen or not page.head or max(seen) == page.head or page.start > page.head

    def assert_stored_once(self) -> None:
        for room in ROOMS:
            page = self.net.store.page(room, 0, 1 << 30, 1 << 40)
            ids = [each.id for _, _, body in page.blocks for each in batch.decode(body) if not isinstance(each, Notice)]
            assert len(ids) == len(set(ids))


Rooms.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
TestRooms = Rooms.TestCase


def test_an_acknowledgement_that_was_lost_with_the_broker() -> None:
    net = Net()
    alice = net.client("alice")
    net.settle(5)
    for text in ("one", "two"):
        net.post(alice, text)
    while not net.store.page("lobby", 0, 0, 0).head:
        net.step(1)
    assert alice.session.outbox.oldest == 1
    net.start_broker()
    net.connect(alice)
    net.settle(40)
    assert [getattr(message, "text", "") for message in alice.heard] == ["one", "two"]
    assert [event.seq for event in alice.events if isinstance(event, Delivered)] == [1, 2]
    assert net.store.page("lobby", 0, 0, 0).head == 2
