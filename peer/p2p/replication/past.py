"""The past: what was said before what is shown here, newest first, some hundred messages at a time.

A member holds each log from where it was let in, or has asked to begin. What came before others may hold, and give as
far as the room's `history` lets them (Governance.floor, at whoever is asked): the same request as for a repair, for
what lies below. What they give is told and let go again, so it is never passed on.
"""

from __future__ import annotations

from collections.abc import Iterable

from sandpiper.common.limits import FETCH_TIMEOUT_S, OLDER_MESSAGES, PAST_ASKED, PAST_BYTES, PAST_SOURCES, PAST_TRIES
from sandpiper.common.messages import Message
from sandpiper.common.p2p.admission import Head
from sandpiper.common.p2p.envelope import TALK, Envelope
from sandpiper.common.p2p.packets import Page
from sandpiper.peer.p2p.membership.roster import Roster
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.replication.display import Display
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.replication.strand import Key, Strand
from sandpiper.peer.p2p.replication.track import Track
from sandpiper.peer.p2p.state.context import Context

_LATER = "older messages are not given to those who join later"
_EPOCH = "older messages are not given: this room shows what was said since its last new key"
_NOBODY = "older messages are gone: nobody here has them any more"
_ALONE = "nobody else is here who might have older messages"
_BEGIN = "nothing older: this is where the room's talk begins"


