"""Looking a room up at several discovery services at once, and what their answers mean together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sandpiper.common.errors import Code, Refusal, Rejected, Unreachable
from sandpiper.common.limits import SERVICE_WAIT_MOST_S
from sandpiper.peer.p2p.rendezvous.client import RendezvousClient


async def ask_all(
    services: Sequence[RendezvousClient], nameplate: int
) -> tuple[list[list[tuple[object, bytes]]], list[Refusal]]:
    """The mailboxes of the room's members, those of one group together, each with its service; and the refusals."""
    answers = await asyncio.gather(*(service.lookup(nameplate) for service in services), return_exceptions=True)
    groups: list[list[tuple[object, bytes]]] = []
    refusals: list[Refusal] = []
    for service, answer in zip(services, answers, strict=True):
        if isinstance(answer, Refusal):
            refusals.append(answer)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            groups += [[(service, mailbox) for mailbox in group] for group in answer.groups if group]
    return groups, refusals


def judge(refusals: list[Refusal], *, named: bool) -> None:
    """Raises Rejected where all refuse for our pace, and Unreachable where all of those that were named have gone."""
    rates = [refusal for refusal in refusals if refusal.code is Code.RATE]
    if rates and len(rates) == len(refusals):
        seconds = max(1, min(rates[0].retry_ms // 1000, int(SERVICE_WAIT_MOST_S)))
        raise Rejected(f"too many look-ups from this address; try again in {seconds} s")
    if named and refusals and all(refusal.code is Code.CLOSING for refusal in refusals):
        raise Unreachable(f"the discovery service went away: {refusals[0].text}")
