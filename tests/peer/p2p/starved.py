"""A starved town: hosts that freeze, die, come back as other sessions, are parted and unplugged; seeded, in fake time.

What the shells do around the member is here in short: doors that admit who is on the roster and whose card is known, a
relay at the epoch's tag, and a discovery service with leases, letters and restarts.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from sandpiper.common.codes import RoomCode
from sandpiper.common.limits import BATCH_HWM, LEASE_S, RENEW_S
from sandpiper.common.p2p import packets
from sandpiper.peer.events import CodeChanged
from sandpiper.peer.p2p.admission.joiner import Joiner
from sandpiper.peer.p2p.bootstrap import enter_room
from sandpiper.peer.p2p.state.keyring import SessionKeys
from sandpiper.peer.p2p.state.outputs import MemberSettings, NewCard, NewEpoch
from sandpiper.peer.p2p.state.peer import Way
from tests.peer.p2p.simnet import CODE, Citizen, Town, Weather

LOST_INBOX = BATCH_HWM
"""Packets that wait for a frozen host; what is over it is lost, as at a queue's high-water mark."""


@dataclass(eq=False)
class Host:
    """A machine, and the session on it: none while it is dead or still outside."""

    name: str
    citizen: Citizen | None = None
    joining: Joiner | None = None
    keys: SessionKeys | None = None
    mailbox: bytes = b""
    frozen: bool = False
    plugged: bool = True
    up: bool = True
    inbox: list[Callable[[], None]] = field(default_factory=list)
    renew_at: float = 0.0
    born: int = 0


@dataclass(eq=False)
class Lease:
    """Of one session, at the discovery service."""

    host: Host
    mailbox: bytes
    group: bytes
    blob: bytes
    until: float


