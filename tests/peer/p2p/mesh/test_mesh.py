"""The mesh over real loopback sockets: who is heard, who is refused, and what comes back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any

import pytest
import zmq

from sandpiper.common.errors import SandpiperError, UsageError
from sandpiper.common.io.sockets import CurveKeys, calling, context
from sandpiper.common.limits import FRAME_BYTES, SUBSCRIPTIONS_PER_CONNECTION
from sandpiper.peer.p2p.mesh.mesh import Candidate
from tests.peer.p2p.nodes import OTHER, TOPIC, Node, acquainted


def on_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Runs the test on a loop of its own, which must not have caught an exception at the end."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        async def watched() -> None:
            faults: list[dict[str, Any]] = []
            asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
            await test(*args, **kwargs)
            assert faults == []

        asyncio.run(watched())

    return run


@asynccontextmanager
async def party(*names: str, bound: bool = True) -> AsyncIterator[list[Node]]:
    nodes = [Node() for _ in names]
    try:
        if bound:
            for node in nodes:
                node.bind()
        yield nodes
    finally:
        for node in nodes:
            node.close()


# Who is heard ------------------------------------------------------------------------------------------------


@on_loop
async def test_three_hear_each_other_and_know_who_speaks() -> None:
    async with party("alice", "bob", "carol") as nodes:
        await acquainted(*nodes)
        for number, node in enumerate(nodes):
            assert node.mesh.subscribers(TOPIC) == 2
            node.say(*(b"%d.%d" % (number, count) for count in range(100)))
        for node in nodes:
            others = [(number, other) for number, other in enumerate(nodes) if other is not node]
            for number, other in others:
                await node.until(lambda node=node, other=other: len(node.of(other)) == 100)  # type: ignore[misc]
                assert node.of(other) == [b"%d.%d" % (number, count) for count in range(100)]


@on_loop
async def test_only_the_topics_that_one_subscribes_to() -> None:
    async with party("alice", "bob") as (alice, bob):
        await acquainted(alice, bob)
        bob.mesh.subscribe([OTHER])
        await alice.until(lambda: alice.heard_by(bob, OTHER))
        await asyncio.wait_for(_until(lambda: alice.mesh.subscribers(TOPIC) == 0), 20)
        alice.say(b"for all")
        alice.say(b"for bob", topic=OTHER)
        await bob.until(lambda: bob.of(alice) == [b"for bob"])
        with pytest.raises(ValueError, match="16 bytes"):
            bob.mesh.subscribe([b"short"])


async def _until(holds: Callable[[], bool]) -> None:
    """For what nobody is told of."""
    while not holds():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


@on_loop
async def test_large_packets_arrive_and_what_no_frame_holds_is_our_own_misuse() -> None:
    async with party("alice", "bob") as (alice, bob):
        await acquainted(alice, bob)
        large = bytes(range(256)) * 2048
        alice.say(large, b"small")
        await bob.until(lambda: len(bob.of(alice)) == 2)
        assert bob.of(alice) == [large, b"small"]
        with pytest.raises(ValueError, match="at most"):
            alice.say(bytes(FRAME_BYTES))


@on_loop
async def test_ipv6_loopback() -> None:
    async with party("alice", "bob") as (alice, bob):
        alice.admit(bob)
        bob.admit(alice)
        bob.mesh.reach(alice.key, alice.at("::1"))
        await bob.until(lambda: bob.up(alice))
        assert bob.mesh.links()[alice.key].address == f"[::1]:{alice.doors.pub}"
        await alice.until(lambda: alice.heard_by(bob))
        alice.say(b"six")
        await bob.until(lambda: bob.of(alice) == [b"six"])


@on_loop
@pytest.mark.parametrize("hosts", [("0.0.0.0", "::"), ("0.0.0.0",)])
async def test_every_address_of_this_machine(hosts: tuple[str, ...]) -> None:
    async with party("alice", "bob", bound=False) as (alice, bob):
        alice.bind(hosts=hosts)
        bob.bind(hosts=hosts)
        await acquainted(alice, bob)
        six = Node()
        try:
            alice.admit(six)
            six.mesh.reach(alice.key, alice.at("::1"))
            await six.until(lambda: six.up(alice))
        finally:
            six.close()


@on_loop
async def test_who_can_only_connect_outward_hears_and_is_heard() -> None:
    async with party("alice", "bob", bound=False) as (alice, bob):
        alice.bind()
        alice.admit(bob)
        bob.meet(alice, outward=True)
        await bob.until(lambda: bob.up(alice) and bob.heard_by(alice))
        await alice.until(lambda: alice.heard_by(bob))
        assert bob.mesh.subscribers(TOPIC) == 1
        alice.say(b"do you hear me?")
        await bob.until(lambda: bob.of(alice) == [b"do you hear me?"])
        bob.say(b"I do", b"loud and clear")
        await alice.until(lambda: alice.of(bob) == [b"I do", b"loud and clear"])
        assert bob.mesh.links()[alice.key].outward == f"127.0.0.1:{alice.doors.sub}"
        alice.mesh.subscribe([OTHER])
        await bob.until(lambda: bob.heard_by(alice, OTHER))
        bob.mesh.reach(alice.key, alice.at(), outward=False)
        assert bob.mesh.links()[alice.key].outward is None
        assert bob.mesh.subscribers(OTHER) == 0


# Who is refused ----------------------------------------------------------------------------------------------


@on_loop
async def test_a_stranger_is_refused_at_both_doors() -> None:
    async with party("alice", "mallory") as (alice, mallory):
        mallory.meet(alice, outward=True)
        await mallory.until(lambda: "refused: it does not know us" in mallory.error(alice))
        await asyncio.wait_for(
            _until(lambda: "refused: it does not know us" in mallory.mesh.links()[alice.key].outward_error), 20
        )
        mallory.say(b"let me in")
        alice.say(b"a secret")
        await asyncio.wait_for(_until(lambda: alice.mesh.refused >= 4), 20)
        assert alice.packets == mallory.packets == []
        assert alice.mesh.subscribers(TOPIC) == 0


@on_loop
@pytest.mark.parametrize("kind", [zmq.SUB, zmq.PUB])
async def test_no_key_at_all_is_refused_at_both_doors(kind: int) -> None:
    async with party("alice") as (alice,):
        with context() as own, own.socket(kind) as stranger:
            monitor = stranger.get_monitor_socket(zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED)
            stranger.setsockopt(zmq.LINGER, 0)
            door = alice.doors.pub if kind == zmq.SUB else alice.doors.sub
            stranger.connect(f"tcp://127.0.0.1:{door}")
            event = int.from_bytes((await _poll(monitor))[0][:2], "little")
            assert event == zmq.EVENT_DISCONNECTED
            stranger.disable_monitor()
            monitor.close()


async def _poll(socket_: zmq.Socket[bytes]) -> list[bytes]:
    """The next message, while the loop goes on."""
    while True:
        try:
            return socket_.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            await asyncio.sleep(0.01)


@on_loop
async def test_another_servers_key_is_refused() -> None:
    async with party("alice", "bob", "mallory") as (alice, bob, mallory):
        mallory.admit(bob)
        bob.mesh.reach(alice.key, mallory.at(), outward=True)
        await bob.until(lambda: "somebody else answers there" in bob.error(alice))
        assert not bob.packets


@on_loop
async def test_somebody_who_is_admitted_late_is_in_soon() -> None:
    async with party("alice", "bob") as (alice, bob):
        bob.meet(alice, outward=True)
        await bob.until(lambda: "refused" in bob.error(alice))
        await asyncio.wait_for(_until(lambda: alice.mesh.refused >= 8), 20)
        alice.admit(bob)
        await bob.until(lambda: bob.up(alice) and bob.heard_by(alice), deadline_s=3.0)


@on_loop
async def test_a_member_who_knocks_is_tried_again_at_once() -> None:
    async with party("alice", "bob", bound=False) as (alice, bob):
        alice.bind()
        bob.bind()
        doors = bob.doors
        bob.close()
        alice.admit(bob)
        alice.mesh.reach(bob.key, bob.at())
        await alice.until(lambda: "refused" in alice.error(bob))
        await asyncio.wait_for(_until(lambda: len(alice.mesh._peers[bob.key].incoming._naps) > 0), 20)
        again = Node(bob.keys)
        try:
            again.bind(doors.pub)
            again.meet(alice)
            await alice.until(lambda: alice.up(bob) and alice.heard_by(bob), deadline_s=3.0)
        finally:
            again.close()


# What comes back ---------------------------------------------------------------------------------------------


@on_loop
async def test_a_kicked_member_is_cut_and_the_others_are_back_in_half_a_second() -> None:
    async with party("alice", "bob", "mallory") as (alice, bob, mallory):
        await acquainted(alice, bob, mallory)
        alice.roster.discard(mallory.key)
        alice.mesh.drop(mallory.key)
        alice.subscribers.clear()
        started = alice.loop.time()
        alice.mesh.rebind()
        alice.mesh.rebind()  # two are kicked
        await alice.until(lambda: alice.heard_by(bob), deadline_s=1.5)
        took = alice.loop.time() - started
        await mallory.until(lambda: "refused: it does not know us" in mallory.error(alice))
        await bob.until(lambda: bob.up(alice))
        alice.say(b"she is gone")
        await bob.until(lambda: bob.of(alice) == [b"she is gone"])
        assert mallory.packets == []
        assert alice.mesh.subscribers(TOPIC) == 1
        assert took < 1.0, f"bob was back after {took:.2f} s"


@on_loop
async def test_a_member_who_restarts_at_the_same_ports_is_back() -> None:
    async with party("alice", "bob", bound=False) as (alice, bob):
        alice.bind()
        bob.bind()
        doors, keys = bob.doors, bob.keys
        await acquainted(alice, bob)
        bob.close()
        await alice.until(lambda: not alice.up(bob))
        again = Node(keys)
        try:
            again.bind(doors.pub)
            assert again.doors == doors
            again.meet(alice)
            await alice.until(lambda: alice.up(again))
            await again.until(lambda: again.heard_by(alice))
            again.say(b"back")
            await alice.until(lambda: alice.of(again) == [b"back"])
        finally:
            again.close()


@pytest.fixture
def lingers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is queued has all the time that a busy machine may need to send it."""
    for module in ("connection", "listeners"):
        monkeypatch.setattr(f"sandpiper.peer.p2p.mesh.{module}.MESH_LINGER_S", 20.0)


