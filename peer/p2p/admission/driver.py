"""Being let in: drives the joiner over the mailboxes of discovery services."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from sandpiper.common.codes import RoomCode
from sandpiper.common.errors import SandpiperError
from sandpiper.common.io.tasks import end
from sandpiper.common.limits import JOIN_SEARCH_S
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.admission import Application, Welcome
from sandpiper.common.p2p.packets import Card, Carded, Signed
from sandpiper.peer.p2p.admission.box_queue import Box
from sandpiper.peer.p2p.admission.joiner import Joiner, JoinerState
from sandpiper.peer.p2p.rendezvous.client import RendezvousClient
from sandpiper.peer.p2p.state.keyring import SessionKeys

Search: TypeAlias = "Callable[[], Awaitable[Sequence[Sequence[Box]]]]"


class AdmissionDriver:
    """Gets a session let in. `run` ends with the room, or raises what stood in the way.

    `search` finds more mailboxes, for when those in `groups` have not let us in.
    """

    def __init__(
        self,
        keys: SessionKeys,
        code: RoomCode,
        password: str | None,
        card: Card,
        groups: Sequence[Sequence[Box]],
        search: Search,
    ) -> None:
        self._keys = keys
        self._card = card
        self._search = search
        self._moved = asyncio.Event()
        self._exhausted = asyncio.Event()
        self._joiner = Joiner(
            groups,
            nameplate=code.nameplate,
            words=code.secret,
            password=password,
            apply=self._apply,
            entropy=os.urandom,
            now=time.monotonic(),
            searches=True,
        )

    def _apply(self, room: bytes) -> Application:
        """The keys, vouched for in that room, and a first card that proves that we hold them and says where we are."""
        keys = self._keys
        body = packets.encode(Carded(0, self._card))
        signature = keys.signing.sign(packets.own_text(room, body)).signature
        return Application(keys.vouched(room), Signed(keys.session, body, signature))

    def letter(self, point: RendezvousClient, sender: bytes, body: bytes) -> None:
        """Takes a letter for us."""
        self._joiner.letter((point, sender), body, time.monotonic())
        self._moved.set()

    async def run(self) -> Welcome:
        """Returns the room that a sponsor hands over. Raises AccessDenied, NoSuchRoom, Rejected, SandpiperError."""
        joiner = self._joiner
        searching = asyncio.create_task(self._find_more())
        try:
            while not joiner.done:
                self._post()
                self._moved.clear()
                due = joiner.get_timer()
                with contextlib.suppress(asyncio.TimeoutError):
                    wait = None if due is None else max(due - time.monotonic(), 0.0)
                    await asyncio.wait_for(self._moved.wait(), wait)
                joiner.handle_timer(time.monotonic())
                if joiner.state is JoinerState.SEARCHING:
                    self._exhausted.set()
            self._post()
        finally:
            await end(searching)
        if joiner.error is not None:
            raise joiner.error
        assert joiner.welcome is not None
        return joiner.welcome

    async def _find_more(self) -> None:
        """Searches once nobody is left to ask, or after a while: those who were found first may keep us waiting."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._exhausted.wait(), JOIN_SEARCH_S)
        try:
            found = await self._search()
        except SandpiperError:
            found = []
        self._joiner.found(found, time.monotonic())
        self._moved.set()

    @property
    def missed(self) -> int:
        """How many proofs nobody could answer."""
        return self._joiner.missed

    def _post(self) -> None:
        letters, self._joiner.letters = self._joiner.letters, []
        for box, body in letters:
            point, mailbox = box
            assert isinstance(point, RendezvousClient)
            point.post(mailbox, body, lambda refusal, box=box: self._gone(box))  # type: ignore[misc]

    def _gone(self, box: Box) -> None:
        self._joiner.gone(box, time.monotonic())
        self._moved.set()
