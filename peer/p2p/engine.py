"""The engine of a room between peers, as a Room sees it: what it tells of the member, and what it has it do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Sequence
from typing import Final

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.io.tasks import to_its_end
from sandpiper.common.messages import Draft, Member, Message, RoomInfo
from sandpiper.peer.p2p.connectivity import milliseconds
from sandpiper.peer.p2p.member import Member as P2PMember
from sandpiper.peer.p2p.runner import MemberRunner
from sandpiper.peer.p2p.state.options import PeerOptions
from sandpiper.peer.p2p.state.peer import PeerState
from sandpiper.peer.profile import Profile
from sandpiper.peer.status import PathInfo, RoomStatus, Verification

_EXPECT_S: Final = 2.0
"""Who is there is asked right after entering: the others have this long to be heard."""


class P2PEngine:
    """See Engine. Made on a running loop."""

    def __init__(self, options: PeerOptions, profile: Profile, turned: Callable[[], None]) -> None:
        self.runner = MemberRunner(options, profile, turned)
        self.outlet = self.runner
        self.moved = self.runner.moved
        self.events = self.runner.events
        self._reading = asyncio.Lock()
        self._comparing = asyncio.Lock()

    async def start(self) -> None:
        """See Engine."""
        try:
            await self.runner.start()
        except BaseException:
            await to_its_end(self.runner.close())
            raise

    async def close(self) -> None:
        """See Engine."""
        await self.runner.leave()
        await self.runner.close()

    @property
    def member(self) -> P2PMember:
        """The pure half, once inside."""
        assert self.runner.member is not None
        return self.runner.member

    # What it tells: see Engine -----------------------------------------------------------------------------

    @property
    def status(self) -> RoomStatus:
        """See Engine."""
        return self.runner.status

    async def members(self) -> list[Member]:
        """See Engine: oneself first."""
        status, peers, names, moved = self.member.status, self.member.peers, self.member.names, self.moved
        until = status.entered_at + _EXPECT_S
        while any(peer.state is PeerState.EXPECTED for peer in peers.values()) and time.monotonic() < until:
            moved.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(moved.wait(), until - time.monotonic())
        now = time.monotonic()
        me = [] if status.quiet else [Member(status.nick, status.fingerprint, True, "self")]
        return me + [
            Member(
                peer.nick,
                peer.fingerprint,
                names.owns(peer.fingerprint, peer.nick),
                peer.path(now),
                milliseconds(peer.rtt_s),
            )
            for peer in peers.values()
            if peer.here and not peer.quiet
        ]

    async def rooms(self) -> list[RoomInfo]:
        """See Engine: there is just this one."""
        return [RoomInfo(self.status.name, len(await self.members()), self.member.status.stored)]

    async def older(self, before: int | Message | None) -> list[Message]:
        """See Engine: of what a member holds itself, or others give it."""
        if isinstance(before, int):
            raise Refusal(Code.INVALID, "between peers each has numbers of their own: older(message), not its seq")
        async with self._reading:
            past = self.member.past
            past.ask(before, time.monotonic())
            self.runner.pump()
            while (found := past.found) is None:
                if self.runner.closed:
                    raise Refusal(Code.CLOSING, "the room was closed before there was an answer")
                self.moved.clear()
                await self.moved.wait()
            return found

    @property
    def no_older(self) -> str:
        """See Engine."""
        return self.member.past.why

    async def paths(self) -> list[PathInfo]:
        """See Engine."""
        return self.runner.connectivity.paths(self.member.peers, time.monotonic())

    async def verify(self, nick: str, *, same: bool = False) -> list[Verification]:
        """See Engine."""
        async with self._comparing:
            verifier = self.member.verifier
            if same:
                verifier.confirm(nick)
                self.runner.pump()
                return []
            verifier.ask(nick, time.monotonic())
            self.runner.pump()
            while (found := verifier.found) is None:
                if self.runner.closed:
                    raise Refusal(Code.CLOSING, "the room was closed before there was an answer")
                self.moved.clear()
                await self.moved.wait()
            return found

    # What it does: see Engine ------------------------------------------------------------------------------

    def post_as_tool(self, draft: Draft, nick: str, now: float) -> str:
        """See Engine."""
        return self.runner.post(draft, now, nick)

    def pause(self, on: bool) -> None:
        """See Engine."""
        self.runner.pause(on)

    async def claim(self, nick: str) -> None:
        """See Engine."""
        self.member.rename(nick)
        self.runner.pump()

    async def whisper(self, to: str, text: str) -> None:
        """See Engine."""
        name = os.urandom(8).hex()
        self.member.whisper(to, text, name, time.monotonic())
        waiting = self.runner.whispers.expect(name)
        self.runner.pump()
        await waiting

    async def kick(self, nick: str, *, with_admitted: bool = False, dry_run: bool = False) -> list[str]:
        """See Engine."""
        names = self.member.removals.kick(nick, with_admitted=with_admitted, dry_run=dry_run)
        self.runner.pump()
        return names

    async def readmit(self, nicks: Sequence[str]) -> list[str]:
        """See Engine."""
        names = self.member.removals.readmit(nicks)
        self.runner.pump()
        return names

    async def name_owner(self, nick: str) -> None:
        """See Engine."""
        self.member.removals.name_owner(nick)
        self.runner.pump()

    async def rotate(self) -> str:
        """See Engine."""
        code = self.member.removals.change_code()
        self.runner.pump()
        return code
