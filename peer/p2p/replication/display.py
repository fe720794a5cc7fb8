"""What the reader is shown, and when: the history first, once it is complete, then what is said."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sandpiper.common.limits import BACKLOG_S, EVENTS_WAITING
from sandpiper.common.p2p.admission import Head
from sandpiper.common.p2p.envelope import TALK
from sandpiper.peer.p2p.replication.message_log import MessageLog
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.state.context import Context


class Display:
    """Turns messages that were heard into events, as fast as the reader takes them."""

    def __init__(
        self, context: Context, replica: Replica, message_log: MessageLog, fingerprint_of: Callable[[bytes], str]
    ) -> None:
        self._context = context
        self._replica = replica
        self._message_log = message_log
        self._fingerprint_of = fingerprint_of
        self._backlog: dict[bytes, int] = {}
        self._backlog_until = 0.0

    def expect(self, heads: Iterable[Head], now: float, most: int | None) -> None:
        """Waits for the logs to get this far before anything is shown; of that, the newest `most` messages, or all."""
        self._message_log.backlog_most = most
        if most == 0:
            self._replica.start_at_heads()
            return
        self._backlog = {head.session: head.head for head in heads if head.head >= head.start}
        self._backlog_until = now + BACKLOG_S
        self._replica.fetcher.fetch_now(now)

    def pause(self, on: bool) -> None:
        """Stops showing, or goes on. The logs go on."""
        self._context.held = on
        if not on:
            self.show()

    def show(self) -> None:
        """Shows what may be shown now."""
        context, log = self._context, self._message_log
        if context.held:
            return
        backlog, wall = bool(self._backlog), int(context.wall())
        if backlog and not self._is_complete():
            log.show_own(context.room_name, self._fingerprint_of, wall)
            return
        self._backlog = {}
        log.show(context.room_name, self._fingerprint_of, wall, EVENTS_WAITING, backlog)

    def _is_complete(self) -> bool:
        if self._context.now >= self._backlog_until:
            return True
        tracks = self._replica.tracks
        return all(
            (session, TALK) in tracks and (tracks[session, TALK].log.head >= head or tracks[session, TALK].stopped)
            for session, head in self._backlog.items()
        )

    def get_timer(self) -> float | None:
        """When `show` is to be called, whatever has come by then."""
        return self._backlog_until if self._backlog and not self._context.held else None
