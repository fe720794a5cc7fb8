"""The engine of a broker's room: a session, and the connection that it lives on."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Final

from sandpiper.common import batch, control
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.io.sockets import CurveKeys
from sandpiper.common.limits import OLDER_MESSAGES
from sandpiper.common.messages import Draft, Member, Message, RoomInfo
from sandpiper.common.target import Target
from sandpiper.peer.broker_connection import BrokerConnection
from sandpiper.peer.broker_session import BrokerSession, JoinOptions, SessionState
from sandpiper.peer.credentials import Credentials
from sandpiper.peer.profile import Profile
from sandpiper.peer.status import PathInfo, RoomStatus, Verification

_ELSEWHERE: Final = "that is for rooms between peers; this one is a broker's"


class BrokerEngine:
    """The engine of one room at a broker (see Engine). Made on a running loop."""

    def __init__(
        self,
        target: Target,
        options: JoinOptions,
        access_code: str | None,
        profile: Profile,
        *,
        one_port: bool,
        turned: Callable[[], None],
    ) -> None:
        self._target = target
        self._room = options.room
        self.no_older = ""
        self._keys = CurveKeys.make()
        credentials = Credentials(profile.signing_key, self._keys.public, access_code, os.urandom)
        self._session = BrokerSession(options, credentials)
        self._connection = self.outlet = BrokerConnection(
            self._session, credentials, self._keys, target, profile, one_port=one_port, turned=turned
        )
        self.moved = self._connection.moved
        self.events = self._session.events

    # Life --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """See Engine."""
        await self._connection.start()

    async def close(self) -> None:
        """See Engine."""
        await self._connection.close()

    @property
    def status(self) -> RoomStatus:
        """See Engine. The path is `opening` until it is known whether the bus answers."""
        session = self._session
        opening = session.state is SessionState.INSIDE and session.path.name == "offline"
        return RoomStatus(
            name=self._room,
            where=self._target.address,
            broker=self._connection.broker,
            nick=session.nick,
            fingerprint=session.fingerprint,
            path="opening" if opening else session.path.name,
            rtt_ms=None if session.rtt_s is None else session.rtt_s * 1000,
            run=session.entered.run if session.entered else "",
            seq=session.entered.head if session.entered else 0,
            trouble=session.path.outage or session.holdup.choked,
            held=session.holdup.text,
        )

    def post_as_tool(self, draft: Draft, nick: str, now: float) -> str:
        """See Engine."""
        raise Refusal(Code.INVALID, f"{_ELSEWHERE}, which has endpoints of its own for programs")

    def pause(self, on: bool) -> None:
        """See Engine."""
        self._connection.pause(on)

    # Requests ----------------------------------------------------------------------------------------------

    async def members(self) -> list[Member]:
        """See Engine."""
        reply = await self._connection.request(control.Who(r=0, room=self._room))
        return reply.members if isinstance(reply, control.Present) else []

    async def rooms(self) -> list[RoomInfo]:
        """See Engine."""
        reply = await self._connection.request(control.ListRooms(r=0))
        return reply.rooms if isinstance(reply, control.RoomList) else []

    async def claim(self, nick: str) -> None:
        """See Engine."""
        await self._connection.request(control.Claim(r=0, room=self._room, nick=nick))
        self._session.nick = nick

    async def whisper(self, to: str, text: str) -> None:
        """See Engine."""
        name = os.urandom(8).hex()
        await self._connection.request(control.SendWhisper(r=0, room=self._room, to=to, text=text, id=name))

    async def older(self, before: int | Message | None) -> list[Message]:
        """See Engine."""
        found: list[Message] = []
        self.no_older = ""
        if before is None:
            before = self.status.seq + 1
        elif not isinstance(before, int):
            before = before.seq
        if before <= 1:
            self.no_older = "nothing older: this is where the room's log begins"
        after = max(0, before - 1 - OLDER_MESSAGES)
        while after < before - 1:  # a page of long messages is a short one
            reply = await self._connection.request(
                control.Replay(r=0, room=self._room, after=after, limit=before - 1 - after)
            )
            if not isinstance(reply, control.Page) or reply.run != self.status.run:
                break
            page = batch.decode_all(reply.blocks)
            if before <= reply.start:
                kept = reply.head - reply.start + 1
                self.no_older = f"older messages are gone: the broker keeps the newest {kept:,}"
            seqs = [each.seq for each in page if each.seq > after]
            if not seqs:
                break
            found += [each for each in page if after < each.seq < before]
            after = max(seqs)
        return found

    async def paths(self) -> list[PathInfo]:
        """See Engine."""
        return [PathInfo(each.nick, each.from_, each.path, each.rtt_ms, "") for each in await self.members()]

    # What only a room between peers has --------------------------------------------------------------------

    async def verify(self, nick: str, *, same: bool = False) -> list[Verification]:
        """See Engine."""
        raise Refusal(Code.INVALID, f"{_ELSEWHERE}, which vouches for the nicks; /who shows the fingerprints")

    async def kick(self, nick: str, *, with_admitted: bool = False, dry_run: bool = False) -> list[str]:
        """See Engine."""
        raise Refusal(Code.INVALID, f"{_ELSEWHERE}: who runs it says who may come in")

    async def readmit(self, nicks: Sequence[str]) -> list[str]:
        """See Engine."""
        raise Refusal(Code.INVALID, f"{_ELSEWHERE}: who runs it says who may come in")

    async def name_owner(self, nick: str) -> None:
        """See Engine."""
        raise Refusal(Code.INVALID, f"{_ELSEWHERE}: who runs it owns it")

    async def rotate(self) -> str:
        """See Engine."""
        raise Refusal(Code.INVALID, f"{_ELSEWHERE} and has no code")
