"""The discovery service as a process, and the members' link to it: over loopback, killed, lied to, flooded."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
import zmq
from nacl.signing import SigningKey
from zmq.utils import z85

from sandpiper.common import rendezvous
from sandpiper.common.errors import Code, Refusal, SandpiperError, TrustError, Unreachable
from sandpiper.common.io.sockets import CurveKeys, calling, context
from sandpiper.common.limits import CARD_BYTES, LETTER_BYTES, VERSION
from sandpiper.common.rendezvous import BrokerAt, PeerCard, sign_lease
from sandpiper.discovery.service import DiscoveryConfig, DiscoveryService
from sandpiper.peer.p2p.rendezvous.client import RendezvousClient
from sandpiper.peer.profile import Profile
from tests.sockets.attack import CURVE_GREETING, MIB, RawCurve, Wire, modest, until
from tests.sockets.running import DEADLINE_S, Lines, RunningDiscovery, running
from tests.sockets.test_service import free_port, get

ROOM = SigningKey(b"r" * 32)
OTHER = SigningKey(b"o" * 32)


@contextmanager
def discovering(data: Path, *options: str) -> Iterator[RunningDiscovery]:
    """A service for the time of a test. It must end well, and have had nothing to complain about."""
    service = RunningDiscovery(data, *options)
    try:
        yield service
        service.process.send_signal(signal.SIGTERM)
        _, stderr = service.process.communicate(timeout=DEADLINE_S)
        log = (data / "discovery.log").read_text("utf-8")
        assert (service.process.returncode, stderr) == (0, b"")
        assert "Traceback" not in log, log[:4000]
    finally:
        if service.process.poll() is None:
            service.kill()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningDiscovery]:
    with discovering(tmp_path / "data") as made:
        yield made


class Asker:
    """A CURVE DEALER that asks for what it likes."""

    def __init__(self, service: RunningDiscovery, *, greeted: bool = True) -> None:
        self.keys = CurveKeys.make()
        self.server_key = z85.decode(service.ready["key"].encode())
        self.context = context()
        self.socket = calling(self.context, zmq.DEALER, self.keys, self.server_key)
        self.socket.setsockopt(zmq.RCVTIMEO, int(DEADLINE_S * 1000))
        self.socket.connect(service.ready["router"])
        self._asked = 0
        self.mailbox = b""
        if greeted:
            self.mailbox = self.ask(rendezvous.Greet(r=0, v=VERSION)).mailbox

    def __enter__(self) -> Asker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close(linger=0)
        self.context.term()

    def hear(self) -> Any:
        return rendezvous.decode_answer(self.socket.recv())

    def ask(self, request: rendezvous.Request) -> Any:
        """Its reply, passing over events."""
        self._asked += 1
        request.r = self._asked
        self.socket.send(rendezvous.encode(request))
        while not isinstance(reply := self.hear(), rendezvous.Reply) or reply.r != self._asked:
            pass
        return reply

    def claim(self, nameplate: int = 42, blob: bytes = b"card", key: SigningKey = ROOM, **other: Any) -> Any:
        signature = sign_lease(key, self.server_key, self.keys.public, nameplate, blob)
        given = {"group": bytes(key.verify_key), "signature": signature, **other}
        return self.ask(rendezvous.Claim(r=0, nameplate=nameplate, blob=blob, **given))


class Heard:
    """What a link says."""

    def __init__(self) -> None:
        self.letters: list[tuple[bytes, bytes]] = []
        self.cards: list[PeerCard] = []
        self.ups = 0
        self.downs: list[str] = []
        self._moved = asyncio.Event()

    def letter(self, sender: bytes, body: bytes) -> None:
        self.letters.append((sender, body))
        self._moved.set()

    def peers(self, cards: list[PeerCard]) -> None:
        self.cards = cards
        self._moved.set()

    def up(self) -> None:
        self.ups += 1
        self._moved.set()

    def down(self, text: str) -> None:
        self.downs.append(text)
        self._moved.set()

    async def until(self, condition: Callable[[], object], within_s: float = DEADLINE_S) -> None:
        async def wait() -> None:
            while not condition():
                self._moved.clear()
                await self._moved.wait()

        await asyncio.wait_for(wait(), within_s)


class Members:
    """Links to services, closed at the end."""

    def __init__(self) -> None:
        self.context = context()
        self.made: list[tuple[RendezvousClient, Heard]] = []

    async def __aenter__(self) -> Members:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for link, _ in self.made:
            await link.close()
        self.context.term()

    async def link(
        self, address: str, profile: Profile | None = None, *, pin: bool = False
    ) -> tuple[RendezvousClient, Heard]:
        heard = Heard()
        link = RendezvousClient(self.context, address, profile or Profile.ephemeral(), pin=pin, callbacks=heard)
        await link.open()
        self.made.append((link, heard))
        return link, heard


async def eventually(condition: Callable[[], object]) -> None:
    """As `until`, for what happens on this loop."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


