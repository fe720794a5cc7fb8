"""Into a room: by founding it, or with what a sponsor has handed over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandpiper.common.codes import RoomCode
from sandpiper.common.errors import AccessDenied, Refusal
from sandpiper.common.limits import CLOCK_HEARD_MOST
from sandpiper.common.p2p import deeds
from sandpiper.common.p2p.admission import Welcome
from sandpiper.common.p2p.deeds import Admit, Found, commitment
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.sealing import KEY_BYTES
from sandpiper.peer.p2p.admission.guesses import CodeGuesses
from sandpiper.peer.p2p.member import Member
from sandpiper.peer.p2p.membership.graph import DeedGraph
from sandpiper.peer.p2p.membership.roster import Roster
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
    secret = entropy(KEY_BYTES)
    settings_of_room = Found(
        entropy(KEY_BYTES), commitment(secret), policy.capacity, len(code.words), password is not None, policy.history
    )
    founding = deeds.sign(keys.identity, b"", (), settings_of_room)
    graph = DeedGraph(founding)
    graph.add(deeds.sign(keys.identity, graph.room, graph.tips(), Admit(keys.vouched(graph.room), "founder")))
    keyring = Keyring(keys, graph.room, entropy)
    keyring.secrets.hold(founding.id, secret)
    keyring.mix([founding.id], now)
    replica = Replica(keys.session, graph.room)
    replica.open(keys.session)
    roster = Roster(graph)
    context = Context(keyring, code, settings, entropy(16), now, wall, entropy)
    return Member(context, roster, replica, CodeGuesses(keyring, roster), password)


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
    roster = Roster(_graph(welcome))
    keyring = Keyring(keys, roster.graph.room, entropy)
    for each in welcome.secrets:
        if roster.commitment(each.deed) == commitment(each.secret):
            keyring.secrets.hold(each.deed, each.secret)
    if keys.session not in roster.members or not keyring.mix(roster.heads(), now):
        raise AccessDenied(_FALSE, asks_for="")
    guesses = CodeGuesses(keyring, roster)
    guesses.take(welcome.misses)
    replica = Replica(keys.session, keyring.room)
    replica.clock = min(max(welcome.clock, 0), CLOCK_HEARD_MOST)
    for session in (keys.session, *roster.members):
        replica.open(session)
    for head in welcome.heads:
        if head.stream == TALK and head.session in roster.known:
            replica.start_talk(head.session, head.start if 1 <= head.start <= head.head + 1 else 1)
    context = Context(keyring, code, settings, entropy(16), now, wall, entropy)
    member = Member(context, roster, replica, guesses, password)
    member.enter(welcome, backlog)
    return member


def _graph(welcome: Welcome) -> DeedGraph:
    """The deeds that were handed over: the founding, whose hash is the room's id, and all that is built on it."""
    graph: DeedGraph | None = None
    for raw in welcome.deeds:
        try:
            deed = deeds.parse(raw)
        except Refusal:
            continue
        if graph is not None and deed.room == graph.room and not graph.missing(deed) and deeds.genuine(deed):
            graph.add(deed)
        elif graph is None and deed.id == welcome.room and deeds.genuine(deed):
            graph = DeedGraph(deed)
    if graph is None:
        raise AccessDenied(_FALSE, asks_for="")
    return graph