@pytest.mark.usefixtures("lingers")
@on_loop
async def test_last_words_are_heard() -> None:
    for _ in range(20):
        async with party("alice", "bob") as (alice, bob):
            await acquainted(alice, bob)
            alice.say(b"goodbye")
            alice.close()
            await bob.until(lambda bob=bob, alice=alice: bob.of(alice) == [b"goodbye"])  # type: ignore[misc]
            await bob.until(lambda bob=bob, alice=alice: not bob.up(alice))  # type: ignore[misc]


@pytest.mark.usefixtures("lingers")
@on_loop
async def test_the_last_words_of_somebody_outward_are_heard() -> None:
    async with party("alice", "bob", bound=False) as (alice, bob):
        alice.bind()
        alice.admit(bob)
        bob.meet(alice, outward=True)
        await bob.until(lambda: bob.heard_by(alice))
        bob.say(b"goodbye")
        bob.close()
        await alice.until(lambda: alice.of(bob) == [b"goodbye"])


@on_loop
async def test_a_dropped_peer_is_heard_no_more() -> None:
    async with party("alice", "bob") as (alice, bob):
        await acquainted(alice, bob)
        bob.mesh.drop(alice.key)
        assert alice.key not in bob.mesh.links()
        await asyncio.wait_for(_until(lambda: alice.mesh.subscribers(TOPIC) == 0), 20)
        alice.say(b"anybody?")
        bob.meet(alice)
        await bob.until(lambda: bob.up(alice))
        await asyncio.wait_for(_until(lambda: alice.mesh.subscribers(TOPIC) == 1), 20)
        alice.say(b"there you are")
        await bob.until(lambda: bob.of(alice) == [b"there you are"])