class StarvedTown(Town):
    """`hosts` by name, each with at most one session at a time. `all` has every session that ever was inside."""

    def __init__(self, seed: int, count: int) -> None:
        super().__init__(seed)
        self.dice = random.Random(seed)
        self.hosts = [Host(f"h{number}") for number in range(count)]
        self.of: dict[str, Host] = {}
        self.parted: set[frozenset[str]] = set()
        self.leases: list[Lease] = []
        self.discovery_up = self.relay_up = True
        self.code = CODE
        self.sponsor_dies = 0.0
        first = self.hosts[0]
        first.citizen = self.found(self._name(first), history="all")
        self._inside(first, first.citizen)

    def _name(self, host: Host) -> str:
        host.born += 1
        name = f"{host.name}.{host.born}"
        self.of[name] = host
        return name

    def _inside(self, host: Host, citizen: Citizen) -> None:
        host.citizen, host.mailbox = citizen, citizen.mailbox
        citizen.relay = True
        citizen.member.cards.change(hosts=["192.0.2.1"], pub=1, sub=2, relays={"relay:1": citizen.mailbox})
        host.renew_at = self.now
        self.collect(citizen)

    # Who is there ------------------------------------------------------------------------------------------

    @property
    def inside(self) -> list[Host]:
        return [host for host in self.hosts if host.citizen is not None]

    @property
    def running(self) -> list[Host]:
        return [host for host in self.inside if not host.frozen]

    def _awake(self) -> list[Citizen]:
        return [host.citizen for host in self.running if host.citizen is not None]

    def start(self, host: Host) -> None:
        """A new process, which wants in."""
        if not host.up:
            host.up = True
            self._knock(host)

    def kill(self, host: Host) -> None:
        """Without a word."""
        if host.citizen is not None:
            host.citizen.dead = True
        host.citizen, host.joining, host.frozen, host.up = None, None, False, False
        host.inbox.clear()

    def leave(self, host: Host) -> None:
        """With a goodbye."""
        citizen = host.citizen
        if citizen is not None:
            citizen.member.gossip.say_goodbye()
            self.collect(citizen)
            self.leases = [lease for lease in self.leases if lease.host is not host]
        self.kill(host)

    def freeze(self, host: Host) -> None:
        host.frozen = True

    def wake(self, host: Host) -> None:
        """Its clock may ring before it reads what has come, or after."""
        host.frozen = False
        inbox, host.inbox = host.inbox, []
        if self.dice.random() < 0.5 and host.citizen is not None:
            host.citizen.member.handle_timer(self.now)
            self.collect(host.citizen)
        for call in inbox:
            call()

    def _reads(self, host: Host, call: Callable[[], None]) -> None:
        if not host.frozen:
            call()
        elif len(host.inbox) < LOST_INBOX:
            host.inbox.append(call)

    # Packets -----------------------------------------------------------------------------------------------

    def _send(self, citizen: Citizen, other: Citizen, packet: bytes) -> None:
        one, two = self.of[citizen.name], self.of[other.name]
        known = citizen.member.peers.get(other.keys.session)
        knows = other.member.peers.get(citizen.keys.session)
        if not (one.plugged and two.plugged):
            return
        if (
            frozenset((one.name, two.name)) not in self.parted
            and knows is not None
            and knows.card is not None
            and citizen.member.presence.admits(other.keys.curve)
        ):
            self._by(citizen, other, packet, Way.MESH)
        if self.relay_up and known is not None and known.card is not None and known.wants_relay(self.now):
            self._by(citizen, other, packet, Way.RELAY)

    def arrive(self, sender: Citizen, other: Citizen, packet: bytes, way: Way) -> None:
        if not other.dead:
            self._reads(self.of[other.name], partial(self._receive, sender, other, packet, way))

    def _receive(self, sender: Citizen, other: Citizen, packet: bytes, way: Way) -> None:
        if other.dead:
            return
        other.member.receive(packet, way, self.now, sender.keys.curve if way is Way.MESH else None)
        other.member.settle(self.now)
        self.collect(other)

    def collect(self, citizen: Citizen) -> None:
        moved = any(isinstance(each, NewCard | NewEpoch) for each in citizen.member.context.commands)
        super().collect(citizen)
        letters, citizen.letters = citizen.letters, []
        for _, mailbox, body in letters:
            if self._reaches_discovery(self.of[citizen.name]):
                self.later(self.dice.uniform(0.001, 0.05), partial(self._letter_to_member, None, mailbox, body))
        host = self.of.get(citizen.name)
        if host is not None and moved:
            host.renew_at = self.now
        for event in citizen.events[-8:]:
            if isinstance(event, CodeChanged) and event.code != str(self.code):
                self.code = citizen.member.context.code

    # Discovery ---------------------------------------------------------------------------------------------

    def _reaches_discovery(self, host: Host) -> bool:
        return self.discovery_up and host.plugged and not host.frozen

    def restart_discovery(self) -> None:
        """It has forgotten everything; the members are back within a few seconds."""
        self.discovery_up, self.leases = True, []
        for host in self.hosts:
            host.renew_at = self.now + self.dice.uniform(0.2, 5.0)

    def _look_after_leases(self) -> None:
        before = {lease.mailbox for lease in self.leases}
        self.leases = [lease for lease in self.leases if lease.until > self.now]
        for host in self.running:
            if host.renew_at > self.now or host.citizen is None:
                continue
            if not self._reaches_discovery(host):
                host.renew_at = self.now + 2.0
                continue
            member = host.citizen.member
            host.renew_at = self.now + RENEW_S
            epoch = member.keyring.epoch
            blob = packets.seal_card(epoch, self.random.randbytes(24), member.cards.sign())
            group = bytes(epoch.registration.verify_key)
            self.leases = [lease for lease in self.leases if lease.mailbox != host.mailbox]
            self.leases.append(Lease(host, host.mailbox, group, blob, self.now + LEASE_S))
            self._tell_cards(host, group)
        if before != {lease.mailbox for lease in self.leases}:
            for host in self.running:
                if host.citizen is not None and self._reaches_discovery(host):
                    self._tell_cards(host, bytes(host.citizen.member.keyring.epoch.registration.verify_key))

    def _tell_cards(self, host: Host, group: bytes) -> None:
        assert host.citizen is not None
        member = host.citizen.member
        others = [lease for lease in self.leases if lease.group == group and lease.host is not host]
        leased = {lease.mailbox: member.cards.read_lease(lease.blob) for lease in others}
        member.reunion.leased("discovery", leased, self.now)
        member.presence.lease(set(leased.values()))
        self.collect(host.citizen)

    # Coming in ---------------------------------------------------------------------------------------------

    def _knock(self, host: Host) -> None:
        if not host.up or host.citizen is not None:
            return
        boxes = [("", lease.mailbox) for lease in self.leases if lease.host.plugged and lease.host is not host]
        if not boxes or not self._reaches_discovery(host):
            self.later(1.0, partial(self._knock, host))
            return
        self.dice.shuffle(boxes)
        host.keys = self._keys(None)
        host.mailbox = self.random.randbytes(16)
        host.joining = Joiner(
            [boxes[:8]],
            nameplate=self.code.nameplate,
            words=self.code.secret,
            password=None,
            apply=partial(self._apply, host.keys, host.name),
            entropy=self.random.randbytes,
            now=self.now,
        )
        self._go_on(host)

    def _apply(self, keys: SessionKeys, nick: str, room: bytes):  # type: ignore[no-untyped-def]  # noqa: ANN202
        from sandpiper.common.p2p.admission import Application
        from sandpiper.common.p2p.packets import Card, Carded, Signed

        card = Card(keys.session, 0, nick, hosts=["192.0.2.1"], pub=1, sub=2)
        body = packets.encode(Carded(0, card))
        return Application(keys.vouched(room), Signed(keys.session, body, _signed(keys, room, body)))

    def _go_on(self, host: Host) -> None:
        joiner = host.joining
        if joiner is None:
            return
        letters, joiner.letters = joiner.letters, []
        for (_, mailbox), body in letters:
            if self._reaches_discovery(host):
                self.later(self.dice.uniform(0.001, 0.05), partial(self._letter_to_member, host, mailbox, body))
        if joiner.welcome is not None:
            self._enter(host, joiner)
        elif joiner.done:
            host.joining = None
            self.later(1.0, partial(self._knock, host))

    def _letter_to_member(self, sender: Host | None, mailbox: bytes, body: bytes) -> None:
        host = next((each for each in self.inside if each.mailbox == mailbox), None)
        if not self.discovery_up:
            return
        if host is None or not host.plugged:
            if sender is not None and sender.joining is not None:
                sender.joining.gone(("", mailbox), self.now)
            return
        assert host.citizen is not None
        self._reads(host, partial(self._take_letter, host, host.citizen, sender, body))

    def _take_letter(self, host: Host, citizen: Citizen, sender: Host | None, body: bytes) -> None:
        if citizen.dead:
            return
        if sender is None:
            citizen.member.letter(b"", body, self.now)
            self.collect(citizen)
            return
        known = len(citizen.member.roster.known)
        letters = citizen.member.letter(sender.mailbox, body, self.now)
        for mailbox, answer in letters:
            if self._reaches_discovery(host):
                self.later(self.dice.uniform(0.001, 0.05), partial(self._letter_to_joiner, mailbox, host, answer))
        if len(citizen.member.roster.known) > known and self.dice.random() < self.sponsor_dies:
            citizen.member.context.packets.clear()  # its last words are lost, and only whom it let in has heard of it
            self.later(self.dice.uniform(0.0, 1.0), partial(self._dies, host, citizen))
            self.parted |= {frozenset((host.name, each.name)) for each in self.hosts if each is not sender}
        self.collect(citizen)

    def _dies(self, host: Host, citizen: Citizen) -> None:
        if host.citizen is citizen:
            self.kill(host)
            self.later(1.0, partial(self.start, host))

    def _letter_to_joiner(self, mailbox: bytes, sponsor: Host, body: bytes) -> None:
        host = next((each for each in self.hosts if each.mailbox == mailbox and each.joining is not None), None)
        if host is not None and self._reaches_discovery(host):
            assert host.joining is not None
            host.joining.letter(("", sponsor.mailbox), body, self.now)
            self._go_on(host)

    def _enter(self, host: Host, joiner: Joiner) -> None:
        assert joiner.welcome is not None
        assert host.keys is not None
        name = self._name(host)
        host.joining = None
        member = enter_room(
            host.keys, joiner.welcome, RoomCode(self.code.words, self.code.nameplate), None, MemberSettings(host.name),
            backlog=None, now=self.now, wall=self.wall, entropy=self.random.randbytes,
        )  # fmt: skip
        citizen = Citizen(name, host.keys, member, host.mailbox)
        self.citizens.append(citizen)
        self._inside(host, citizen)

    # Time --------------------------------------------------------------------------------------------------

    def _step(self, end: float) -> None:
        joiners = [host for host in self.hosts if host.joining is not None and not host.frozen]
        dues = [timer for host in joiners if host.joining and (timer := host.joining.get_timer()) is not None]
        renewals = [host.renew_at for host in self.running]
        super()._step(min([end, *dues, *renewals]))
        for host in joiners:
            timer = host.joining.get_timer() if host.joining is not None else None
            if timer is not None and timer <= self.now and host.joining is not None:
                host.joining.handle_timer(self.now)
                self._go_on(host)
        self._look_after_leases()
        for host in self.inside:
            if host.citizen is not None and host.citizen.member.broken is not None:
                self.kill(host)
                self.later(1.0, partial(self.start, host))

    def heal(self) -> None:
        """Everything runs, and reaches everything."""
        self.parted.clear()
        self.weather = Weather()
        self.relay_up, self.sponsor_dies = True, 0.0
        if not self.discovery_up:
            self.restart_discovery()
        for host in self.hosts:
            host.plugged = True
            if host.frozen:
                self.wake(host)
        removed = {session for host in self.inside if host.citizen for session in host.citizen.member.roster.gone}
        for host in self.hosts:
            if host.citizen is not None and host.citizen.keys.session in removed:
                self.kill(host)  # it was away then, finds every door shut, and its person begins anew
            self.start(host)

    def until_all_inside(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end and len(self.inside) < len(self.hosts):
            self._step(min(end, self.now + 0.5))


def _signed(keys: SessionKeys, room: bytes, body: bytes) -> bytes:
    return keys.signing.sign(packets.own_text(room, body)).signature
