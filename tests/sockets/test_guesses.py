"""A stranger who knows the number of a room asks all of its members at once, over a real discovery service."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from sandpiper.common.codes import parse_code
from sandpiper.common.io.sockets import context
from sandpiper.common.io.tasks import terminated
from sandpiper.common.limits import DOORKEEPERS
from sandpiper.common.p2p import admission
from sandpiper.common.p2p.admission import Answer, Denied, Elsewhere, Half, Knock, Proof
from sandpiper.common.rendezvous import PeerCard
from sandpiper.peer import Room, create, join
from sandpiper.peer.p2p.admission.handshake import Attempt, shared_secret
from sandpiper.peer.p2p.rendezvous.client import RendezvousClient
from sandpiper.peer.profile import Profile
from tests.sockets.running import RunningDiscovery

MEMBERS = 7
DEADLINE_S = 90.0


class Stranger:
    """Keeps what comes to its mailbox."""

    def __init__(self) -> None:
        self.letters: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()

    def letter(self, sender: bytes, body: bytes) -> None:
        self.letters.put_nowait((sender, body))

    def peers(self, cards: list[PeerCard]) -> None:
        pass

    def up(self) -> None:
        pass

    def down(self, text: str, *, distrusted: bool = False) -> None:
        pass

    async def hears(self) -> tuple[bytes, admission.AnyLetter]:
        sender, body = await self.letters.get()
        return sender, admission.decode_letter(body)


@contextlib.asynccontextmanager
async def crowd(door: str) -> AsyncIterator[list[Room]]:
    """A room whose members all see each other."""
    async with contextlib.AsyncExitStack() as stack:
        rooms: list[Room] = []
        moved = asyncio.Event()
        for number in range(MEMBERS):
            where = {"discovery": door, "lan": False, "local": True, "profile": Profile.ephemeral()}
            wish = {"nick": f"m{number}", **where}
            made = join(rooms[0].code or "", **wish) if rooms else create(**wish)  # type: ignore[arg-type]
            rooms.append(await stack.enter_async_context(made))
            stack.push_async_callback(_stop, asyncio.create_task(_read(rooms[-1], moved)))
        while min([len(await room.members()) for room in rooms]) < MEMBERS:
            await moved.wait()
            moved.clear()
        yield rooms


async def _read(room: Room, moved: asyncio.Event) -> None:
    async for _ in room:
        moved.set()


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def mailboxes(client: RendezvousClient, nameplate: int) -> set[bytes]:
    found: set[bytes] = set()
    while len(found) < MEMBERS:
        found |= {mailbox for group in (await client.lookup(nameplate)).groups for mailbox in group}
    return found


async def guess(door: str, code: str) -> tuple[int, int, int]:
    """Has as many halves shown at once as it can, each for another wrong guess; then sends all proofs."""
    stranger, nameplate = Stranger(), parse_code(code).nameplate
    ctx = context()
    client = RendezvousClient(ctx, door, Profile.ephemeral(), pin=False, callbacks=stranger)
    await client.open()
    try:
        keys: dict[bytes, tuple[bytes, bytes]] = {}
        for mailbox in await mailboxes(client, nameplate):
            name, key = os.urandom(16), os.urandom(32)
            keys[name] = mailbox, key
            client.post(mailbox, admission.encode(Knock(name, 1, key)))
        attempts: dict[bytes, Attempt] = {}
        shown = sent_on = denied = 0
        while shown + sent_on < MEMBERS:
            sender, letter = await stranger.hears()
            if isinstance(letter, Answer):
                attempts[letter.attempt] = Attempt(
                    joiner=True,
                    secret=shared_secret(f"wrong-{len(attempts)}", None),
                    nameplate=nameplate,
                    generation=letter.generation,
                    room=letter.room,
                    attempt=letter.attempt,
                    joiner_key=keys[letter.attempt][1],
                    sponsor_key=letter.key,
                    entropy=os.urandom,
                )
                client.post(sender, admission.encode(Half(letter.attempt, attempts[letter.attempt].message)))
            elif isinstance(letter, Half):
                attempts[letter.attempt].finish(letter.message)
                shown += 1
            elif isinstance(letter, Elsewhere):
                assert len(letter.mailboxes) == DOORKEEPERS
                sent_on += 1
        for name, attempt in attempts.items():
            client.post(keys[name][0], admission.encode(Proof(name, attempt.confirmation, attempt.seal(b""))))
        while denied < len(attempts):
            denied += isinstance((await stranger.hears())[1], Denied)
        return shown, sent_on, denied
    finally:
        await client.close()
        await terminated(ctx.term)


def test_all_members_asked_at_once_try_no_more_guesses_than_five(tmp_path: Path) -> None:
    async def play() -> None:
        async with crowd(discovery.door) as rooms:
            assert await guess(discovery.door, rooms[0].code or "") == (
                DOORKEEPERS,
                MEMBERS - DOORKEEPERS,
                DOORKEEPERS,
            )

    discovery = RunningDiscovery(tmp_path / "discovery")
    try:
        asyncio.run(asyncio.wait_for(play(), DEADLINE_S))
    finally:
        discovery.stop()
