"""Housekeeping: what a broker does by the clock. It ends what is over, and removes what has aged."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from itertools import chain, repeat

from sandpiper.broker.admission import Admission
from sandpiper.broker.core import Broker
from sandpiper.broker.log import StoreError
from sandpiper.broker.store.store import Store
from sandpiper.broker.wallclock import WallClock
from sandpiper.common.limits import PUBLISHERS_KEPT_S, RETAIN_CHUNK, TICK_REST_S, TICK_S

log = logging.getLogger("sandpiper.broker")
_PRUNE_S = 3600.0


class Housekeeping:
    """The tasks of a broker that run by the clock. `pump` sends what the core wants sent."""

    def __init__(
        self, core: Broker, admission: Admission, store: Store, clock: WallClock, pump: Callable[[], None]
    ) -> None:
        self._core = core
        self._admission = admission
        self._store = store
        self._clock = clock
        self._pump = pump
        self._trimming = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begins. `stop` ends it."""
        prune_pauses = chain([0.0], repeat(_PRUNE_S))
        self._tasks = [
            loop.create_task(self._every(self._pause, self._tick)),
            loop.create_task(self._every(partial(next, prune_pauses), self._prune)),
        ]

    def stop(self) -> None:
        """Ends it."""
        for task in self._tasks:
            task.cancel()

    def keep_clock(self, now: float) -> None:
        """Stores what the next broker is to know of the clock. Raises StoreError."""
        self._store.clock.keep(self._clock.record(now))

    async def _every(self, pause: Callable[[], float], work: Callable[[], None]) -> None:
        """Does `work` again and again. What is in its way is logged once, until it has been done again."""
        said = ""
        while True:
            await asyncio.sleep(pause())
            try:
                work()
                said = ""
            except StoreError as error:
                if said != (said := str(error)):
                    log.error("%s", error)
            except Exception as error:  # a mistake of ours, or no memory: the rest must be looked after all the same
                if said != (said := repr(error)):
                    log.exception("housekeeping failed")

    def _tick(self) -> None:
        now, wall = time.monotonic(), time.time()
        self._core.tick(now, wall)
        self._admission.tick(now)
        self._pump()
        news, self._core.sequencer.outage.news = self._core.sequencer.outage.news, []
        for words in news:
            log.warning("%s", words)
        rules = self._core.rules
        jump = self._clock.observe(wall, now)
        if jump:
            log.warning(
                "the clock was set by %+.0f s; until it has stayed for a while nothing is removed for its age", jump
            )
        age_s = rules.retain_s if self._clock.trusted(now, rules.retain_s) else float("inf")
        self._trimming = False
        self._trimming = self._store.retain(wall, rules.retain_messages, age_s, RETAIN_CHUNK) > 0
        self._store.rest(now)

    def _pause(self) -> float:
        """Until the next tick."""
        due = self._core.get_timer()
        if self._trimming:
            return TICK_S
        return TICK_REST_S if due is None else min(max(due - time.monotonic(), TICK_S), TICK_REST_S)

    def _prune(self) -> None:
        now, wall = time.monotonic(), time.time()
        self._store.touch(self._core.sessions, wall)
        self.keep_clock(now)
        if not self._clock.trusted(now, PUBLISHERS_KEPT_S):
            return
        gone = self._store.prune(wall)
        self._admission.expire(gone)
        self._core.forget_publishers(gone)