# The process --------------------------------------------------------------------------------------------------


def test_the_ready_line_and_the_key_that_stays(tmp_path: Path) -> None:
    with discovering(tmp_path / "data") as service:
        assert list(service.ready) == ["type", "door", "router", "key"]
        assert service.ready["router"] == f"tcp://{service.ready['door']}"
        assert service.port < 32_768  # below the ephemeral range
        key = service.ready["key"]
        service.stop()
        service.restart()
        assert service.ready["key"] == key
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["discovery.key", "discovery.log"]
    assert (tmp_path / "data" / "discovery.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_with_0_and_everybody_is_told(tmp_path: Path, number: signal.Signals) -> None:
    with running_discovery(tmp_path / "data") as service, Lines(service) as client, Asker(service) as asker:
        client.say(type="ping")
        client.hear_until("pong")
        service.process.send_signal(number)
        assert "shutting down" in client.hear_until("error")["text"]
        assert client.at_end()
        assert isinstance(asker.hear(), rendezvous.Closing)
        _, stderr = service.process.communicate(timeout=DEADLINE_S)
        assert (service.process.returncode, stderr) == (0, b"")


@contextmanager
def running_discovery(data: Path, *options: str) -> Iterator[RunningDiscovery]:
    service = RunningDiscovery(data, *options)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.stop()


def test_a_port_in_use_is_one_line_and_exit_1(service: RunningDiscovery, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sandpiper.cli", "discovery", "--json", "--port", str(service.port)]
    second = subprocess.run(
        [*command, "--data", str(tmp_path / "other")], capture_output=True, timeout=DEADLINE_S, check=False
    )
    assert (second.returncode, second.stdout) == (1, b"")
    (line,) = second.stderr.decode().splitlines()
    assert str(service.port) in line
    assert "--port" in line


def test_a_metrics_port_in_use_is_named_and_the_door_is_not_blamed(service: RunningDiscovery, tmp_path: Path) -> None:
    for command in ("discovery", "broker"):
        words = [command, "--json", "--port", "0", "--data", str(tmp_path / command)]
        second = subprocess.run(
            [sys.executable, "-m", "sandpiper.cli", *words, "--metrics-port", str(service.port)],
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert (second.returncode, second.stdout) == (1, "")
        (line,) = second.stderr.splitlines()
        assert line == (
            f"sandpiper: cannot serve metrics on 127.0.0.1, port {service.port}: Address already in use; "
            f"give another, such as --metrics-port {service.port + 1}"
        )


def test_health_and_metrics(tmp_path: Path) -> None:
    port = free_port()
    with discovering(tmp_path / "data", "--metrics-port", str(port)) as service, Asker(service) as asker:
        asker.claim()
        assert get(port, "/healthz") == (200, "ok\n")
        status, page = get(port, "/metrics")
        assert status == 200
        for sample in ("leases 1.0", "nameplates 1.0", "mailboxes 1.0", "claims_total 1.0"):
            assert f"sandpiper_{sample}" in page


# The door -----------------------------------------------------------------------------------------------------


def test_the_door_tells_the_key_and_has_no_rooms(service: RunningDiscovery) -> None:
    with Lines(service) as client:
        client.say(type="hello", v=1)
        welcome = client.hear()
        assert (welcome["type"], welcome["v"], welcome["key"]) == ("welcome", 1, service.ready["key"])
        assert (welcome["server"], welcome["xsub"], welcome["xpub"]) == ("sandpiper discovery", None, None)
        client.say(type="hello", v=1, room="lobby")
        assert "discovery service" in client.hear()["text"]


def test_original_clients_find_each_other(service: RunningDiscovery) -> None:
    with Lines(service) as alice, Lines(service) as bob:
        alice.say(type="create_room", nick="alice", listen_port=6001, password="s3cret")
        created = alice.hear()
        code = created["code"]
        assert created["type"] == "room_created"
        bob.say(type="lookup_room", code=code, nick="bob", password="wrong")
        assert bob.hear()["text"] == "wrong password"
        bob.say(type="lookup_room", code=code, nick="bob", password="s3cret")
        peer = {"nick": "alice", "host": "127.0.0.1", "port": 6001}
        assert bob.hear() == {"type": "room_info", "code": code, "peers": [peer]}
        bob.say(type="register_peer", code=code, nick="bob", host="192.168.1.101", port=6002)
        assert bob.hear() == {"type": "peer_registered", "success": True}
        peer = {"nick": "bob", "host": "192.168.1.101", "port": 6002}
        assert alice.hear() == {"type": "peer_joined", "code": code, "peer": peer}
        with Lines(service) as another:
            another.raw(b"{\n")
            assert another.hear()["text"] == "invalid json"
            another.say(type="msg", text="hi")
            assert another.hear()["text"] == "invalid message type"
            another.say(type="ping")
            assert another.hear()["type"] == "pong"
        bob.close()
        assert alice.hear() == {"type": "peer_left", "code": code, "nick": "bob"}


def test_nobody_takes_an_original_client_s_place(service: RunningDiscovery) -> None:
    with Lines(service) as alice, Lines(service) as bob, Lines(service) as watcher:
        alice.say(type="create_room", nick="alice", listen_port=6001)
        code = alice.hear()["code"]
        bob.say(type="register_peer", code=code, nick="bob", host="h", port=6002)
        assert bob.hear()["type"] == "peer_registered"
        assert alice.hear()["type"] == "peer_joined"
        for nick in ("alice", "bob"):
            with Lines(service) as second:
                second.say(type="register_peer", code=code, nick=nick, host="h", port=6003)
                assert second.hear()["text"] == f"the nick {nick} is taken in this room; choose another"
        bob.close()
        assert alice.hear() == {"type": "peer_left", "code": code, "nick": "bob"}  # and before it nothing
        watcher.say(type="lookup_room", code=code, nick="carol")
        assert [peer["nick"] for peer in watcher.hear()["peers"]] == ["alice"]


def test_the_two_kinds_of_room_never_meet(service: RunningDiscovery) -> None:
    with Lines(service) as alice, Asker(service) as asker:
        alice.say(type="create_room", nick="alice", listen_port=6001)
        nameplate = int(alice.hear()["code"].rpartition("-")[2])
        assert asker.ask(rendezvous.Lookup(r=0, nameplate=nameplate)).code == "not_yet"
        asker.claim(nameplate)
        alice.say(type="lookup_room", code=f"pine-ocean-{nameplate}", nick="alice")
        assert alice.hear()["text"].startswith("no such room")


# Members ------------------------------------------------------------------------------------------------------


def test_a_room_is_shown_first_after_a_restart_whoever_is_faster(service: RunningDiscovery) -> None:
    async def run() -> None:
        async with Members() as members:
            anna, annas = await members.link(service.door)
            nameplate = (await anna.claim(0, ROOM, b"anna's card", fresh=True)).nameplate
            service.kill()
            service.restart()
            with ExitStack() as stay:
                for number in range(4):
                    stranger = stay.enter_context(Asker(service))
                    assert isinstance(
                        stranger.claim(nameplate, key=SigningKey(bytes([number]) * 32)), rendezvous.Leased
                    )
                await annas.until(lambda: annas.ups == 2)  # and her claim is under way
                bob, _ = await members.link(service.door)
                groups = (await bob.lookup(nameplate)).groups
                while [anna.mailbox] not in groups:
                    await asyncio.sleep(0.2)  # look-ups are limited
                    groups = (await bob.lookup(nameplate)).groups
                assert groups[0] == [anna.mailbox]
                assert len(groups) == 5

    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))


def test_members_find_each_other_and_write(service: RunningDiscovery) -> None:
    async def run() -> None:
        async with Members() as members:
            anna, annas = await members.link(service.door)
            bob, bobs = await members.link(service.door)
            opened = await anna.claim(0, ROOM, b"anna's card", fresh=True)
            assert anna.observed == "127.0.0.1"
            assert (anna.up, anna.key) == (True, z85.decode(service.ready["key"].encode()))
            found = await bob.lookup(opened.nameplate)
            assert found.groups == [[anna.mailbox]]
            bob.post(found.groups[0][0], b"knock" * 1000)
            await annas.until(lambda: annas.letters)
            assert annas.letters == [(bob.mailbox, b"knock" * 1000)]
            joined = await bob.claim(opened.nameplate, ROOM, b"bob's card", fresh=False)
            assert joined.peers == bobs.cards == [PeerCard(anna.mailbox, b"anna's card", "127.0.0.1")]
            await annas.until(lambda: annas.cards)
            assert [card.blob for card in annas.cards] == [b"bob's card"]
            bob.update(b"bob has moved")
            await annas.until(lambda: annas.cards[0].blob == b"bob has moved")
            await bob.close()
            await annas.until(lambda: not annas.cards)

    asyncio.run(run())


def test_a_rotated_key_takes_the_members_along(service: RunningDiscovery) -> None:
    async def run() -> None:
        async with Members() as members:
            anna, annas = await members.link(service.door)
            bob, bobs = await members.link(service.door)
            carl, carls = await members.link(service.door)
            for link in (anna, bob, carl):
                await link.claim(42, ROOM, b"old", fresh=False)
            await annas.until(lambda: len(annas.cards) == 2)
            anna.set_registration(OTHER, b"anna, new")
            bob.set_registration(OTHER, b"bob, new")
            await annas.until(lambda: [card.blob for card in annas.cards] == [b"bob, new"])
            await bobs.until(lambda: [card.blob for card in bobs.cards] == [b"anna, new"])
            await carls.until(lambda: not carls.cards)

    asyncio.run(run())


def test_refusals_reach_the_member(service: RunningDiscovery) -> None:
    async def run() -> None:
        async with Members() as members:
            anna, _ = await members.link(service.door)
            bob, _ = await members.link(service.door)
            await anna.claim(42, ROOM, b"", fresh=True)
            for call, code in (
                (bob.claim(42, OTHER, b"", fresh=True), Code.TAKEN),
                (bob.lookup(43), Code.NOT_YET),
                (bob.claim(5, OTHER, b"", fresh=True), Code.INVALID),
            ):
                with pytest.raises(Refusal) as caught:
                    await call
                assert caught.value.code is code
            bounced: list[Refusal] = []
            moved = asyncio.Event()

            def bounce(refusal: Refusal) -> None:
                bounced.append(refusal)
                moved.set()

            bob.post(b"?" * 16, b"x", bounce)
            await asyncio.wait_for(moved.wait(), DEADLINE_S)
            assert bounced[0].code is Code.NOT_HERE

    asyncio.run(run())


def test_letters_that_come_too_fast_arrive_all_the_same(service: RunningDiscovery) -> None:
    async def run() -> None:
        async with Members() as members:
            anna, annas = await members.link(service.door)
            bob, _ = await members.link(service.door)
            for number in range(130):
                bob.post(anna.mailbox, bytes([number]))
            await annas.until(lambda: len(annas.letters) == 130)
            assert {body[0] for _, body in annas.letters} == set(range(130))

    asyncio.run(run())


def test_announced_brokers_come_with_their_access_code(tmp_path: Path) -> None:
    os.environ["SANDPIPER_ACCESS_CODE"] = "open sesame"
    try:
        options = ("--broker", "relay.example:5000", "--broker", "[2001:db8::1]", "--log-level", "debug")
        with discovering(tmp_path / "data", *options) as service:

            async def run() -> None:
                async with Members() as members:
                    link, _ = await members.link(service.door)
                    assert link.brokers == [
                        BrokerAt("relay.example:5000", "open sesame"),
                        BrokerAt("[2001:db8::1]:5000", "open sesame"),
                    ]

            asyncio.run(run())
    finally:
        del os.environ["SANDPIPER_ACCESS_CODE"]
    assert "sesame" not in (tmp_path / "data" / "discovery.log").read_text("utf-8")


# Ends and returns ---------------------------------------------------------------------------------------------


def test_a_killed_service_is_whole_again_within_seconds(service: RunningDiscovery) -> None:
    async def run() -> None:
        async with Members() as members:
            links = [await members.link(service.door) for _ in range(3)]

            def sees_the_others(own: RendezvousClient, heard: Heard) -> bool:
                others = {link.mailbox for link, _ in links if link is not own}
                return heard.ups == 2 and {card.mailbox for card in heard.cards} == others

            for link, _ in links:
                await link.claim(42, ROOM, b"card", fresh=False)
            service.kill()
            for link, heard in links:
                await heard.until(lambda heard=heard: heard.downs)  # type: ignore[misc]
                with pytest.raises(Refusal) as caught:
                    await link.lookup(42)
                assert caught.value.code is Code.CLOSING
            await asyncio.to_thread(service.restart)
            refusals = []
            joiner, _ = await members.link(service.door)
            while True:
                try:
                    found = await joiner.lookup(42)
                    break
                except Refusal as refusal:
                    refusals.append(refusal)
                    await asyncio.sleep(refusal.retry_ms / 1000)
            assert {refusal.code for refusal in refusals} <= {Code.NOT_YET}
            assert all(0 < refusal.retry_ms <= 1000 for refusal in refusals)
            for link, heard in links:
                await heard.until(partial(sees_the_others, link, heard))
            assert set(found.groups[0]) <= {link.mailbox for link, _ in links}

    asyncio.run(run())


def test_a_new_key_is_refused_where_the_old_one_was_pinned(tmp_path: Path) -> None:
    async def run() -> None:
        profile = Profile.ephemeral()
        async with Members() as members:
            with running_discovery(tmp_path / "one") as service:
                pinned, heard = await members.link(service.door, profile, pin=True)
                loose, looses = await members.link(service.door, profile, pin=False)
                assert profile.pinned(pinned.address) == service.ready["key"]
                assert profile.fresh == [service.door]
                port = service.port
            await heard.until(lambda: heard.downs)
            other = await asyncio.to_thread(another, tmp_path / "two", port)
            try:
                await looses.until(lambda: looses.ups == 2)
                assert loose.key == z85.decode(other.ready["key"].encode())
                await heard.until(lambda: "has changed" in heard.downs[-1])
                assert not pinned.up
                with pytest.raises(TrustError, match="has changed"):
                    await members.link(other.door, profile, pin=True)
                with pytest.raises(TrustError, match="somebody may be in between"):
                    await members.link(f"{other.door}#{'a' * 24}")
            finally:
                other.stop()

    def another(data: Path, port: int) -> RunningDiscovery:
        made = RunningDiscovery.__new__(RunningDiscovery)
        made.data, made.options = data, ()
        made.start(port)
        return made

    asyncio.run(run())


def test_what_is_no_discovery_service_is_named(tmp_path: Path, service: RunningDiscovery) -> None:
    async def refused(address: str, text: str, kind: type[SandpiperError] = Unreachable) -> None:
        async with Members() as members:
            with pytest.raises(kind, match=text):
                await members.link(address)

    with running(tmp_path / "broker") as broker:
        asyncio.run(refused(broker.door, "is a broker, not a discovery service"))
        command = [sys.executable, "-m", "sandpiper.cli", "who", service.door]
        asked = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        assert asked.returncode == 3
        assert "is a discovery service, not a broker" in asked.stderr
    asyncio.run(refused(f"127.0.0.1:{free_port()}", "`sandpiper discovery` starts one"))


def test_a_service_that_hangs_is_left(service: RunningDiscovery) -> None:
    async def run() -> None:
        async with Members() as members:
            anna, annas = await members.link(service.door)
            await anna.claim(42, ROOM, b"card", fresh=True)
            service.process.send_signal(signal.SIGSTOP)
            try:
                with pytest.raises(Refusal) as caught:
                    await anna.lookup(43)
                assert caught.value.code is Code.CLOSING
                await annas.until(lambda: "does not answer" in annas.downs[-1])
            finally:
                service.process.send_signal(signal.SIGCONT)
            await annas.until(lambda: annas.ups == 2)

    asyncio.run(run())


# Strangers ----------------------------------------------------------------------------------------------------


def test_a_replayed_claim_opens_nothing(service: RunningDiscovery) -> None:
    with Asker(service) as anna, Asker(service) as mallory:
        assert isinstance(anna.claim(blob=b"anna's card"), rendezvous.Leased)
        overheard = sign_lease(ROOM, anna.server_key, anna.keys.public, 42, b"anna's card")
        replayed = mallory.claim(blob=b"anna's card", signature=overheard)
        assert (replayed.code, replayed.text) == (
            "access",
            "the registration key did not sign this card for this connection",
        )
        assert mallory.claim(key=OTHER).peers == []
        assert mallory.ask(rendezvous.Lookup(r=0, nameplate=42)).groups == [[anna.mailbox]]


def test_ten_thousand_look_ups_are_answered_rarely(service: RunningDiscovery) -> None:
    found = 0
    codes: dict[str, int] = {}
    with Asker(service) as anna:
        anna.claim()
        for _ in range(10):
            with Asker(service) as guesser:
                for number in range(1000):
                    request = rendezvous.Lookup(r=number + 10, nameplate=10 + number % 90)
                    guesser.socket.send(rendezvous.encode(request))
                    reply = guesser.hear()
                    found += isinstance(reply, rendezvous.Found)
                    code = getattr(reply, "code", "found")
                    codes[code] = codes.get(code, 0) + 1
        assert codes["rate"] > 9000
        assert found < 20
        assert isinstance(anna.claim(), rendezvous.Leased)


def test_rubbish_harms_nobody(service: RunningDiscovery) -> None:
    with Asker(service) as anna, modest(service, 60 * MIB):
        anna.claim()
        for raw in (b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01" + bytes(500), b"\0" * 100):
            with Wire(service.host, service.port, raw) as wire:
                assert b"discovery service" in wire.rest()
        with Wire(service.host, service.port, CURVE_GREETING + os.urandom(5000)) as wire:
            wire.rest()
        with Wire(service.host, service.port, b"{" * (5 * MIB)) as wire:
            wire.send(b"\n")
            assert b"line too long" in wire.read(60)
        for frame in (b"", b"\xc1", os.urandom(1000), b"\x91" * 50_000):
            anna.socket.send(frame)
            assert anna.hear().code == "invalid"
        too_large = [
            rendezvous.Claim(
                r=0, nameplate=42, group=b"g" * 32, blob=bytes(CARD_BYTES + 1), signature=bytes(64), fresh=True
            ),
            rendezvous.Post(r=0, mailbox=anna.mailbox, body=bytes(LETTER_BYTES + 1)),
            rendezvous.Post(r=0, mailbox=b"short", body=b""),
            rendezvous.Lookup(r=0, nameplate=-1),
        ]
        assert [anna.ask(request).code for request in too_large] == ["invalid"] * len(too_large)
        assert isinstance(anna.claim(), rendezvous.Leased)


def test_a_message_that_never_ends_is_given_up(service: RunningDiscovery) -> None:
    keys = CurveKeys.make()
    with Asker(service) as anna, modest(service, 60 * MIB):
        raw = RawCurve(service.host, service.port, keys, anna.server_key, "DEALER")
        assert raw.admitted
        raw.send(rendezvous.encode(rendezvous.Greet(r=1, v=VERSION)))
        sent = 0
        part = bytes(32 * 1024)
        message = raw.message(part, 1)
        begun = time.monotonic()
        while (size := raw.wire.some(message, 1.0)) >= 0 and time.monotonic() - begun < DEADLINE_S:
            sent += size
            if size == len(message):
                message = raw.message(part, 1)
            elif size:
                message = message[size:]
        assert size == -1, "not cut"
        assert sent < 16 * MIB
        raw.wire.close()
        assert isinstance(anna.claim(), rendezvous.Leased)


def test_one_that_does_not_read_loses_its_letters_only(service: RunningDiscovery) -> None:
    with Asker(service) as anna, modest(service, 60 * MIB):
        keys = CurveKeys.make()
        deaf = RawCurve(service.host, service.port, keys, anna.server_key, "DEALER", receive_buffer=4096)
        deaf.send(rendezvous.encode(rendezvous.Greet(r=1, v=VERSION)))
        # It leases without reading, so that the group's other member learns its mailbox.
        signature = sign_lease(ROOM, anna.server_key, keys.public, 42, b"deaf")
        group = bytes(ROOM.verify_key)
        claim = rendezvous.Claim(r=2, nameplate=42, group=group, blob=b"deaf", signature=signature)
        deaf.send(rendezvous.encode(claim))
        (card,) = until(lambda: anna.claim().peers)
        taken = 0
        for _ in range(12):
            with Asker(service) as sender:
                for _ in range(15):
                    post = rendezvous.Post(r=0, mailbox=card.mailbox, body=os.urandom(64 * 1024))
                    taken += isinstance(sender.ask(post), rendezvous.Done)
        assert taken > 100  # 6 MiB; what is lost is nobody's affair but the deaf one's
        assert isinstance(anna.claim(), rendezvous.Leased)
        deaf.wire.close()


def test_one_that_takes_nothing_for_long_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.discovery.service.RENDEZVOUS_STALLED_S", 0.3)

    def stall(port: int, key: bytes, own: CurveKeys) -> RawCurve:
        deaf = RawCurve("127.0.0.1", port, own, key, "DEALER", receive_buffer=4096)
        deaf.send(rendezvous.encode(rendezvous.Greet(r=1, v=VERSION)))
        return deaf

    async def run() -> None:
        service = DiscoveryService(DiscoveryConfig("127.0.0.1", 0))
        await service.open()
        own = CurveKeys.make()
        try:
            async with Members() as members:
                deaf = await asyncio.to_thread(stall, service.port, service.keys.public, own)
                boxes = service.core.mailboxes._by_key
                await eventually(lambda: own.public in boxes)
                box = boxes[own.public].mailbox
                for _ in range(5):  # the system's own buffers take some megabytes first
                    writer, _ = await members.link(f"127.0.0.1:{service.port}")
                    for _ in range(18):
                        writer.post(box, os.urandom(64 * 1024))
                await eventually(lambda: own.public not in boxes)
                assert service._sample()["cut_total"][1] == 1
                assert writer.up
                deaf.wire.close()
        finally:
            await service.close()

    asyncio.run(run())


def test_many_leases_fit_in_little_memory(service: RunningDiscovery) -> None:
    with modest(service, 80 * MIB):
        askers = [Asker(service) for _ in range(100)]
        try:
            codes = [
                getattr(asker.claim(nameplate, os.urandom(CARD_BYTES)), "code", "leased")
                for nameplate in range(10, 22)
                for asker in askers
            ]
            assert codes.count("leased") == 800
            assert codes.count("too_many") == 400
        finally:
            for asker in askers:
                asker.__exit__(None, None, None)


def test_logs_and_files_hold_nothing_that_was_said(tmp_path: Path) -> None:
    with (
        discovering(tmp_path / "data", "--log-level", "debug") as service,
        Asker(service) as anna,
        Asker(service) as bob,
        Lines(service) as carl,
    ):
        anna.claim(blob=b"anna's sealed card")
        bob.ask(rendezvous.Post(r=0, mailbox=anna.mailbox, body=b"a sealed letter"))
        carl.say(type="create_room", nick="carl-the-first", listen_port=6001, password="s3cret-word")
        code = carl.hear()["code"]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())
    for said in (b"sealed card", b"sealed letter", b"carl-the-first", b"s3cret-word", code.encode()):
        assert said not in kept
    assert json.dumps("greeted")[1:-1].encode() in kept


def test_silence_and_half_a_handshake_are_bounded(service: RunningDiscovery) -> None:
    wires = [Wire(service.host, service.port, CURVE_GREETING[:20]) for _ in range(200)]
    try:
        with Asker(service) as anna:
            anna.claim()
        assert all(wire.rest() is not None for wire in wires)  # each is closed by the door in the end
    finally:
        for wire in wires:
            wire.close()


def test_a_port_that_is_free_is_found_at_every_interface(tmp_path: Path) -> None:
    with (
        discovering(tmp_path / "data", "--host", "0.0.0.0") as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=DEADLINE_S) as client,
    ):
        client.sendall(b'{"type":"ping"}\n')
        assert b"pong" in client.recv(100)
