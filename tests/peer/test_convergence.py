"""Whatever the link does, both ends converge: every acknowledged message reaches every member once, in order."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandpiper.peer.events import Delivered
from tests.net import Client, Net, Weather

CHANCE = st.floats(0, 0.6)


def assert_converged(net: Net, clients: list[Client], sent: int) -> None:
    seqs = list(range(1, sent + 1))
    logs = [[(message.seq, message.id) for message in client.heard] for client in clients]
    for client in clients:
        assert client.seqs == seqs
        assert client.session.outbox.empty
    assert all(log == logs[0] for log in logs)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 1 << 32),
    drop=CHANCE,
    repeat=CHANCE,
    delay_s=st.sampled_from([0.0, 0.001, 0.2, 3.0]),
    one_port=st.booleans(),
)
def test_whatever_the_link_does(seed: int, drop: float, repeat: float, delay_s: float, one_port: bool) -> None:
    net = Net(seed, Weather(drop, repeat, delay_s))
    clients = [net.client("alice"), net.client("bob"), net.client("carol", bus=not one_port)]
    net.settle(1)
    for number in range(30):
        net.post(clients[number % 3], f"message {number}")
    net.settle(300)
    assert_converged(net, clients, 30)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 1 << 32),
    drop=CHANCE,
    deeds=st.lists(st.sampled_from(["post", "cut", "kill", "wait"]), max_size=30),
)
def test_whatever_breaks(seed: int, drop: float, deeds: list[str]) -> None:
    net = Net(seed, Weather(drop=drop, delay_s=0.05))
    clients = [net.client("alice"), net.client("bob")]
    net.settle(1)
    sent = 0
    for deed in deeds:
        client = net.random.choice(clients)
        if deed == "post":
            net.post(client, f"message {sent}")
            sent += 1
        elif deed == "cut":
            net.cut(client)
        elif deed == "kill":
            net.start_broker()
        else:
            net.settle(0.3)
        if not client.online and net.random.random() < 0.5:
            net.connect(client)
    for client in clients:
        if not client.online:
            net.connect(client)
    net.settle(300)
    assert_converged(net, clients, sent)
    for client in clients:
        delivered = [event.id for event in client.events if isinstance(event, Delivered)]
        assert len(delivered) == len(set(delivered))
