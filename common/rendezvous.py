"""Rendezvous: what a member of a P2P room and the discovery service say to each other over CURVE DEALER and ROUTER.

One msgpack map a frame, as on control (common/control.py): a request carries `r`, which its reply repeats, and what
carries no `r` is an event. The service sees numbers, keys, addresses and opaque bytes; no word of a code, no nick.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from sandpiper.common.codec import decode
from sandpiper.common.codec import encode as encode
from sandpiper.common.limits import (
    ACCESS_CODE_CHARS,
    ANNOUNCED_BROKERS,
    ANNOUNCED_CHARS,
    CARD_BYTES,
    ERROR_CHARS,
    GROUPS_FOUND,
    LEASES_PER_GROUP,
    LETTER_BYTES,
    MAILBOX_BYTES,
    MAILBOXES_FOUND,
    NAMEPLATE_MOST,
    OBSERVED_CHARS,
    SENIORITY_BYTES,
    SERVICE_TEXT_CHARS,
    TICKET_CHARS,
)

SERVER: Final = "sandpiper discovery"
"""What the door's `welcome` calls itself; a broker's says otherwise."""
_LEASE: Final = b"sandpiper lease v1\0"

Mailbox: TypeAlias = Annotated[bytes, Meta(min_length=MAILBOX_BYTES, max_length=MAILBOX_BYTES)]
Key: TypeAlias = Annotated[bytes, Meta(min_length=32, max_length=32)]
Signature: TypeAlias = Annotated[bytes, Meta(min_length=64, max_length=64)]
Card: TypeAlias = Annotated[bytes, Meta(max_length=CARD_BYTES)]
Body: TypeAlias = Annotated[bytes, Meta(max_length=LETTER_BYTES)]
Nameplate: TypeAlias = Annotated[int, Meta(ge=0, le=NAMEPLATE_MOST)]
Token: TypeAlias = Annotated[bytes, Meta(max_length=SENIORITY_BYTES)]
Observed: TypeAlias = Annotated[str, Meta(max_length=OBSERVED_CHARS)]
Text: TypeAlias = Annotated[str, Meta(max_length=SERVICE_TEXT_CHARS)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]


class PeerCard(msgspec.Struct):
    """A member of one's own group: where to write to, its sealed card, and the address it was seen at."""

    mailbox: Mailbox
    blob: Card
    observed: Observed


class BrokerAt(msgspec.Struct):
    """A broker that relays for this service's rooms, and the access code to say there."""

    address: Annotated[str, Meta(max_length=ANNOUNCED_CHARS)]
    access_code: Annotated[str, Meta(max_length=ACCESS_CODE_CHARS)] | None = None


class Request(msgspec.Struct, tag_field="type", tag=str.lower, kw_only=True):
    """A request of a member."""

    r: int


class Greet(Request):
    """The first request of a connection. `ticket` is the door's."""

    v: int
    ticket: Annotated[str, Meta(max_length=TICKET_CHARS)] = ""


class Claim(Request):
    """Takes or renews a lease on a nameplate for the group of the registration key `group`.

    `fresh` opens a room, so no other group may have a lease there; nameplate 0 has the service propose one. The
    signature is the registration key's over `lease_statement(...)`. `have` is the group's version that the member
    holds: its cards are not told again. `seniority` is the token of the member's last lease at the nameplate.
    """

    nameplate: Nameplate
    group: Key
    blob: Card
    signature: Signature
    fresh: bool = False
    have: Count = 0
    seniority: Token = b""


class Lookup(Request):
    """Asks who has a room at a nameplate."""

    nameplate: Nameplate


class Post(Request):
    """A letter for a mailbox."""

    mailbox: Mailbox
    body: Body


class Release(Request):
    """Ends a lease of this connection."""

    nameplate: Nameplate
    group: Key


class Ping(Request):
    """A sign of life."""


class Bye(Request):
    """Ends all that this connection has."""


class Reply(msgspec.Struct, tag_field="type", tag=str.lower, kw_only=True):
    """An answer to the request `r`."""

    r: int


