"""However starved a room was: once all is healed it is one room, with one history; what nobody has is called lost."""

from __future__ import annotations

import contextlib
from collections import Counter

import pytest

from sandpiper.common.errors import Refusal
from sandpiper.common.messages import Lost
from sandpiper.common.p2p.envelope import TALK
from sandpiper.peer.events import Found, Received
from sandpiper.peer.p2p.state.peer import Way
from tests.peer.p2p.simnet import Citizen, Weather
from tests.peer.p2p.starved import Host, StarvedTown

HEALED_S = 30.0


class Chaos:
    """What befalls a town, from a seed."""

    def __init__(self, seed: int, hosts: int = 5) -> None:
        self.town = StarvedTown(seed, hosts)
        self.dice = self.town.dice
        self.said: Counter[str] = Counter()
        for host in self.town.hosts[1:]:
            host.up = False
            self.town.start(host)
            self.town.settle(0.3)
        self.town.until_all_inside(20.0)

    def run(self, steps: int = 60) -> None:
        town, dice = self.town, self.dice
        town.weather = Weather(drop=dice.choice([0.0, 0.05, 0.3]), repeat=0.05, delay_s=dice.choice([0.0, 0.3]))
        town.sponsor_dies = dice.choice([0.0, 0.3])
        deeds = [self.post] * 8 + [self.kill] * 3 + [self.freeze] * 3 + [self.part] * 4
        deeds += [self.pull, self.split, self.leave, self.discovery, self.relay]
        deeds += dice.choice([[], [self.kick], [self.change_code]])
        for _ in range(steps):
            dice.choice(deeds)()
            town.settle(dice.choice([0.05, 0.3, 1.0, 2.0]))

    def heal(self) -> None:
        self.town.heal()
        self.town.until_all_inside(60.0)
        for _ in range(3):
            for host in self.town.inside:
                self.say(host)
        self.town.settle(HEALED_S)

    # What befalls ------------------------------------------------------------------------------------------

    def say(self, host: Host) -> None:
        if host.citizen is not None:
            self.said[host.citizen.name] += 1
            self.town.post(host.citizen, f"{host.citizen.name} {self.said[host.citizen.name]}")

    def post(self) -> None:
        for host in self.town.running:
            for _ in range(self.dice.choice([0, 1, 3])):
                self.say(host)

    def kill(self) -> None:
        if len(self.town.running) > 2:
            host = self.dice.choice(self.town.running)
            self.town.kill(host)
            self.town.later(self.dice.choice([0.1, 2.0, 8.0, 20.0]), lambda: self.town.start(host))

    def leave(self) -> None:
        if len(self.town.running) > 2:
            host = self.dice.choice(self.town.running)
            self.town.leave(host)
            self.town.later(self.dice.choice([0.1, 2.0, 8.0]), lambda: self.town.start(host))

    def freeze(self) -> None:
        if len(self.town.running) > 2:
            host = self.dice.choice(self.town.running)
            self.town.freeze(host)
            self.town.later(self.dice.choice([0.5, 4.0, 15.0]), lambda: self._wake(host))

    def _wake(self, host: Host) -> None:
        if host.frozen:
            self.town.wake(host)

    def part(self) -> None:
        pair = frozenset(host.name for host in self.dice.sample(self.town.hosts, 2))
        self.town.parted.add(pair)
        self.town.later(self.dice.choice([4.0, 10.0, 18.0]), lambda: self.town.parted.discard(pair))

    def split(self) -> None:
        half = self.dice.sample(self.town.hosts, 2)
        pairs = {frozenset((a.name, b.name)) for a in half for b in self.town.hosts if b not in half}
        self.town.parted |= pairs
        self.town.relay_up = self.dice.random() < 0.5
        self.town.later(16.0, lambda: self.town.parted.difference_update(pairs))

    def pull(self) -> None:
        host = self.dice.choice(self.town.hosts)
        host.plugged = False
        self.town.later(self.dice.choice([3.0, 10.0, 18.0]), lambda: setattr(host, "plugged", True))

    def kick(self) -> None:
        """By whoever may. The person comes back as another."""
        host, other = self.dice.sample(self.town.inside, 2) if len(self.town.inside) > 1 else (None, None)
        if host is not None and host.citizen is not None and not host.frozen and other and other.citizen:
            with contextlib.suppress(Refusal):
                host.citizen.member.removals.kick(other.citizen.member.keyring.fingerprint)
            self.town.collect(host.citizen)

    def change_code(self) -> None:
        """By whoever may."""
        host = self.dice.choice(self.town.running)
        assert host.citizen is not None
        with contextlib.suppress(Refusal):
            host.citizen.member.removals.change_code()
        self.town.collect(host.citizen)

    def discovery(self) -> None:
        if self.town.discovery_up:
            self.town.discovery_up = False
            self.town.later(self.dice.choice([1.0, 20.0]), self.town.restart_discovery)

    def relay(self) -> None:
        self.town.relay_up = False
        self.town.later(self.dice.choice([1.0, 20.0]), lambda: setattr(self.town, "relay_up", True))


