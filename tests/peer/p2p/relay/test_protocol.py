"""Relay sessions against the broker's own core: House without sockets, and a clock that is set by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import pytest
from nacl.signing import SigningKey

from sandpiper.broker.core import Rules
from sandpiper.broker.outputs import ToSession
from sandpiper.common import control
from sandpiper.common.errors import AccessDenied, Refusal, Rejected
from sandpiper.common.limits import (
    LINGER_S,
    PING_S,
    RELAY_PER_TAG,
    RELAY_TAGS_PER_SESSION,
    SEALED_BYTES,
    SILENT_S,
)
from sandpiper.peer.credentials import Credentials
from sandpiper.peer.p2p.relay.protocol import CAPS, RelayPresent, RelayReceived, RelaySession, RelayState, RelayUp
from tests.broker.fixture import BROKER_KEY, WALL, House, session_key

OLD, NEW = hashlib.sha256(b"old epoch").digest(), hashlib.sha256(b"new epoch").digest()


class Member:
    """One session, and what it has been told."""

    def __init__(self, name: str, house: House, code: str | None = None) -> None:
        self.key = session_key(name)
        self.credentials = Credentials(
            SigningKey(hashlib.sha256(name.encode()).digest()), self.key, code, house.entropy, CAPS
        )
        self.credentials.broker_key = BROKER_KEY
        self.credentials.asked = house.access_code is not None
        self.session = RelaySession(self.credentials, self.key)
        self.address = self.session.address
        self.heard: list[tuple[bytes, bytes]] = []
        self.present: set[bytes] = set()
        self.ups = 0
        self.online = False

    def collect(self) -> None:
        while self.session.events:
            event = self.session.events.popleft()
            if isinstance(event, RelayReceived):
                self.heard.append((event.sender, event.body))
            elif isinstance(event, RelayPresent):
                assert (event.address in self.present) != event.present, "said once"
                (self.present.add if event.present else self.present.remove)(event.address)
            else:
                assert isinstance(event, RelayUp)
                self.ups += 1

    @property
    def bodies(self) -> list[bytes]:
        return [body for _, body in self.heard]


class Net:
    """A broker and relay sessions; requests and answers are in order and sure until a connection is cut."""

    def __init__(self, rules: Rules | None = None, access_code: str | None = None) -> None:
        self.house = House(rules=rules, access_code=access_code)
        self.members: list[Member] = []
        self.lose: Callable[[control.AnyAnswer], bool] = lambda answer: False

    def member(self, name: str, *seeds: bytes, code: str | None = None) -> Member:
        member = Member(name, self.house, code)
        self.members.append(member)
        for seed in seeds:
            member.session.attach(seed)
        self.connect(member)
        return member

    def connect(self, member: Member) -> None:
        member.online = True
        member.session.connected(self.house.now)
        self.settle()

    def cut(self, member: Member) -> None:
        member.online = False
        session = self.house.broker.sessions.get(member.key)
        if session is not None:
            self.house.broker.lost_connection(session, self.house.now)
        member.session.disconnected()
        member.present.clear()
        member.collect()

    def restart(self) -> None:
        self.house.restart()
        for member in self.members:
            self.cut(member)

    def settle(self) -> None:
        """Lets everything arrive."""
        busy = True
        while busy:
            busy = False
            for member in self.members:
                requests, member.session.requests = member.session.requests, []
                for request in requests if member.online else []:
                    busy = True
                    reply = self.house.ask_raw(member.key, control.encode(request))
                    if reply is not None:
                        self._tell(member, reply)
            for output in self.house.take():
                assert isinstance(output, ToSession)
                for member in self.members:
                    if member.online and member.key == output.session.key:
                        busy = True
                        self._tell(member, output.message)

    def _tell(self, member: Member, message: control.Reply | control.Event) -> None:
        encoded = control.encode(message)
        if not self.lose(control.decode_answer(encoded)):
            member.session.receive(encoded, self.house.now)
            member.collect()

    def run(self, seconds: float) -> None:
        """Lets time pass, jumping to what is due."""
        end = self.house.now + seconds
        tick_at = self.house.now
        while self.house.now < end:
            timers = [each.session.get_timer() for each in self.members if each.online]
            self.house.now = max(self.house.now, min([each for each in timers if each is not None] + [tick_at, end]))
            for member in self.members:
                timer = member.session.get_timer()
                if member.online and timer is not None and timer <= self.house.now:
                    member.session.handle_timer(self.house.now)
                    member.collect()
            if self.house.now >= tick_at:
                tick_at = self.house.now + 0.5
                self.house.broker.tick(self.house.now, WALL + self.house.now)
            self.settle()

    def send(self, member: Member, body: bytes, *to: Member) -> None:
        member.session.send([each.address for each in to], body, self.house.now)
        member.session.flush(self.house.now)
        self.settle()


@pytest.fixture
def net() -> Iterator[Net]:
    net = Net()
    yield net
    net.house.store.close()


def test_bodies_travel_both_ways_to_all_or_some(net: Net) -> None:
    alice, bob, carol = (net.member(name, OLD) for name in ("alice", "bob", "carol"))
    assert (alice.session.state, alice.session.up, alice.ups) == (RelayState.ENROLLED, True, 1)
    assert alice.present == {bob.address, carol.address}
    assert carol.present == {alice.address, bob.address}
    net.send(alice, b"all")
    net.send(bob, b"one", alice)
    assert alice.heard == [(bob.address, b"one")]
    assert (bob.heard, carol.heard) == ([(alice.address, b"all")], [(alice.address, b"all")])


def test_what_is_sent_before_there_is_a_tag_waits_for_it(net: Net) -> None:
    bob = net.member("bob", OLD)
    alice = net.member("alice")
    net.send(alice, b"early")
    assert (alice.session.up, bob.heard) == (False, [])
    alice.session.attach(OLD)
    net.settle()
    alice.session.flush(net.house.now)
    net.settle()
    assert bob.bodies == [b"early"]


def test_another_tag_is_another_world(net: Net) -> None:
    alice, eve = net.member("alice", OLD), net.member("eve", NEW)
    net.send(alice, b"ours")
    net.send(eve, b"theirs", alice)
    assert (alice.heard, eve.heard, alice.present, eve.present) == ([], [], set(), set())


def test_everyone_is_reached_once_while_the_epoch_changes(net: Net) -> None:
    alice, bob, carol = (net.member(name, OLD) for name in ("alice", "bob", "carol"))
    for member in (alice, bob):
        member.session.attach(NEW)
        net.settle()
    assert (alice.present, bob.present) == ({bob.address, carol.address}, {alice.address, carol.address})
    net.send(alice, b"all")
    net.send(carol, b"from the old")
    net.send(bob, b"both", alice, carol)
    net.send(bob, b"late", carol)
    assert alice.bodies == [b"from the old", b"both"]
    assert bob.bodies == [b"all", b"from the old"]
    assert carol.bodies == [b"all", b"both", b"late"]
    for member in (alice, bob):
        member.session.detach(OLD)
        net.settle()
        member.collect()
    assert (alice.present, bob.present, carol.present) == ({bob.address}, {alice.address}, set())
    net.send(alice, b"new", carol, bob)
    assert (bob.bodies[-1], carol.bodies[-1]) == (b"new", b"late")
    assert alice.ups == 1


def test_a_cut_connection_comes_back_with_all_that_waited(net: Net) -> None:
    alice, bob = net.member("alice", OLD), net.member("bob", OLD)
    net.cut(alice)
    net.send(alice, b"meanwhile")
    assert (alice.session.up, bob.present) == (False, {alice.address})
    net.run(1.0)
    net.connect(alice)
    alice.session.flush(net.house.now)
    net.settle()
    assert (alice.ups, alice.present, bob.bodies) == (2, {bob.address}, [b"meanwhile"])
    net.cut(alice)
    net.run(LINGER_S + 1)
    assert bob.present == set()
    net.connect(alice)
    assert bob.present == {alice.address}


def test_a_broker_that_is_killed_has_forgotten_it_all_and_takes_everyone_back(net: Net) -> None:
    alice, bob = net.member("alice", OLD), net.member("bob", OLD)
    net.restart()
    assert net.house.broker.relay.tags == 0
    for member in (alice, bob):
        net.connect(member)
    net.send(alice, b"again")
    assert (bob.bodies, alice.present, bob.present) == ([b"again"], {bob.address}, {alice.address})


def test_a_session_that_the_broker_forgot_knows_it(net: Net) -> None:
    alice, bob = net.member("alice", OLD), net.member("bob", OLD)
    net.house.restart()
    net.run(PING_S + 0.1)
    assert alice.session.stale(net.house.now) == "the broker has forgotten this session"
    net.send(bob, b"into the void")
    assert bob.session.stale(net.house.now) == "the broker has forgotten this session"


def test_silence_is_noticed_and_pings_keep_alive(net: Net) -> None:
    alice, bob = net.member("alice", OLD), net.member("bob", OLD)
    net.run(10 * SILENT_S)
    assert (alice.session.stale(net.house.now), alice.session.up, alice.present) == (None, True, {bob.address})
    assert alice.session.rtt_s == 0.0
    net.lose = lambda answer: True
    net.run(SILENT_S + PING_S)
    assert alice.session.stale(net.house.now) == "the broker does not answer"


def test_the_access_code() -> None:
    net = Net(access_code="sesame")
    try:
        alice, bob = (net.member(name, OLD, code="sesame") for name in ("alice", "bob"))
        net.send(alice, b"in")
        assert bob.bodies == [b"in"]
        wrong = net.member("eve", OLD, code="sesam")
        assert isinstance(wrong.session.broken, AccessDenied)
        none = net.member("mallory", OLD)
        assert isinstance(none.session.broken, AccessDenied)
        net.restart()
        net.connect(alice)
        assert alice.session.up
    finally:
        net.house.store.close()


def test_a_broker_that_does_not_know_the_code_is_denied() -> None:
    net = Net(access_code="other")
    try:
        alice = net.member("alice", OLD, code="sesame")
        assert isinstance(alice.session.broken, AccessDenied)
        assert not alice.session.up
    finally:
        net.house.store.close()


def test_a_broker_that_cannot_relay_is_no_use(net: Net) -> None:
    alice = Member("alice", net.house)
    alice.session.connected(0.0)
    enrolled = control.Enrolled(r=1, fingerprint="f", run="r", messages_per_s=1, bytes_per_s=1, caps=["msg"])
    alice.session.receive(control.encode(enrolled), 0.0)
    assert isinstance(alice.session.broken, Rejected)


def test_rubbish_from_a_broker_is_passed_over(net: Net) -> None:
    alice, bob = net.member("alice", OLD), net.member("bob", OLD)
    said: list[control.Reply | control.Event] = [
        control.RelayPresence(tag=b"other", address=b"x", present=True),
        control.RelayPresence(tag=b"", address=b"x", present=False),
        control.Sealed(tag=b"other", sender=b"x", body=b"y"),
        control.Done(r=77),
        control.Closing(text=""),
    ]
    for frame in (b"", b"\xc1", *map(control.encode, said)):
        alice.session.receive(frame, net.house.now)
        alice.collect()
    assert (alice.heard, alice.present) == ([], {bob.address})


def test_the_rate_holds_bodies_up_and_loses_none() -> None:
    net = Net(rules=Rules(messages_per_s=20, bytes_per_s=1_000_000))
    try:
        alice, bob = net.member("alice", OLD), net.member("bob", OLD)
        bodies = [b"%d" % number for number in range(100)]
        for body in bodies:
            alice.session.send([], body, net.house.now)
        alice.session.flush(net.house.now)
        net.settle()
        assert 30 <= len(bob.bodies) <= 40
        net.run(6.0)
        assert bob.bodies == bodies
        assert alice.session.queue.dropped == 0
    finally:
        net.house.store.close()


def test_what_the_broker_refuses_for_its_rate_is_sent_again(net: Net) -> None:
    alice, bob = net.member("alice", OLD), net.member("bob", OLD)
    session = net.house.broker.sessions[alice.key]
    session.meter.charge(40_000_000, net.house.now)  # so it is not as wide as it said
    net.send(alice, b"first")
    net.send(alice, b"second")
    assert bob.bodies == []
    net.run(9.0)
    assert sorted(bob.bodies) == [b"first", b"second"]


def test_thousands_under_way_are_confirmed_by_pings(net: Net) -> None:
    alice, bob = net.member("alice", OLD), net.member("bob", OLD)
    bodies = [b"%d" % number for number in range(4000)]
    for body in bodies:
        alice.session.send([], body, net.house.now)
    alice.session.flush(net.house.now)
    net.settle()
    assert bob.bodies == bodies
    for number in range(12):
        alice.session.send([], bytes([number]) * SEALED_BYTES, net.house.now)
    alice.session.flush(net.house.now)
    net.settle()
    assert len(bob.bodies) == 4012


def test_bodies_and_addressees_have_a_bound(net: Net) -> None:
    alice = net.member("alice", OLD)
    with pytest.raises(Refusal, match="at most"):
        alice.session.send([], bytes(SEALED_BYTES + 1), net.house.now)
    with pytest.raises(Refusal, match="at most"):
        alice.session.send([b"x"] * (RELAY_PER_TAG + 1), b"", net.house.now)


def test_of_too_many_tags_the_oldest_is_let_go(net: Net) -> None:
    alice = net.member("alice")
    seeds = [bytes([number]) * 32 for number in range(RELAY_TAGS_PER_SESSION + 1)]
    for seed in seeds:
        alice.session.attach(seed)
        net.settle()
    assert [alice.session.attached(seed) for seed in seeds] == [False] + [True] * RELAY_TAGS_PER_SESSION
    assert net.house.broker.relay.tags == RELAY_TAGS_PER_SESSION


def test_a_tag_that_is_let_go_while_it_is_attached_stays_let_go(net: Net) -> None:
    alice = net.member("alice")
    alice.session.attach(OLD)
    alice.session.detach(OLD)
    alice.session.detach(NEW)
    net.settle()
    assert (net.house.broker.relay.tags, alice.session.up) == (0, False)
    alice.session.attach(OLD)
    for request in alice.session.requests:
        reply = net.house.ask_raw(alice.key, control.encode(request))
        assert reply is not None
        alice.session.requests = []
        alice.session.receive(control.encode(reply), net.house.now)
    alice.session.detach(OLD)  # the signature is on its way
    net.settle()
    assert (net.house.broker.relay.tags, alice.session.up) == (0, False)


def test_a_full_tag_is_tried_again(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.broker.relay.RELAY_PER_TAG", 1)
    bob, alice = net.member("bob", OLD), net.member("alice", OLD, NEW)
    assert isinstance(alice.session.refusal(OLD), Rejected)
    assert "at most 1" in alice.session.trouble
    assert (alice.session.attached(NEW), alice.session.attached(OLD)) == (True, False)
    bob.session.detach(OLD)
    net.settle()
    net.run(6.0)
    assert alice.session.attached(OLD)
    assert alice.session.refusal(OLD) is None