@on_loop
async def test_held_packets_wait() -> None:
    async with party("alice", "bob", "carol") as (alice, bob, carol):
        await acquainted(alice, bob, carol)
        bob.mesh.pause(alice.key, True)
        alice.say(b"later")
        carol.say(b"now")
        await bob.until(lambda: bob.of(carol) == [b"now"])
        assert bob.of(alice) == []
        bob.mesh.pause(alice.key, False)
        await bob.until(lambda: bob.of(alice) == [b"later"])
        bob.mesh.pause(None, True)
        carol.say(b"and then")
        await carol.until(lambda: carol.of(alice) == [b"later"])
        bob.mesh.pause(None, False)
        await bob.until(lambda: bob.of(carol) == [b"now", b"and then"])


# Addresses ---------------------------------------------------------------------------------------------------


@on_loop
async def test_the_first_address_whose_handshake_completes_is_taken() -> None:
    """One that swallows, one that refuses, one where somebody else is, one that is none; then the right one."""
    silent = socket.create_server(("127.0.0.1", 0))
    async with party("alice", "bob", "mallory") as (alice, bob, mallory):
        alice.admit(bob)
        wrong = [
            Candidate("127.0.0.1", silent.getsockname()[1], 1),
            Candidate("127.0.0.1", 1, 1),
            *mallory.at(),
            Candidate("not an address", 5000, 5001),
            Candidate("127.0.0.1", 0, 70000),
            Candidate("224.0.0.1", 5000, 5001),
            Candidate("fe80::1%lo", 5000, 5001),
        ]
        bob.mesh.reach(alice.key, [*wrong, *alice.at()])
        await bob.until(lambda: bob.up(alice), deadline_s=2.0)
        errors = " ".join(text for _, _, text in bob.states)
        assert "127.0.0.1:1: connection refused" in errors
        assert f"127.0.0.1:{mallory.doors.pub}: closed in the handshake: somebody else answers there" in errors
        assert "not an address" not in errors
    silent.close()