class LongChaos(Chaos):
    """Partings that outlast the patience of who lacks something, and words of which each part has others."""

    def run(self, steps: int = 100) -> None:
        town, dice = self.town, self.dice
        town.weather = Weather(drop=dice.choice([0.0, 0.05, 0.3]), repeat=0.05, delay_s=dice.choice([0.0, 0.3]))
        deeds = [self.post] * 8 + [self.kill] * 2 + [self.part] * 2 + [self.split] * 2 + [self.last_words] * 3
        deeds += [self.freeze, self.pull, self.leave, self.relay]
        for _ in range(steps):
            dice.choice(deeds)()
            town.settle(dice.choice([0.05, 0.3, 1.0, 2.0]))

    def last_words(self) -> None:
        """Both parts hear some of them, and then nothing more."""
        town = self.town
        if len(town.running) < 3:
            return
        host, weather = self.dice.choice(town.running), town.weather
        self.split()
        town.parted = {pair for pair in town.parted if host.name not in pair}
        town.weather = Weather(drop=0.6)
        for _ in range(4):
            self.say(host)
        town.weather = weather
        town.settle(0.002)
        town.kill(host)
        town.later(self.dice.choice([2.0, 20.0, 45.0]), lambda: town.start(host))

    def part(self) -> None:
        pair = frozenset(host.name for host in self.dice.sample(self.town.hosts, 2))
        self.town.parted.add(pair)
        self.town.later(self.dice.choice([10.0, 25.0, 40.0]), lambda: self.town.parted.discard(pair))

    def split(self) -> None:
        half = self.dice.sample(self.town.hosts, self.dice.choice([1, 2]))
        pairs = {frozenset((a.name, b.name)) for a in half for b in self.town.hosts if b not in half}
        self.town.parted |= pairs
        self.town.relay_up = self.dice.random() < 0.3
        self.town.later(self.dice.choice([16.0, 30.0, 50.0]), lambda: self.town.parted.difference_update(pairs))


def check(chaos: Chaos) -> list[str]:
    """What is wrong."""
    town = chaos.town
    wrong: list[str] = []
    here = [host.citizen for host in town.hosts if host.citizen is not None]
    if len(here) < len(town.hosts):
        wrong.append(f"outside: {[host.name for host in town.hosts if host.citizen is None]}")
    for one in here:
        for other in here:
            if one is not other:
                wrong += _deaf(one, other, town.now)
    for what, found in (
        ("rosters", {each.member.deeds.digest for each in here}),
        ("codes", {str(each.member.context.code) for each in here}),
        ("epochs", {each.member.keyring.epoch.id for each in here}),
    ):
        if len(found) > 1:
            wrong.append(f"{len(found)} {what}")
    return wrong + _histories(here)


def _deaf(one: Citizen, other: Citizen, now: float) -> list[str]:
    peer = one.member.peers.get(other.keys.session)
    if peer is None:
        return [f"{one.name} does not know {other.name}"]
    heard = max(peer.heard.get(Way.MESH, 0.0), peer.heard.get(Way.RELAY, 0.0))
    return [] if peer.here and now - heard < 3.0 else [f"{one.name} does not hear {other.name}: {peer.state}"]


def _histories(here: list[Citizen]) -> list[str]:
    wrong: list[str] = []
    shown: dict[str, dict[bytes, list[int]]] = {}
    lost: dict[str, Counter[bytes]] = {}
    for each in here:
        member = each.member
        persons = {member.names.fingerprint_of(session): session for session in member.roster.known}
        logs = shown[each.name] = {}
        in_order: dict[bytes, list[int]] = {}
        for event in each.events:
            if isinstance(event, Received):
                session = persons[event.message.from_ or ""]
                logs.setdefault(session, []).append(event.message.seq)
                if not event.late:
                    in_order.setdefault(session, []).append(event.message.seq)
        wrong += [f"{each.name} has disorder: {seqs}" for seqs in in_order.values() if seqs != sorted(seqs)]
        lost[each.name] = Counter()
        for event in each.events:
            if isinstance(event, Lost):
                lost[each.name][persons[event.from_ or ""]] += event.count
            elif isinstance(event, Found):
                lost[each.name][persons[event.from_ or ""]] -= event.count
    for session in {session for logs in shown.values() for session in logs}:
        union = {seq for logs in shown.values() for seq in logs.get(session, [])}
        for each in here:
            seqs = shown[each.name].get(session, [])
            name = next((who.name for who in here if who.keys.session == session), session.hex()[:6])
            if len(seqs) != len(set(seqs)):
                wrong.append(f"{each.name} has doubles in {name}: {seqs}")
            gaps = max(seqs, default=0) - len(set(seqs))
            if gaps != lost[each.name][session]:
                wrong.append(f"{each.name}: {gaps} gaps in {name}, {lost[each.name][session]} called lost")
            if lacking := union - set(seqs):
                wrong.append(f"{each.name} lacks {sorted(lacking)} of {name}")
            track = each.member.replica.tracks.get((session, TALK))
            if track is not None and track.repair.frontier.holding:
                wrong.append(f"{each.name} keeps back what it holds of {name}")
    return wrong


def story(seed: int, kind: type[Chaos] = Chaos) -> list[str]:
    chaos = kind(seed)
    chaos.run()
    chaos.heal()
    return check(chaos)


@pytest.mark.parametrize("seed", [6, 8, 9, 14, 16, 17, 21, 39, 41, 102, 229])
def test_a_starved_room_is_one_again(seed: int) -> None:
    assert story(seed) == []


@pytest.mark.parametrize("seed", [7, 11, 19, 20])
def test_what_the_parts_of_a_room_have_given_up_is_everybodys_once_it_is_one_again(seed: int) -> None:
    assert story(seed, LongChaos) == []
