"""Into a room: by founding it, or with what a sponsor has handed over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandpiper.common.codes import RoomCode
from sandpiper.common.errors import AccessDenied, Refusal
from sandpiper.common.p2p import envelope, membership
from sandpiper.common.p2p.admission import Welcome
from sandpiper.common.p2p.envelope import DEEDS, TALK, Envelope
from sandpiper.common.p2p.membership import Admit, Cheat, Found
from sandpiper.common.p2p.sealing import Epoch
from sandpiper.peer.p2p.member import Member
from sandpiper.peer.p2p.membership.deed_log import fork_of, proven
from sandpiper.peer.p2p.replication.ledger import Ledger
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.keyring import Keyring, SessionKeys
from sandpiper.peer.p2p.state.outputs import MemberSettings

Entropy = Callable[[int], bytes]
_FALSE = "what was handed over is not a room as it should be: somebody is cheating; leave it, and ask for another code"


@dataclass(frozen=True, slots=True)
class RoomPolicy:
    """The choices of a room's creator: how many sessions it takes, and how far back a joiner sees."""

    capacity: int
    history: str = "epoch"


def found_room(
    keys: SessionKeys,
    code: RoomCode,
    password: str | None,
    policy: RoomPolicy,
    settings: MemberSettings,
    *,
    now: float,
    wall: Callable[[], float],
    entropy: Entropy,
) -> Member:
    """Founds a room; returns its only member."""
    room, epoch, run = entropy(16), Epoch(entropy(32)), entropy(16)
    found = Found(keys.vouched(room), epoch.id, policy.capacity, len(code.words), password is not None, policy.history)
    replica = Replica(keys.session, room)
    replica.open(keys.session)
    body = membership.encode_all([found])
    replica.write(envelope.sign(keys.signing, keys.session, room, run, DEEDS, 1, 1, 1, envelope.NO_HASH, body))
    keyring = Keyring(keys, room, epoch, entropy)
    ledger = Ledger(keys.session, found)
    return Member(Context(keyring, code, settings, run, now, wall, entropy), ledger, replica, password)


def enter_room(
    keys: SessionKeys,
    welcome: Welcome,
    code: RoomCode,
    password: str | None,
    settings: MemberSettings,
    *,
    backlog: int | None,
    now: float,
    wall: Callable[[], float],
    entropy: Entropy,
) -> Member:
    """Enters the room that a sponsor has handed over. Raises AccessDenied when it does not hold together."""
    roots = [each for raw in welcome.deeds if (each := _genuine(raw, welcome.room)) is not None]
    founder, found = _founding(roots, welcome.room)
    try:
        epoch = Epoch(welcome.epoch)
    except Refusal:
        raise AccessDenied(_FALSE, asks_for="") from None
    replica = Replica(keys.session, welcome.room)
    ledger = Ledger(founder, found)
    replica.open(founder)
    starts = {head.session: head for head in welcome.heads if head.stream == TALK}
    cheats = _grow(roots, replica, ledger, welcome.room, now)
    if keys.session not in ledger.state.members or ledger.state.epoch != epoch.id:
        raise AccessDenied(_FALSE, asks_for="")
    replica.open(keys.session)
    for session, head in starts.items():
        if session in ledger.known:
            replica.start_talk(session, head.start if 1 <= head.start <= head.head + 1 else 1)
    for session in ledger.state.members:
        replica.open(session)
    keyring = Keyring(keys, welcome.room, epoch, entropy)
    context = Context(keyring, code, settings, entropy(16), now, wall, entropy)
    member = Member(context, ledger, replica, password)
    member.enter(welcome, cheats, backlog)
    return member


def _genuine(raw: bytes, room: bytes) -> Envelope | None:
    try:
        found = envelope.parse(raw)
    except Refusal:
        return None
    return found if found.room == room and found.stream == DEEDS and envelope.genuine(found) else None


def _founding(roots: list[Envelope], room: bytes) -> tuple[bytes, Found]:
    for each in roots:
        try:
            first = membership.decode(each.body)[0] if each.first == 1 else None
        except (Refusal, IndexError):
            continue
        if isinstance(first, Found) and first.keys.session == each.session and first.keys.holds(room):
            return each.session, first
    raise AccessDenied(_FALSE, asks_for="")


def _grow(roots: list[Envelope], replica: Replica, ledger: Ledger, room: bytes, now: float) -> list[Cheat]:
    """Takes the deeds in, each log once its session is known, until nothing more follows. The cheats among them."""
    left = roots
    cheats: list[Cheat] = []
    grown = True
    while grown and left:
        grown, later = False, []
        for each in left:
            if each.session not in ledger.known:
                later.append(each)
                continue
            grown = True
            replica.open(each.session)
            for accepted in replica.take([each.raw], now):
                if accepted.envelope is not None:
                    cheats += _enter(ledger, accepted.envelope, room)
        left = later
    for cheat in cheats:
        proof = proven(cheat)
        forked = fork_of(*proof) if proof is not None else None
        if proof is not None and forked is not None:
            ledger.fork(proof[0].session, forked)
            replica.fork(proof[0].session, forked)
    return cheats


def _enter(ledger: Ledger, found: Envelope, room: bytes) -> list[Cheat]:
    try:
        learnt = membership.decode(found.body)[: found.count]
    except Refusal:
        return []
    for index, deed in enumerate(learnt):
        if not isinstance(deed, Cheat) and (not isinstance(deed, Admit) or deed.keys.holds(room)):
            ledger.add(found.session, found.first + index, deed)
    return [deed for deed in learnt if isinstance(deed, Cheat)]