@on_loop
async def test_with_other_addresses_it_moves_over() -> None:
    async with party("alice", "bob") as (alice, bob):
        await acquainted(alice, bob)
        at_first = bob.mesh.links()[alice.key].address
        bob.mesh.reach(alice.key, [Candidate("127.0.0.1", 1, 1)])
        await asyncio.wait_for(_until(lambda: bool(bob.mesh._peers[alice.key].incoming._errors)), 20)
        assert bob.mesh.links()[alice.key].address == at_first, "the old line is kept while there is no new one"
        bob.mesh.reach(alice.key, [Candidate("127.0.0.1", 1, 1), *alice.at("::1")])
        await bob.until(lambda: bob.mesh.links()[alice.key].address == f"[::1]:{alice.doors.pub}")
        alice.say(b"moved")
        await bob.until(lambda: b"moved" in bob.of(alice))
        await asyncio.wait_for(_until(lambda: alice.mesh.subscribers(TOPIC) == 1), 20)


@on_loop
async def test_hurry_gives_up_what_comes_from_an_address_that_is_gone() -> None:
    async with party("alice", "bob") as (alice, bob):
        await acquainted(alice, bob)
        bob.states.clear()
        bob.mesh.retry_now({"192.0.2.77"})
        assert bob.up(alice)
        bob.mesh.retry_now({"127.0.0.1"})
        assert not bob.up(alice)
        await bob.until(lambda: bob.up(alice), deadline_s=3.0)
        assert [(up, error) for _, up, error in bob.states] == [(False, "this machine's address changed"), (True, "")]