class Past:
    """Finds older messages, page by page. `found` is what was asked for, oldest first, once it is there; `why` says in
    a line why that is nothing.
    """

    def __init__(
        self,
        context: Context,
        roster: Roster,
        replica: Replica,
        display: Display,
        presence: Presence,
    ) -> None:
        self.found: list[Message] | None = []
        self.why = ""
        self._context = context
        self._roster = roster
        self._replica = replica
        self._display = display
        self._presence = presence
        self._heads: dict[bytes, int] = {}
        self._strands: dict[bytes, Strand] = {}
        self._asked: dict[int, tuple[Strand, bytes, float]] = {}
        self._taken: list[tuple[Strand, Envelope, int]] = []
        self._below: Key | None = None  # where in the order it begins
        self._until: tuple[bytes, int] | None = None  # or after which entry, if its place is not known
        self._lost = False
        self._runs: dict[str, bytes] = {}  # whose they are, of what was told
        self._here: list[bytes] = []  # in the order in which they came
        self._told: tuple[str, int] | None = None  # the last: who asks on from there goes on

    def entered(self, heads: Iterable[Head]) -> None:
        """Where the talk stood on entering."""
        self._heads = {head.session: head.head for head in heads if head.stream == TALK}

    # Asking ------------------------------------------------------------------------------------------------

    def ask(self, before: Message | None, now: float) -> None:
        """Looks for what was said before that message, or before one came in; `found` is None until it is there."""
        self.found, self.why = None, ""
        self._asked.clear()
        self._taken.clear()
        if before is None or self._told != (before.run, before.seq):
            self._told = None
            self._begin(before)
        self._here = [each for each in self._roster.members if each in self._presence.peers]
        for strand in self._strands.values():
            strand.tried.clear()  # others may be here by now
            strand.tries, strand.over = 0, False
        self._go_on(now)

    def _begin(self, before: Message | None) -> None:
        self._strands, self._below, self._until, self._lost = {}, None, None, False
        tracks = {name[0]: track for name, track in self._replica.tracks.items() if name[1] == TALK}
        newest = {session: min(self._heads.get(session, 0), track.log.head) for session, track in tracks.items()}
        if before is not None:
            whose = self._runs.get(before.run) or _speaker(tracks, before.run)
            if whose is None:
                self._lost = True  # of another life of this program, and of whom nothing is here
                return
            envelope = tracks[whose].log.holding(before.seq)
            if envelope is not None:
                below = self._below = envelope.clock + before.seq - envelope.first, whose
                newest = {
                    session: track.log.before((below[0], below[1] > session)) for session, track in tracks.items()
                }
            else:
                self._until = whose, before.seq
        self._strands = {each: Strand(each, tracks[each], seq) for each, seq in newest.items() if seq}

    def _go_on(self, now: float) -> None:
        """Tells as far as it is certain what comes next, and asks for what is lacking."""
        while len(self._taken) < OLDER_MESSAGES:
            lacking = [each for each in self._strands.values() if self._lacks(each)]
            if lacking:
                self._ask(lacking, now)
                return
            known = sorted((each for each in self._strands.values() if each.clock is not None), key=_key)
            if not known:
                break
            newest, second = known[-1], known[-2].key if len(known) > 1 else None
            if newest.current is None:
                newest.clock = None  # it was given up for want of room
                continue
            while newest.clock is not None and (second is None or newest.key > second) and newest.current is not None:
                self._tell(newest)
                if len(self._taken) >= OLDER_MESSAGES:
                    break
        self._finish()

    def _lacks(self, strand: Strand) -> bool:
        """Whether somebody is to be asked for what comes next."""
        if not strand.next or strand.over or strand.clock is not None or strand.find_next():
            return False
        strand.over = not self._sources(strand)
        return not strand.over

    def _tell(self, strand: Strand) -> None:
        envelope, seq, key = strand.current, strand.next, strand.key
        assert envelope is not None
        strand.go_on()
        if self._until is not None:
            self._until = None if self._until == (strand.session, seq) else self._until
        elif self._below is None or key < self._below:
            self._taken.append((strand, envelope, seq))

    def _sources(self, strand: Strand) -> list[bytes]:
        """The members to ask for what comes next: the one whose it is, then those who have been here longest."""
        if self._roster.founding.history == "none":
            return []
        able = [each for each in dict.fromkeys([strand.session, *self._here]) if self._presence.reachable(each)]
        return [each for each in able[:PAST_SOURCES] if each not in strand.tried]

    def _ask(self, lacking: list[Strand], now: float) -> None:
        asked = {strand.session for strand, _, _ in self._asked.values()}
        for strand in lacking:
            if strand.session in asked:
                continue
            if len(self._asked) >= PAST_ASKED:
                break
            source, r = self._sources(strand)[0], self._replica.fetcher.next_request()
            self._asked[r] = strand, source, now + FETCH_TIMEOUT_S
            self._context.send_to(self._presence.peers[source], strand.asks(r))

    def _finish(self) -> None:
        said = dict[bytes, dict[int, Message]]()
        for strand, envelope, _ in self._taken:
            self._runs[envelope.run.hex()] = strand.session
            if envelope.hash not in said:
                messages = self._display.past(envelope)
                said[envelope.hash] = {message.seq: message for message in messages}
        found = [said[envelope.hash].get(seq) for _, envelope, seq in reversed(self._taken)]
        if self._taken:
            _, envelope, seq = self._taken[-1]
            self._told = envelope.run.hex(), seq
        self._taken.clear()
        self.found = [message for message in found if message is not None]
        if not self.found:
            self.why = self._reason()

    def _reason(self) -> str:
        roster = self._roster
        if self._lost:
            return ""
        if roster.founder != self._context.keyring.person and roster.founding.history == "none":
            return _LATER
        if not any(strand.next for strand in self._strands.values()):
            return _BEGIN
        if self._presence.alone:
            return _ALONE
        return _EPOCH if roster.founding.history == "epoch" and not roster.is_first_key else _NOBODY

    # Answers -----------------------------------------------------------------------------------------------

    def page(self, source: bytes, page: Page, now: float) -> bool:
        """An answer; False if it is to another question."""
        strand, asked, _ = self._asked.get(page.r, (None, b"", 0.0))
        if strand is None or asked != source:
            return False
        del self._asked[page.r]
        helps, proof = strand.take(page, self._replica.room)
        if proof is not None:
            self._replica.proofs.append(proof)
        if not helps:
            strand.tried.add(source)
        self._bound()
        self._go_on(now)
        return True

    def _bound(self) -> None:
        """Drops what is furthest from being told, where there is too much."""
        size = sum(strand.bytes for strand in self._strands.values())
        for strand in sorted(self._strands.values(), key=_key)[:-1]:
            if size <= PAST_BYTES:
                return
            size -= strand.bytes
            strand.forget()
            size += strand.bytes

    def ask_again(self, source: bytes, now: float) -> None:
        """Asks a member anew: what it was asked before, or its answer, was lost."""
        asked = [(r, strand) for r, (strand, asked, _) in self._asked.items() if asked == source]
        for r, _ in asked:
            del self._asked[r]
        self._ask([strand for _, strand in asked], now)

    def get_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return min((due for _, _, due in self._asked.values()), default=None)

    def handle_timer(self, now: float) -> None:
        """Asks again who has not answered, then somebody else."""
        late = [r for r, (_, _, due) in self._asked.items() if due <= now]
        for r in late:
            strand, source, _ = self._asked.pop(r)
            strand.tries += 1
            if strand.tries >= PAST_TRIES:
                strand.tried.add(source)
                strand.tries = 0
        if late:
            self._go_on(now)


def _key(strand: Strand) -> Key:
    return strand.key


def _speaker(tracks: dict[bytes, Track], run: str) -> bytes | None:
    """Whose log a run is."""
    return next((each for each, track in tracks.items() if track.log.last and track.log.last.run.hex() == run), None)
