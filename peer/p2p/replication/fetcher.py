"""The fetcher: asks other members for what is missing in the logs here.

Each log has its frontier and its repair machine, as a broker's log has (common/repair.py); only the question whom to
ask is new: the origin first, then whoever claims to have it. What nobody has any more is given up (and asked for again
by losses.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sandpiper.common.limits import LOST_AFTER_S, LOST_ALONE_S, LOST_LOOK_S, LOST_ORPHAN_S, LOST_UNMET_S, PULLS_KNOWN
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.packets import Frontier, Pull
from sandpiper.common.repair import RepairState
from sandpiper.peer.p2p.replication.digest import Name
from sandpiper.peer.p2p.replication.losses import Losses
from sandpiper.peer.p2p.replication.track import FOR_EVER, Track


class Fetcher:
    """Asks for the holes in `tracks`. Take `pulls` (whom to ask, what) after each call.

    `me` is the member's own session. `give_up` is called with a track whose next entry is to be given up, and where
    what it holds beyond the hole begins.
    """

    def __init__(
        self, me: bytes, tracks: dict[Name, Track], give_up: Callable[[Name, Track, int, float], None]
    ) -> None:
        self.pulls: list[tuple[bytes, Pull]] = []
        self.losses = Losses(self.ask)
        self._me = me
        self._tracks = tracks
        self._give_up = give_up
        self._reachable: Callable[[bytes], bool] = lambda session: True
        self._left: Callable[[bytes], bool] = lambda session: False
        self._met: Callable[[bytes], bool] = lambda session: True
        self._asked: dict[int, tuple[Name, bytes, int]] = {}
        self._r = 0
        self._holed: dict[Name, Track] = {}  # those whose repair has a timer
        self._claimed: dict[bytes, set[Name]] = {}  # in which logs a source's claims are

    def reach_by(
        self, reachable: Callable[[bytes], bool], left: Callable[[bytes], bool], met: Callable[[bytes], bool]
    ) -> None:
        """`reachable` says whether a session can be asked now, `left` whether it has ended and will say no more, `met`
        whether it was ever heard.
        """
        self._reachable, self._left, self._met = reachable, left, met

    # Who has what ------------------------------------------------------------------------------------------

    def claims(self, source: bytes, stands: Iterable[Frontier], now: float) -> None:
        """Takes how far a member says to have some logs."""
        claimed = self._claimed.setdefault(source, set())
        for stand in stands:
            name = (stand.session, stand.stream)
            track = self._tracks.get(name)
            if track is None or track.stopped or stand.seq > FOR_EVER:
                continue
            self.losses.told(source, name, stand.seq, now)
            if track.claims.get(source, 0) <= track.repair.frontier.seq < stand.seq:
                track.lacking.pop(source, None)  # when it was asked it did not say to have what comes next
            if stand.seq > track.repair.frontier.seq:
                track.claims[source] = stand.seq
                claimed.add(name)
            else:  # of no use, now or later
                track.claims.pop(source, None)
                claimed.discard(name)
            if stand.session == self._me:
                continue
            mine = track.log.hash_at(stand.seq)
            if mine is not None and mine != stand.hash:
                # It holds another history: its envelope there, beside ours, proves who cheats.
                self.ask(name, source, stand.seq - 1)
            elif stand.seq > track.repair.frontier.seq:
                # Only as far as somebody could be asked for it; a false claim costs its maker a few requests.
                track.repair.reaches(min(stand.seq, track.limit), now)
                if not track.asked and source not in track.lacking and track.repair.state is RepairState.FETCHING:
                    track.repair.fetch_now(now)  # nobody could be asked until now
                    self.fetch(name, track, now)
                self.watch(name, track)
        self.losses.heard(source, now)

    def forget(self, source: bytes, now: float) -> None:
        """Asks a member no more: it has gone."""
        self.losses.forget(source)
        for name in sorted(self._claimed.pop(source, set()).union(self._holed)):
            track = self._tracks[name]
            claimed = track.claims.pop(source, None)
            track.lacking.pop(source, None)
            if track.asked == source:
                track.asked = b""
            elif claimed is None:
                continue
            track.repair.look_again(now)  # it was asked in vain, perhaps, and others are now to be asked in its place

    def failed(self, name: Name, track: Track, source: bytes, offered: int, *, unclaim: bool) -> None:
        """Notes that a member could not give what comes next, only what begins at `offered` (0: it does not say).

        `unclaim`: it has nothing more, though it, or somebody else, has said so.
        """
        track.lacking[source] = offered
        if unclaim and source in track.claims:
            del track.claims[source]
            self._claimed[source].discard(name)

    def _here(self) -> list[bytes]:
        """The sessions that could be asked."""
        return [each for each, stream in self._tracks if stream == TALK and each != self._me and self._reachable(each)]

    def _able(self, track: Track, after: int) -> list[bytes]:
        """The sessions that say to have what comes next, and can be asked."""
        return [
            each for each, seq in track.claims.items() if seq > after and each != self._me and self._reachable(each)
        ]

    def _source(self, name: Name, track: Track, after: int) -> bytes | None:
        able = [each for each in self._able(track, after) if each not in track.lacking]
        if name[0] in able:
            return name[0]
        return max(able, key=lambda each: (track.claims[each], each), default=None)

    # Time --------------------------------------------------------------------------------------------------

    def get_timer(self) -> float | None:
        """When `handle_timer` is to be called."""
        return min(
            (due for track in self._holed.values() if (due := track.repair.get_timer()) is not None), default=None
        )

    def watch(self, name: Name, track: Track) -> None:
        """Looks after a track as long as its repair has a timer; to be called when that may have changed."""
        if track.repair.get_timer() is not None:
            self._holed[name] = track
        else:
            self._holed.pop(name, None)
        if track.claims and not track.repair.frontier.gap:
            for source in track.claims:
                self._claimed[source].discard(name)
            track.claims.clear()

    def unwatch(self, name: Name) -> None:
        """Looks after a log no more, until it is to be watched again."""
        self._holed.pop(name, None)

    def handle_timer(self, now: float) -> None:
        """Asks for what is missing, or gives it up."""
        for name, track in list(self._holed.items()):
            due = track.repair.get_timer()
            if due is None or now < due or track.stopped:
                continue
            if track.asked:
                # It did not answer: somebody else is to be asked, if there is anybody.
                track.lacking.setdefault(track.asked, 0)
                track.asked = b""
                if self._source(name, track, track.repair.frontier.seq) is None:
                    track.lacking = {each: start for each, start in track.lacking.items() if start}
            track.repair.handle_timer(now)
            self.fetch(name, track, now)
            self.watch(name, track)

    def ask_again(self, source: bytes, now: float) -> None:
        """Asks a member anew that hears us, or we it, only from now on: what it was asked, or its answer, was lost."""
        for name, track in list(self._holed.items()):
            if track.asked == source and track.repair.frontier.gap and not track.stopped:
                track.asked = b""
                track.repair.fetch_now(now)
                self.fetch(name, track, now)
                self.watch(name, track)

    def fetch_now(self, now: float) -> None:
        """Fills known holes, such as history, without waiting for what is under way."""
        for name, track in list(self._holed.items()):
            if track.repair.frontier.gap and not track.stopped and not track.asked:
                track.repair.fetch_now(now)
                self.fetch(name, track, now)
                self.watch(name, track)

    # Asking ------------------------------------------------------------------------------------------------

    def fetch(self, name: Name, track: Track, now: float) -> None:
        """Asks for what the log's repair wants, if it wants something."""
        fetch, track.repair.fetch = track.repair.fetch, None
        if fetch is None:
            return
        source = self._source(name, track, fetch.after)
        if source is not None:
            track.hole.pause()
            track.asked = source
            self.ask(name, source, fetch.after)
        else:
            self._miss(name, track, fetch.after, now)

    def _miss(self, name: Name, track: Track, after: int, now: float) -> None:
        """Waits, asks everybody, and at last gives up: nobody says to have what comes next, or can give it."""
        if any(track.lacking.get(each, 0) <= after + 1 for each in self._able(track, after)):
            track.helped()
            track.lacking = {each: start for each, start in track.lacking.items() if start > after + 1}
            return
        hole, patience_s = track.hole, self._patience(name, track, after, now)
        hole.observe(now, waits=patience_s != FOR_EVER)
        for each in hole.whom_to_ask(self._here(), patience_s):
            self.ask(name, each, after)
        if not hole.over(patience_s):
            track.repair.look_again(now + LOST_LOOK_S)
        elif track.repair.frontier.holding:
            self._give_up(name, track, track.repair.frontier.missing[1], now)
        else:
            track.repair.frontier.settle()
            track.repair.interrupted()
            track.lacking.clear()
            track.helped()

    def _patience(self, name: Name, track: Track, after: int, now: float) -> float:
        here, origin = self._here(), name[0]
        if not here:
            return LOST_ALONE_S
        if origin in here and origin not in track.lacking:
            return FOR_EVER  # it will say itself, or be gone
        again = now - track.gave_up_at < LOST_ORPHAN_S
        if again and all(each in track.lacking for each in here):
            return 0.0  # the hole before this one has been waited for, and everybody has been asked for this one
        # Whoever is beyond the hole has given it up before us.
        if again or origin in track.lacking or self._left(origin) or self._able(track, after):
            return LOST_AFTER_S
        # A newcomer who has not even heard whose history this is may be cut off with others like it.
        return LOST_ORPHAN_S if self._met(origin) else LOST_UNMET_S

    def ask(self, name: Name, source: bytes, after: int) -> int:
        """Asks one member for what comes after a seq of a log; the number of the request."""
        r = self.next_request()
        self._asked[r] = (name, source, after)
        if len(self._asked) > PULLS_KNOWN:
            del self._asked[next(iter(self._asked))]
        self.pulls.append((source, Pull(r, name[0], name[1], after)))
        return r

    def next_request(self) -> int:
        """A fresh number for a request."""
        self._r += 1
        return self._r

    def asked(self, r: int, source: bytes, name: Name) -> int | None:
        """After which seq a member was asked for more of a log, by the request `r`; None if it was not."""
        asked, of, after = self._asked.pop(r, ((b"", 0), b"", 0))
        return after if (asked, of) == (name, source) else None
