"""The dialer: keeps a connection to one peer standing, by whichever of its addresses.

Happy eyeballs (RFC 8305): the addresses are tried in order, the next one when the last has failed or is late, and the
first whose handshake completes wins. Each is tried again after a pause of its own, so that one that never answers
holds up none that refuses now and admits us in a moment. A connection that broke is made anew at once, unless it did
not last, as long as the peer is wanted. The pauses to a peer that is sought, for it has fallen silent, grow longer; and
once nothing listens at any of its addresses it is deserted, and dialled no more.

A peer is `fitful` if connections to it are made in a moment and fall silent, one after the other: mostly large packets
get lost on the way. They are made again all the same, but not relied on until one has lasted.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Final

from sandpiper.common.limits import (
    DESERTED,
    MESH_ADDRESSES,
    MESH_FITFUL,
    MESH_FITFUL_S,
    MESH_OVERLAP_S,
    MESH_REFUSED_S,
    MESH_STAGGER_S,
    MESH_STEADY_S,
    RECONNECT_LEAST_S,
    RECONNECT_MOST_S,
    SOUGHT_PAUSE_S,
)
from sandpiper.common.target import is_loopback
from sandpiper.peer.p2p.mesh.connection import Address, Connection, NoConnection, dial
from sandpiper.peer.p2p.state.link import FITFUL

_PENDING: Final = "no answer yet"


class PeerDialer:
    """Makes `connection` by `make`, which opens one to an address, and makes it again when it breaks.

    `turned` is called when it stands or broke, or the error is another; `deserted` when a sought peer is no more.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        make: Callable[[Address], Connection],
        turned: Callable[[], None],
        deserted: Callable[[], None] = lambda: None,
        tasks: set[asyncio.Task[None]] | None = None,
    ) -> None:
        self._loop = loop
        self._make = make
        self._turned = turned
        self._deserted = deserted
        self._sought = False
        self._given_up = False
        self._nobody: Counter[Address] = Counter()
        self._addresses: list[Address] = []
        self._seekers: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = tasks if tasks is not None else set()  # also those that are ending
        self._made: set[Connection] = set()
        self._leaving: set[Connection] = set()
        self._naps: set[asyncio.Future[None]] = set()
        self._restart: asyncio.TimerHandle | None = None
        self._restart_s = 0.0
        self._errors: dict[Address, str] = {}
        self._broke = ""
        self._said = ""
        self._closed = False
        self._silences = 0
        self._proving: asyncio.TimerHandle | None = None
        self.connection: Connection | None = None

    @property
    def error(self) -> str:
        """Why there is no connection that lasts: each address with its reason; empty while there is one."""
        if self.fitful:
            return FITFUL
        if self.connection is not None:
            return ""
        if not self._addresses:
            return "no address is known"
        if not self._errors:
            return self._broke or "not tried yet"
        # Our own loopback refuses at once, while an address elsewhere takes its time: the true ones stand first.
        ordered = sorted(self._addresses, key=lambda address: is_loopback(address.host))
        return "; ".join(f"{address}: {self._errors.get(address, _PENDING)}" for address in ordered)

    @property
    def fitful(self) -> bool:
        """Whether connections have fallen silent soon after they were made, and the present one has not lasted yet."""
        return self._silences >= MESH_FITFUL

    def set_addresses(self, addresses: Sequence[Address]) -> None:
        """Dials these from now on. A connection to another address is kept until a new one has taken over."""
        usable = [address for address in dict.fromkeys(addresses) if address.usable][:MESH_ADDRESSES]
        if usable == self._addresses:
            if self._given_up:
                self._seek()
            return
        self._addresses = usable
        self._errors = {address: text for address, text in self._errors.items() if address in usable}
        if self.connection is None or self.connection.address not in usable:
            self._seek()
        else:
            self._rest()

    def set_sought(self, on: bool) -> None:
        """Seeks the peer, which has fallen silent, or dials it as usual again."""
        self._sought = on
        if on:
            self._give_up_if_deserted()
        else:
            self.retry_paused()

    def retry_now(self, gone: Collection[str]) -> None:
        """Tries everything anew, now: the network has changed. Gives up a connection from an address in `gone`."""
        self._restart_s = 0.0
        if self.connection is not None and self.connection.from_host in gone:
            self._broken(self.connection, "this machine's address changed")
        if self.connection is None or self.connection.address not in self._addresses:
            self._seek()

    def retry_paused(self) -> None:
        """Ends all pauses: the peer shows signs of life."""
        for nap in self._naps:
            if not nap.done():
                nap.set_result(None)

    def close(self) -> None:
        """Closes the connection and stops dialling."""
        self._closed = True
        self._prove(None)
        self._rest()
        for connection in list(self._leaving):
            self._leave(connection)
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    # Seeking -----------------------------------------------------------------------------------------------

    def _rest(self) -> None:
        """Stops seeking."""
        if self._restart is not None:
            self._restart.cancel()
            self._restart = None
        for seeker in self._seekers:
            seeker.cancel()
        for connection in self._made:
            connection.close()
        self._seekers, self._made = set(), set()

    def _seek(self) -> None:
        """Tries all addresses anew: that nothing listened there before counts no more."""
        self._rest()
        self._given_up = False
        self._nobody.clear()
        turn = asyncio.Event()
        turn.set()
        for address in self._addresses:
            following = asyncio.Event()
            seeker = self._loop.create_task(self._pursue(address, self._made, turn, following))
            for kept in (self._seekers, self._tasks):
                kept.add(seeker)
                seeker.add_done_callback(kept.discard)
            turn = following

    async def _pursue(
        self, address: Address, made: set[Connection], turn: asyncio.Event, following: asyncio.Event
    ) -> None:
        await turn.wait()
        late = self._loop.call_later(MESH_STAGGER_S, following.set)
        pause = RECONNECT_LEAST_S
        try:
            while True:
                started = self._loop.time()
                refused = False
                try:
                    connection = await dial(self._loop, address, self._make, made)
                except NoConnection as error:
                    refused = error.refused
                    self._failed(address, str(error), nobody=error.nobody)
                else:
                    self._stands(connection)
                    return
                following.set()
                spent = self._loop.time() - started
                await self._nap(max(pause * random.uniform(0.75, 1.25) - spent, RECONNECT_LEAST_S))
                longest = SOUGHT_PAUSE_S if self._sought else RECONNECT_MOST_S
                pause = min(pause * 2, MESH_REFUSED_S if refused else longest)
        finally:
            late.cancel()

    async def _nap(self, seconds: float) -> None:
        """Pauses, or until there is a hint; but not too short, for else a peer's hints could set the pace."""
        nap: asyncio.Future[None] = self._loop.create_future()
        self._naps.add(nap)
        try:
            await asyncio.sleep(RECONNECT_LEAST_S)
            await asyncio.wait({nap}, timeout=max(seconds - RECONNECT_LEAST_S, 0.0))
        finally:
            self._naps.discard(nap)

    # What becomes of it ------------------------------------------------------------------------------------

    def _stands(self, connection: Connection) -> None:
        if self._closed:
            connection.close()
            return
        self._rest()
        old, self.connection = self.connection, connection
        if old is not None:
            old.ended = None
            self._leaving.add(old)
            self._loop.call_later(MESH_OVERLAP_S, self._leave, old)
        connection.ended = lambda reason: self._broken(connection, reason)
        self._errors.clear()
        self._nobody.clear()
        self._addresses.sort(key=connection.address.__ne__)  # the one that was good is the first next time
        self._said = ""
        self._prove(connection)
        self._turned()

    def _prove(self, connection: Connection | None) -> None:
        """A connection is to last, if its predecessors did not."""
        if self._proving is not None:
            self._proving.cancel()
            self._proving = None
        if connection is not None and self._silences:
            self._proving = self._loop.call_later(MESH_FITFUL_S, self._proven)

    def _proven(self) -> None:
        self._proving, self._silences = None, 0
        self._turned()

    def _leave(self, connection: Connection) -> None:
        connection.close()
        self._leaving.discard(connection)

    def _failed(self, address: Address, text: str, *, nobody: bool) -> None:
        self._errors[address] = text
        self._nobody[address] = self._nobody[address] + 1 if nobody else 0
        if self.connection is None and self.error != self._said:
            self._said = self.error
            self._turned()
        self._give_up_if_deserted()

    def _give_up_if_deserted(self) -> None:
        """Gives a peer up that is sought, and has ended."""
        if not self._sought or self._given_up or self.connection is not None or not self._addresses:
            return
        if all(self._nobody[address] >= DESERTED for address in self._addresses):
            self._rest()
            self._given_up = True
            self._deserted()

    def _broken(self, connection: Connection, reason: str) -> None:
        connection.close()
        if self.connection is not connection:
            return
        self.connection = None
        self._broke = reason
        self._prove(None)
        if connection.silent:
            self._silences = self._silences + 1 if self._loop.time() - connection.since < MESH_FITFUL_S else 0
        if self._loop.time() - connection.since >= MESH_STEADY_S:
            self._restart_s = 0.0
        else:
            self._restart_s = min(max(self._restart_s * 2, RECONNECT_LEAST_S), RECONNECT_MOST_S)
        self._said = self.error
        self._turned()
        if not self._closed and self.connection is None:
            self._rest()
            self._restart = self._loop.call_later(self._restart_s * random.uniform(0.5, 1.0), self._seek)