class Done(Reply):
    """The request is carried out."""


class Refused(Reply):
    """The request is not carried out."""

    code: Annotated[str, Meta(max_length=ERROR_CHARS)]
    text: Text
    retry_ms: Count = 0


class Greeted(Reply):
    """The connection's mailbox, the address it was seen at, and the brokers that relay.

    For `settling_ms` more a look-up may be answered `not_yet`: the service has only just started.
    """

    mailbox: Mailbox
    observed: Observed
    brokers: Annotated[list[BrokerAt], Meta(max_length=ANNOUNCED_BROKERS)] = []
    settling_ms: Count = 0


class Leased(Reply):
    """The lease holds for LEASE_S, the room until `expires_at` (Unix time) if nobody renews.

    The group stands at `version`; `peers` are its other members, None when that was `have`. `seniority` confirms since
    when the member's group is there, to the service and the connection's key.
    """

    nameplate: Nameplate
    expires_at: Count
    version: Count
    peers: Annotated[list[PeerCard], Meta(max_length=LEASES_PER_GROUP)] | None = None
    seniority: Token = b""


class Found(Reply):
    """Some mailboxes of each group that has a room at the nameplate; the senior groups first."""

    groups: Annotated[list[Annotated[list[Mailbox], Meta(max_length=MAILBOXES_FOUND)]], Meta(max_length=GROUPS_FOUND)]


class Pong(Reply):
    """The answer to Ping."""


class Event(msgspec.Struct, tag_field="type", tag=str.lower, kw_only=True):
    """A message of the service that answers no request."""


class Letter(Event):
    """A letter from the mailbox `sender`."""

    sender: Mailbox
    body: Body


class Changed(Event):
    """A step of the group from `version` - 1: these cards are new, or replace those of their mailboxes; `gone` go."""

    nameplate: Nameplate
    group: Key
    version: Count
    cards: Annotated[list[PeerCard], Meta(max_length=LEASES_PER_GROUP)] = []
    gone: Annotated[list[Mailbox], Meta(max_length=LEASES_PER_GROUP)] = []


class Closing(Event):
    """The service goes; come back later."""

    text: Text


AnyRequest: TypeAlias = Greet | Claim | Lookup | Post | Release | Ping | Bye
AnyAnswer: TypeAlias = Done | Refused | Greeted | Leased | Found | Pong | Letter | Changed | Closing

_requests: Final = msgspec.msgpack.Decoder(AnyRequest)
_answers: Final = msgspec.msgpack.Decoder(AnyAnswer)


def decode_request(frame: bytes) -> AnyRequest:
    """Decodes a member's request. Raises Refusal; `codec.request_number` tells which request it answers."""
    request: AnyRequest = decode(_requests, frame, "not a request")
    return request


def decode_answer(frame: bytes) -> AnyAnswer:
    """Decodes an answer of the service. Raises Refusal."""
    answer: AnyAnswer = decode(_answers, frame, "not an answer")
    return answer


# What the registration key signs -----------------------------------------------------------------------------


def lease_statement(service_key: bytes, own_key: bytes, nameplate: int, blob: bytes) -> bytes:
    """Binds a lease to one service and one connection's CURVE key, so that nobody else can show it, or elsewhere."""
    return _LEASE + service_key + own_key + nameplate.to_bytes(4, "big") + blob


def sign_lease(registration: SigningKey, service_key: bytes, own_key: bytes, nameplate: int, blob: bytes) -> bytes:
    """64 bytes of Ed25519 (RFC 8032)."""
    return registration.sign(lease_statement(service_key, own_key, nameplate, blob)).signature


def lease_holds(claim: Claim, service_key: bytes, own_key: bytes) -> bool:
    """Whether the claim is signed by its group's key. False too for bytes that are no key."""
    statement = lease_statement(service_key, own_key, claim.nameplate, claim.blob)
    try:
        VerifyKey(claim.group).verify(statement, claim.signature)
    except (BadSignatureError, ValueError, TypeError):
        return False
    return True
