"""A broker without sockets: the core, its handlers and admission over one store, and a clock that is set by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from nacl.signing import SigningKey

from sandpiper.broker.admission import Admission
from sandpiper.broker.core import Broker, Rules
from sandpiper.broker.ingress import Ingress
from sandpiper.broker.line_port import LinePort
from sandpiper.broker.outputs import Output, ToBus, ToGuest, ToSession
from sandpiper.broker.records import Batch
from sandpiper.broker.request_handlers import RequestHandlers
from sandpiper.broker.session import ClientSession
from sandpiper.broker.store.errors import StoreFull
from sandpiper.broker.store.store import Store
from sandpiper.common import batch, control, frame
from sandpiper.common.control import Refused
from sandpiper.common.items import Item
from sandpiper.common.keys import sign_enrolment
from sandpiper.common.limits import VERSION
from sandpiper.common.messages import Draft, Message, MsgDraft, Notice, Welcome
from sandpiper.common.tickets import Requester

BROKER_KEY = b"B" * 32
WALL = 1_700_000_000.0
WELCOME = Welcome(VERSION, "house", "k" * 40, None, None, "")

T = TypeVar("T")


class FullStore(Store):
    """A store whose disk is full while `full` says so."""

    full = False
    words = "the disk is full"

    def commit(self, batch: Batch, now: float) -> None:
        if self.full:
            raise StoreFull(self.words)
        super().commit(batch, now)

    def probe(self) -> None:
        if self.full:
            raise StoreFull(self.words)
        super().probe()


def identity(name: str) -> SigningKey:
    """A person's key, always the same for the same name."""
    return SigningKey(hashlib.sha256(name.encode()).digest())


def session_key(name: str) -> bytes:
    return hashlib.sha256(b"session " + name.encode()).digest()


@dataclass(eq=False)
class Line:
    """A JSON-lines client as the line port sees it."""

    items: list[Item] = field(default_factory=list)

    def deliver(self, items: Sequence[Item]) -> None:
        self.items += items

    def close(self, text: str) -> None:
        """Nothing is left open here."""

    def heard(self, kind: type[T]) -> list[T]:
        return [item.message for item in self.items if isinstance(item.message, kind)]


