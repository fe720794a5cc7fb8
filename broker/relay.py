"""The relay: passes sealed bytes between the sessions at a tag, and knows nothing else of them.

A tag is the hash of an Ed25519 public key that the members of a room derive from a secret of theirs. Whoever proves
that key by a signature over this broker's key, its own session's key and a fresh nonce is *attached*: it may send
there, hears what is sent there, and is told who comes and goes, by addresses that are hashes of session keys. Nothing
is stored, and nothing outlives the session.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sandpiper.broker.outputs import Output, ToSession
from sandpiper.broker.session import ClientSession
from sandpiper.common.buckets import Bucket
from sandpiper.common.control import RelayPresence, Sealed
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.keys import attachment_holds, relay_address, relay_tag
from sandpiper.common.limits import (
    RELAY_BEHIND_BYTES,
    RELAY_CHALLENGES_BURST,
    RELAY_CHALLENGES_PER_S,
    RELAY_PER_TAG,
    RELAY_TAGS,
    RELAY_TAGS_PER_SESSION,
    RELAY_WAITING_BYTES,
    SEALED_BYTES,
)


@dataclass(slots=True)
class _Place:
    """A session that has asked for a challenge."""

    address: bytes
    nonce: bytes = b""
    tags: set[bytes] = field(default_factory=set)
    pace: Bucket = field(default_factory=lambda: Bucket(RELAY_CHALLENGES_PER_S, RELAY_CHALLENGES_BURST))


class Relay:
    """The relay of a broker: tags, who is attached to each, and what waits for them."""

    def __init__(self) -> None:
        self._tags: dict[bytes, dict[bytes, ClientSession]] = {}
        self._places: dict[ClientSession, _Place] = {}
        self.attached = 0
        self.bodies = 0
        self.octets = 0

    @property
    def tags(self) -> int:
        """How many are in use."""
        return len(self._tags)

    @property
    def allowance(self) -> int:
        """How many bytes may wait for one addressee now."""
        return max(min(RELAY_BEHIND_BYTES, RELAY_WAITING_BYTES // max(self.attached, 1)), SEALED_BYTES)

    def challenge(self, session: ClientSession, nonce: bytes, now: float) -> None:
        """The session's next attachment is to sign `nonce`. Raises Refusal: RATE."""
        place = self._places.get(session)
        if place is None:
            place = self._places[session] = _Place(relay_address(session.key or b""))
        wait = place.pace.take(1.0, now)
        if wait:
            raise Refusal(Code.RATE, "too many attachments", retry_ms=int(wait * 1000) + 1)
        place.nonce = nonce

    def attach(
        self, session: ClientSession, tag_key: bytes, signature: bytes, broker_key: bytes
    ) -> tuple[bytes, list[bytes], list[Output]]:
        """The tag, the addresses of the others there, and what they are told. Raises Refusal: INVALID, TOO_MANY."""
        place = self._places.get(session)
        nonce = place.nonce if place is not None else b""
        if place is None or not nonce:
            raise Refusal(Code.INVALID, "ask for a challenge first; each serves once")
        place.nonce = b""
        if not attachment_holds(tag_key, signature, broker_key, session.key or b"", nonce):
            raise Refusal(Code.INVALID, "the tag's key did not sign this challenge")
        tag = relay_tag(tag_key)
        if tag in place.tags:  # after a reconnect: the others have not heard that it was away
            return tag, self._others(tag, place.address), []
        self._check_room(place, tag)
        at_tag = self._tags.setdefault(tag, {})
        told = _presence(at_tag.values(), tag, place.address, present=True)
        present = list(at_tag)
        at_tag[place.address] = session
        self.attached += not place.tags
        place.tags.add(tag)
        return tag, present, told

    def _check_room(self, place: _Place, tag: bytes) -> None:
        if len(place.tags) >= RELAY_TAGS_PER_SESSION:
            raise Refusal(Code.TOO_MANY, f"a session is attached to at most {RELAY_TAGS_PER_SESSION} tags")
        if len(self._tags.get(tag, ())) >= RELAY_PER_TAG:
            raise Refusal(Code.TOO_MANY, f"at most {RELAY_PER_TAG} sessions are attached to a tag")
        if tag not in self._tags and len(self._tags) >= RELAY_TAGS:
            raise Refusal(Code.TOO_MANY, f"this broker has its {RELAY_TAGS} relay tags already")

    def _others(self, tag: bytes, address: bytes) -> list[bytes]:
        return [other for other in self._tags[tag] if other != address]

    def detach(self, session: ClientSession, tag: bytes) -> list[Output]:
        """The session leaves the tag; the others are told. One that is not there has left already."""
        place = self._places.get(session)
        if place is None or tag not in place.tags:
            return []
        place.tags.remove(tag)
        self.attached -= not place.tags
        at_tag = self._tags[tag]
        del at_tag[place.address]
        if not at_tag:
            del self._tags[tag]
        return _presence(at_tag.values(), tag, place.address, present=False)

    def drop(self, session: ClientSession) -> list[Output]:
        """The session has gone."""
        place = self._places.get(session)
        tags = list(place.tags) if place is not None else []
        told = [output for tag in tags for output in self.detach(session, tag)]
        self._places.pop(session, None)
        return told

    def send(self, session: ClientSession, tag: bytes, to: list[bytes], body: bytes, now: float) -> list[Output]:
        """`body` for whoever of `to` is at the tag, or for all others.

        Raises Refusal: RATE, NOT_JOINED, TOO_LARGE, TOO_MANY.
        """
        wait = session.meter.take(
            len(body) + sum(map(len, to)), now
        )  # first of all: what is refused costs its rate too
        if wait:
            raise Refusal(Code.RATE, "slow down", retry_ms=int(wait * 1000) + 1)
        place = self._places.get(session)
        if place is None or tag not in place.tags:
            raise Refusal(Code.NOT_JOINED, "you are not attached to this tag")
        if len(body) > SEALED_BYTES:
            raise Refusal(Code.TOO_LARGE, f"a sealed body has at most {SEALED_BYTES} bytes, this one {len(body)}")
        if len(to) > RELAY_PER_TAG:
            raise Refusal(Code.TOO_MANY, f"a sealed body has at most {RELAY_PER_TAG} addressees, this one {len(to)}")
        at_tag = self._tags[tag]
        addressed = {address: at_tag[address] for address in to if address in at_tag} if to else at_tag
        sealed = Sealed(tag=tag, sender=place.address, body=body)
        self.bodies += 1
        self.octets += len(body)
        return [ToSession(other, sealed) for other in addressed.values() if other is not session]


def _presence(sessions: Iterable[ClientSession], tag: bytes, address: bytes, *, present: bool) -> list[Output]:
    event = RelayPresence(tag=tag, address=address, present=present)
    return [ToSession(session, event) for session in sessions]
