"""Sealed bodies through a real broker: links both ways, strangers, a broker that dies, a receiver that stalls."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
import zmq
from nacl.signing import SigningKey

from sandpiper.common import control
from sandpiper.common.control import Attached, Challenged, Done
from sandpiper.common.errors import AccessDenied, Unreachable
from sandpiper.common.io.sockets import context
from sandpiper.common.keys import relay_tag, sign_attachment
from sandpiper.common.limits import RELAY_BEHIND_BYTES, SEALED_BYTES
from sandpiper.common.target import parse_host
from sandpiper.peer.p2p.relay.client import RelayLink
from sandpiper.peer.profile import Profile
from tests.sockets.attack import MIB, Caller, Tool, stopped, texts
from tests.sockets.running import DEADLINE_S, RunningBroker, running

T = TypeVar("T")
SEED = hashlib.sha256(b"an epoch key").digest()
OTHER = hashlib.sha256(b"another epoch key").digest()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    with running(tmp_path_factory.mktemp("broker") / "data", "--rate", "100000:1000") as broker:
        yield broker


class Ear:
    """What a link has told, to be waited for."""

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, bytes]] = []
        self.present: set[bytes] = set()
        self.downs: list[str] = []
        self.ups = 0
        self._changed = asyncio.Event()

    def received(self, sender: bytes, body: bytes) -> None:
        self.heard.append((sender, body))
        self._changed.set()

    def presence(self, address: bytes, present: bool) -> None:
        (self.present.add if present else self.present.discard)(address)
        self._changed.set()

    def up(self) -> None:
        self.ups += 1
        self._changed.set()

    def down(self, text: str) -> None:
        self.downs.append(text)
        self.present.clear()
        self._changed.set()

    async def until(self, condition: Callable[[Ear], bool]) -> None:
        while not condition(self):
            self._changed.clear()
            await self._changed.wait()


def heard(count: int) -> Callable[[Ear], bool]:
    return lambda ear: len(ear.heard) == count


def sees(addresses: set[bytes], ups: int = 1) -> Callable[[Ear], bool]:
    return lambda ear: ear.present == addresses and ear.ups == ups


class Links:
    """Links over one context, closed at the end."""

    def __init__(self) -> None:
        self.context = context()
        self.links: list[RelayLink] = []

    async def open(self, broker: RunningBroker, *seeds: bytes, code: str | None = None) -> tuple[RelayLink, Ear]:
        ear = Ear()
        target = parse_host(broker.door)
        link = RelayLink(self.context, target, code, Profile.ephemeral(), callbacks=ear, pin=False)
        await link.open()
        self.links.append(link)
        for seed in seeds:
            await link.attach(seed)
        return link, ear


@asynccontextmanager
async def links() -> AsyncIterator[Links]:
    made = Links()
    try:
        yield made
    finally:
        for link in made.links:
            await link.close()
        made.context.term()


def play(scene: Callable[[], Awaitable[T]], seconds: float = DEADLINE_S) -> T:
    async def timed() -> T:
        return await asyncio.wait_for(scene(), seconds)

    return asyncio.run(timed())


def test_bodies_both_ways_to_all_and_to_one(broker: RunningBroker) -> None:
    async def scene() -> None:
        async with links() as made:
            alice, to_alice = await made.open(broker, SEED)
            bob, to_bob = await made.open(broker, SEED)
            carol, to_carol = await made.open(broker, SEED)
            await to_alice.until(sees({bob.address, carol.address}))
            assert to_carol.present == {alice.address, bob.address}
            alice.send([], b"to all")
            await to_bob.until(lambda ear: ear.heard == [(alice.address, b"to all")])
            await to_carol.until(lambda ear: ear.heard == [(alice.address, b"to all")])
            bob.send([alice.address], b"to one")
            await to_alice.until(lambda ear: ear.heard == [(bob.address, b"to one")])
            carol.send([], bytes(SEALED_BYTES))
            await to_alice.until(heard(2))
            await to_bob.until(heard(2))
            assert [len(ear.heard) for ear in (to_alice, to_bob, to_carol)] == [2, 2, 1]
            await carol.close()
            await to_alice.until(sees({bob.address}))
            assert (alice.up, alice.text, carol.up) == (True, "", False)

    play(scene)


def test_an_epoch_changes_under_way(broker: RunningBroker) -> None:
    async def scene() -> None:
        async with links() as made:
            alice, to_alice = await made.open(broker, OTHER)
            bob, to_bob = await made.open(broker, OTHER)
            later = hashlib.sha256(OTHER).digest()
            await alice.attach(later)
            alice.send([], b"while bob is behind")
            await to_bob.until(heard(1))
            await bob.attach(later)
            for link in (alice, bob):
                link.detach(OTHER)
            bob.send([alice.address], b"caught up")
            await to_alice.until(lambda ear: ear.heard == [(bob.address, b"caught up")])
            assert (to_alice.present, to_alice.downs) == ({bob.address}, [])

    play(scene)


def test_sixty_four_at_one_tag(broker: RunningBroker) -> None:
    seed = hashlib.sha256(b"many").digest()

    async def scene() -> None:
        async with links() as made:
            all_of_them = await asyncio.gather(*(made.open(broker, seed) for _ in range(64)))
            addresses = {link.address for link, _ in all_of_them}
            for link, ear in all_of_them:
                await ear.until(sees(addresses - {link.address}))
            for link, _ in all_of_them:
                link.send([], link.address)
            for link, ear in all_of_them:
                await ear.until(heard(63))
                assert sorted(ear.heard) == sorted((each, each) for each in addresses - {link.address})

    play(scene, 2 * DEADLINE_S)


# Strangers -------------------------------------------------------------------------------------------------


def attach(caller: Caller, tag: SigningKey) -> Attached:
    challenged = caller.ask(control.Challenge(r=0))
    assert isinstance(challenged, Challenged)
    signature = sign_attachment(tag, caller.server_key, caller.keys.public, challenged.nonce)
    reply = caller.ask(control.Attach(r=0, tag_key=bytes(tag.verify_key), signature=signature))
    assert isinstance(reply, Attached)
    return reply


def test_a_stranger_neither_attaches_nor_sends_nor_hears(broker: RunningBroker) -> None:
    seed = hashlib.sha256(b"private").digest()
    tag_key = SigningKey(seed).verify_key

    async def scene() -> None:
        async with links() as made:
            alice, to_alice = await made.open(broker, seed)
            bob, to_bob = await made.open(broker, seed)
            with Caller(broker) as eve:
                refused = eve.ask(control.SendSealed(r=0, tag=relay_tag(bytes(tag_key)), to=[], body=b"x"))
                assert refused.code == "access"
                eve.enrol()
                refused = eve.ask(control.SendSealed(r=0, tag=relay_tag(bytes(tag_key)), to=[], body=b"x"))
                assert refused.code == "not_joined"
                challenged = eve.ask(control.Challenge(r=0))
                forged = sign_attachment(SigningKey(OTHER), eve.server_key, eve.keys.public, challenged.nonce)
                assert eve.ask(control.Attach(r=0, tag_key=bytes(tag_key), signature=forged)).code == "invalid"
                alice.send([], b"not for eve")
                await to_bob.until(heard(1))
                eve.tell(control.Ping(r=99))
                assert isinstance(eve.hear(), control.Pong)  # and nothing before it
            assert (to_alice.heard, to_alice.present) == ([], {bob.address})

    play(scene)


def test_a_signature_serves_once_and_one_session(broker: RunningBroker) -> None:
    tag = SigningKey(hashlib.sha256(b"replayed").digest())
    with Caller(broker) as alice, Caller(broker) as eve:
        alice.enrol()
        eve.enrol()
        nonce = alice.ask(control.Challenge(r=0)).nonce
        signature = sign_attachment(tag, alice.server_key, alice.keys.public, nonce)
        request = control.Attach(r=0, tag_key=bytes(tag.verify_key), signature=signature)
        eve.ask(control.Challenge(r=0))
        assert eve.ask(request).code == "invalid"
        attached = alice.ask(request)
        assert isinstance(attached, Attached)
        assert attached.present == []
        assert isinstance(alice.ask(control.Detach(r=0, tag=attached.tag)), Done)
        assert alice.ask(request).code == "invalid"
        assert attach(alice, tag).present == []


def test_an_access_code_is_asked_of_links_too(tmp_path: Path) -> None:
    async def scene() -> None:
        with running(tmp_path / "data", "--access-code", "sesame") as broker:
            async with links() as made:
                with pytest.raises(AccessDenied, match="asks for an access code"):
                    await made.open(broker, SEED)
                with pytest.raises(AccessDenied, match="wrong access code"):
                    await made.open(broker, SEED, code="sesam")
                _, to_alice = await made.open(broker, SEED, code="sesame")
                bob, _ = await made.open(broker, SEED, code="sesame")
                bob.send([], b"in")
                await to_alice.until(lambda ear: ear.heard == [(bob.address, b"in")])

    play(scene)


def test_nobody_there_is_unreachable(tmp_path: Path) -> None:
    async def scene() -> None:
        with running(tmp_path / "data") as broker:
            pass
        async with links() as made:
            with pytest.raises(Unreachable):
                await made.open(broker, SEED)

    play(scene)


# What a broker keeps, and what it survives -----------------------------------------------------------------


def test_the_broker_writes_nothing_of_it_down_and_says_nothing_on_the_bus(tmp_path: Path) -> None:
    tag = SigningKey(SEED).verify_key

    async def scene(broker: RunningBroker) -> list[bytes]:
        async with links() as made:
            alice, _ = await made.open(broker, SEED)
            bob, to_bob = await made.open(broker, SEED)
            alice.send([], b"a body that nobody may keep")
            await to_bob.until(heard(1))
            return [alice.address, bob.address]

    with running(tmp_path / "data", "--log-level", "debug") as broker, Tool(broker) as tool:
        addresses = play(lambda: scene(broker))
        tool.publish("lobby", text="the end")
        assert tool.hear()["text"] == "the end"  # and nothing before it
        said = "".join(stopped(broker))
    kept = said + texts(tmp_path / "data")
    secrets = [b"a body that nobody", relay_tag(bytes(tag)), bytes(tag), *addresses]
    for secret in secrets:
        assert secret.decode("latin-1") not in kept
        assert secret.hex() not in kept


def test_a_killed_broker_comes_back_and_traffic_flows(tmp_path: Path) -> None:
    async def scene() -> None:
        with running(tmp_path / "data") as broker:
            async with links() as made:
                alice, to_alice = await made.open(broker, SEED)
                bob, to_bob = await made.open(broker, SEED)
                alice.send([], b"before")
                await to_bob.until(heard(1))
                broker.kill()
                await to_alice.until(lambda ear: len(ear.downs) == 1)
                assert (alice.up, to_alice.present, alice.text) == (False, set(), to_alice.downs[0])
                alice.send([], b"meanwhile")
                broker.restart()
                for link, ear in ((alice, to_bob), (bob, to_alice)):
                    await ear.until(sees({link.address}, ups=2))
                alice.send([], b"after")
                bob.send([alice.address], b"answer")
                await to_bob.until(lambda ear: b"after" in [body for _, body in ear.heard])
                await to_alice.until(lambda ear: ear.heard == [(bob.address, b"answer")])
                assert (alice.text, bob.text) == ("", "")

    play(scene)


def stalled(caller: Caller, broker: RunningBroker, tag: SigningKey) -> None:
    """An attached session that reads nothing any more: its own queue is full after two frames."""
    caller.socket = caller.calling(zmq.DEALER)
    caller.socket.setsockopt(zmq.RCVHWM, 2)
    caller.socket.setsockopt(zmq.RCVBUF, 64 * 1024)
    caller.socket.connect(f"tcp://{broker.host}:{broker.port}")
    caller.enrol()
    attach(caller, tag)


def test_a_stalled_receiver_slows_nobody_and_costs_little(tmp_path: Path) -> None:
    rounds, body = 96, bytes(64 * 1024)

    async def scene(broker: RunningBroker) -> None:
        async with links() as made:
            alice, _ = await made.open(broker, SEED)
            _, to_bob = await made.open(broker, SEED)
            for turn in range(rounds):
                for _ in range(16):
                    alice.send([], body)
                await to_bob.until(heard(16 * (turn + 1)))
            assert alice.dropped == 0

    with running(tmp_path / "data", "--rate", "100000:1000") as broker, Caller(broker) as slow:
        stalled(slow, broker, SigningKey(SEED))
        at_rest = broker.memory_bytes()
        play(lambda: scene(broker), 2 * DEADLINE_S)
        assert broker.memory_bytes() - at_rest < 3 * RELAY_BEHIND_BYTES + 32 * MIB
        assert slow.event(control.Sealed).body == body  # what had room to wait is there, the rest was dropped