@on_loop
async def test_nobody_connects_to_themselves() -> None:
    async with party("alice") as (alice,):
        alice.meet(alice)
        assert alice.mesh.links() == {}
        alice.mesh.reach(CurveKeys.make().public, alice.at("127.0.0.1", "::1"))
        (link,) = alice.mesh.links().values()
        assert link.error == "no address is known"


# Bad company -------------------------------------------------------------------------------------------------


@on_loop
async def test_a_members_rubbish_is_counted_and_hurts_nobody() -> None:
    async with party("alice", "bob") as (alice, bob):
        await acquainted(alice, bob)
        keys = CurveKeys.make()
        alice.roster.add(keys.public)
        with (
            context() as own,
            calling(own, zmq.PUB, keys, alice.key) as pub,
            calling(own, zmq.XSUB, keys, alice.key) as sub,
        ):
            pub.connect(f"tcp://127.0.0.1:{alice.doors.sub}")
            sub.connect(f"tcp://127.0.0.1:{alice.doors.pub}")
            sub.send(b"\x02 what is this?")
            sub.send(b"")

            async def badly() -> None:
                while alice.mesh.malformed < 3 or not any(key == keys.public for key, _ in alice.packets):
                    pub.send(TOPIC)
                    pub.send_multipart([TOPIC + b"two", b"parts"])
                    pub.send(TOPIC + b"fine")
                    await asyncio.sleep(0.01)

            await asyncio.wait_for(badly(), 20)
        assert {packet for key, packet in alice.packets if key == keys.public} == {b"fine"}
        alice.say(b"still here")
        await bob.until(lambda: bob.of(alice) == [b"still here"])


@on_loop
async def test_who_subscribes_to_too_much_is_cut() -> None:
    async with party("alice", "bob") as (alice, bob):
        await acquainted(alice, bob)
        keys = CurveKeys.make()
        alice.roster.add(keys.public)
        with context() as own, calling(own, zmq.XSUB, keys, alice.key) as sub:
            sub.connect(f"tcp://127.0.0.1:{alice.doors.pub}")
            for number in range(SUBSCRIPTIONS_PER_CONNECTION + 10):
                sub.send(b"\x01" + number.to_bytes(16, "big"))
            await asyncio.wait_for(_until(lambda: alice.mesh.cut > 0), 20)
        alice.say(b"still here")
        await bob.until(lambda: bob.of(alice) == [b"still here"])


# MeshPorts -------------------------------------------------------------------------------------------------------


@on_loop
async def test_a_port_that_is_taken_or_none_is_said_so() -> None:
    async with party("alice", "bob", bound=False) as (alice, bob):
        alice.bind()
        with pytest.raises(SandpiperError, match="is in use"):
            bob.bind(alice.doors.pub)
        with pytest.raises(SandpiperError, match="is in use"):
            bob.bind(alice.doors.pub - 1)
        with pytest.raises(UsageError, match="no two ports"):
            bob.bind(65535)
        with pytest.raises(UsageError, match="not an address"):
            bob.bind(hosts=("localhost",))
        with pytest.raises(SandpiperError, match="no address"):
            bob.bind(hosts=("203.0.113.9",))
        bob.bind()
        assert bob.doors.sub == bob.doors.pub + 1
        assert 20_000 <= bob.doors.pub < 32_000
        await acquainted(alice, bob)


@on_loop
async def test_closing_in_the_middle_of_everything_leaves_nothing_behind() -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    async with party("alice", "bob") as (alice, bob):
        bob.meet(alice)
        bob.mesh.reach(CurveKeys.make().public, [Candidate("127.0.0.1", silent.getsockname()[1], 1)], outward=True)
        await bob.until(lambda: bool(bob.states))
        bob.mesh.rebind()
        bob.close()
        bob.mesh.close()
        bob.mesh.reach(alice.key, alice.at())
        bob.say(b"into the void")
        await bob.mesh.ended()
        assert asyncio.all_tasks() == {asyncio.current_task()}
    silent.close()
