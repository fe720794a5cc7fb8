"""A discovery service without sockets: the core, a clock that is set by hand, and callers with real keys."""

from __future__ import annotations

import hashlib
import random
from typing import Any, TypeVar

from nacl.signing import SigningKey

from sandpiper.common import rendezvous
from sandpiper.common.limits import VERSION
from sandpiper.common.rendezvous import BrokerAt, Event, sign_lease
from sandpiper.common.tickets import Requester, Tickets
from sandpiper.discovery.core import RendezvousCore

KEY = b"D" * 32
WALL = 1_700_000_000.0
BROKERS = [BrokerAt("relay.example:5000", "s3cret")]
ROOM = SigningKey(b"r" * 32)
OTHER = SigningKey(b"o" * 32)

T = TypeVar("T", bound=Event)


class Place:
    """One service. It has settled unless told otherwise."""

    def __init__(self, *, settle_s: float = 0.0) -> None:
        self.now = 1000.0
        self.tickets = Tickets(b"t" * 32)
        self.core = RendezvousCore(
            KEY,
            random.Random(7),
            self.tickets,
            BROKERS,
            now=self.now,
            wall=lambda: WALL + self.now - 1000.0,
            settle_s=settle_s,
            secret=b"s" * 32,
        )
        self.people: list[Person] = []

    def person(self, name: str, address: str = "192.0.2.1", *, greeted: bool = True) -> Person:
        made = Person(self, name, address)
        self.people.append(made)
        if greeted:
            made.greet()
        return made

    def deliver(self) -> None:
        """Hands out what the core has to push."""
        for push in self.core.take():
            for person in self.people:
                if person.caller.route == push.route:
                    person.heard.append(push.event)

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.core.tick(self.now)
        self.deliver()


class Person:
    """One CURVE key, and the connection that it has now."""

    def __init__(self, place: Place, name: str, address: str) -> None:
        self.place = place
        self.key = hashlib.sha256(name.encode()).digest()
        self.address = address
        self.heard: list[Event] = []
        self._connections = 0
        self.mailbox = b""
        self.connect()

    def connect(self) -> None:
        """Another connection with the same key."""
        self._connections += 1
        self.caller = Requester(self.key, self.key[:4] + bytes([self._connections]), self.address)

    def lose(self) -> None:
        """The connection goes."""
        self.place.core.gone(self.caller)

    def tell(self, frame: bytes) -> Any:
        reply = self.place.core.answer(self.caller, frame, self.place.now)
        self.place.deliver()
        return rendezvous.decode_answer(rendezvous.encode(reply))

    def ask(self, request: rendezvous.Request) -> Any:
        request.r = 7
        reply = self.tell(rendezvous.encode(request))
        assert reply.r == 7
        return reply

    def greet(self, **other: Any) -> rendezvous.Greeted:
        reply = self.ask(rendezvous.Greet(r=0, **{"v": VERSION, **other}))
        assert isinstance(reply, rendezvous.Greeted), reply
        self.mailbox = reply.mailbox
        return reply

    def claim(self, nameplate: int = 42, registration: SigningKey = ROOM, blob: bytes = b"card", **other: Any) -> Any:
        signature = sign_lease(registration, KEY, self.key, nameplate, blob)
        given = {"group": bytes(registration.verify_key), "signature": signature, **other}
        return self.ask(rendezvous.Claim(r=0, nameplate=nameplate, blob=blob, **given))

    def lookup(self, nameplate: int = 42) -> Any:
        return self.ask(rendezvous.Lookup(r=0, nameplate=nameplate))

    def post(self, mailbox: bytes, body: bytes = b"hello") -> Any:
        return self.ask(rendezvous.Post(r=0, mailbox=mailbox, body=body))

    def release(self, nameplate: int = 42, registration: SigningKey = ROOM) -> Any:
        return self.ask(rendezvous.Release(r=0, nameplate=nameplate, group=bytes(registration.verify_key)))

    def events(self, kind: type[T]) -> list[T]:
        """What has come of this type since it was last asked."""
        found = [event for event in self.heard if isinstance(event, kind)]
        self.heard = [event for event in self.heard if not isinstance(event, kind)]
        return found


def code_of(reply: Any) -> str:
    """Why it was refused; the type of a reply that is no refusal."""
    return reply.code if isinstance(reply, rendezvous.Refused) else type(reply).__name__.lower()