class House:
    """Restarts with `restart`: a new broker over the same store, as after kill -9."""

    def __init__(self, store: Store | None = None, rules: Rules | None = None, access_code: str | None = None) -> None:
        self.store = store or FullStore.memory()
        self.rules = rules or Rules()
        self.access_code = access_code
        self.now = 1000.0
        self._counter = 0
        self.restart()

    def restart(self) -> None:
        self.broker = Broker(self.store, self.rules, self.now, WALL + self.now)
        self.admission = Admission(self.store, BROKER_KEY, self.access_code, b"s" * 32, self.entropy)
        self.ingress = Ingress(self.broker)
        self.handlers = RequestHandlers(self.broker, self.ingress, self.admission, lambda: WALL + self.now)
        self.line_port = LinePort(
            self.broker,
            self.ingress,
            self.admission,
            lambda address: WELCOME,
            lambda: self.now,
            lambda: None,
            lambda: None,
        )

    def entropy(self, size: int) -> bytes:
        self._counter += 1
        return hashlib.shake_256(b"%d" % self._counter).digest(size)

    # Keyed sessions ------------------------------------------------------------------------------------------

    def ask_raw(self, key: bytes, encoded: bytes, address: str = "192.0.2.1") -> control.Reply | None:
        return self.handlers.answer(Requester(key, key, address), encoded, self.now)

    def ask(self, key: bytes, request: control.Request, address: str = "192.0.2.1") -> Any:
        return self.ask_raw(key, control.encode(request), address)

    def enrolment(self, key: bytes, person: SigningKey, confirm: bytes = b"") -> control.Enrol:
        signature = sign_enrolment(person, BROKER_KEY, key)
        return control.Enrol(r=1, v=VERSION, identity=bytes(person.verify_key), signature=signature, confirm=confirm)

    def enrol(self, person: str, device: str = "") -> ClientSession:
        """A session of `person`; the same device has the same session key."""
        key = session_key(f"{person}/{device}")
        reply = self.ask(key, self.enrolment(key, identity(person)))
        assert isinstance(reply, control.Enrolled), reply
        return self.broker.sessions[key]

    def join(
        self, person: str, room: str = "lobby", nick: str | None = None, device: str = "", **wish: Any
    ) -> ClientSession:
        session = self.enrol(person, device)
        nick = person if nick is None else nick
        reply = self.ask(session.key or b"", control.Join(r=2, room=room, nick=nick, **wish))
        assert isinstance(reply, control.Entered), reply
        return session

    def publish(
        self, session: ClientSession, text: str, n: int | None = None, room: str = "lobby", **more: Any
    ) -> None:
        self.publish_draft(session, MsgDraft(text=text, n=n, **more), room)

    def frames(self, drafts: list[Draft], room: str = "lobby") -> list[bytes]:
        return [frame.encode(room, str(draft.__struct_config__.tag), draft) for draft in drafts]

    @staticmethod
    def seqs(page: control.Page, after: int, limit: int) -> list[int]:
        """The seqs that a page answers with."""
        messages = [each for block in page.blocks for each in batch.decode(block) if not isinstance(each, Notice)]
        return [each.seq for each in messages if each.seq > after][:limit]

    def publish_draft(self, session: ClientSession, draft: Draft, room: str = "lobby") -> None:
        self.ingress.frame(session, frame.encode(room, str(draft.__struct_config__.tag), draft), self.now)

    # Guests --------------------------------------------------------------------------------------------------

    def line(self, nick: str | None = None, room: str = "lobby") -> Line:
        line = Line()
        self.line_port.enter(line, room, nick)
        return line

    # What came out -------------------------------------------------------------------------------------------

    def take(self) -> list[Output]:
        """What is to be sent; what is for guests is delivered too."""
        outputs = self.broker.take(self.now)
        for output in outputs:
            if isinstance(output, ToGuest):
                output.guest.deliver(output.items)
        return outputs

    def tick(self, seconds: float = 0.0) -> None:
        self.now += seconds
        self.broker.tick(self.now, WALL + self.now)

    def log(self, room: str = "lobby") -> list[Message]:
        page = self.store.page(room, 0, 100_000, 1 << 30)
        said = [message for _, _, body in page.blocks for message in batch.decode(body)]
        return [message for message in said if not isinstance(message, Notice) and message.seq >= page.start]

    def texts(self, room: str = "lobby") -> list[str]:
        return [getattr(message, "text", "") for message in self.log(room)]


def events(outputs: list[Output], session: ClientSession, kind: type[T]) -> list[T]:
    """What `session` is told of one type, in order."""
    return [
        output.message
        for output in outputs
        if isinstance(output, ToSession) and output.session is session and isinstance(output.message, kind)
    ]


def on_bus(outputs: list[Output]) -> list[Message | Notice]:
    """What goes to the bus, in order."""
    said = [frame.decode(each) for output in outputs if isinstance(output, ToBus) for each in output.fanout.singles]
    return [message for message in said if message is not None]


def notices(outputs: list[Output]) -> list[str]:
    return [message.text for message in on_bus(outputs) if isinstance(message, Notice)]


def fields(request: control.Request) -> dict[str, Any]:
    """A request as the map that it is on the wire."""
    body: dict[str, Any] = msgspec.msgpack.decode(control.encode(request))
    return body


def members(house: House, room: str = "lobby") -> list[str]:
    return [member.nick for member in house.broker.members(room)]


def refusal(house: House, session_key: bytes, request: control.Request) -> str:
    reply = house.ask(session_key, request)
    assert isinstance(reply, Refused), reply
    return reply.code


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value
