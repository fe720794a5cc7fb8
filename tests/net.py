"""An in-memory network: a broker's core and sessions' cores on a seeded link that drops, repeats and reorders.

Control is in order and sure, as TCP is, until it is cut; the bus is as bad as it is told to be. Time is a number that
jumps to whatever is due next, so nothing here waits.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from nacl.signing import SigningKey

from sandpiper.broker.admission import Admission
from sandpiper.broker.core import Broker, Rules
from sandpiper.broker.ingress import Ingress
from sandpiper.broker.outputs import Output, ToBus, ToGuest, ToSession
from sandpiper.broker.request_handlers import RequestHandlers
from sandpiper.broker.store.store import Store
from sandpiper.common import control
from sandpiper.common.messages import DataDraft, Message, MsgDraft
from sandpiper.common.tickets import Requester
from sandpiper.peer.broker_session import BrokerSession, JoinOptions, SessionState
from sandpiper.peer.credentials import Credentials
from sandpiper.peer.events import Event, Received

BROKER_KEY = b"B" * 32
WALL = 1_700_000_000.0

STORES: list[Store] = []
"""Those of the running test's nets: tests/conftest.py closes them, in the thread that made them."""


@dataclass(frozen=True, slots=True)
class Weather:
    """Chances of one bus frame, each way."""

    drop: float = 0.0
    repeat: float = 0.0
    delay_s: float = 0.0


@dataclass
class Client:
    """One session and what it has been told."""

    key: bytes
    session: BrokerSession
    events: list[Event] = field(default_factory=list)
    online: bool = False
    connection: int = 0
    bus: bool = True

    @property
    def heard(self) -> list[Message]:
        return [event.message for event in self.events if isinstance(event, Received)]

    @property
    def seqs(self) -> list[int]:
        return [message.seq for message in self.heard]


class Net:
    """One broker and its clients."""

    def __init__(
        self,
        seed: int = 0,
        weather: Weather | None = None,
        rules: Rules | None = None,
        access_code: str | None = None,
        store: Store | None = None,
    ) -> None:
        self.random = random.Random(seed)
        self.weather = weather or Weather()
        self.rules = rules or Rules()
        self.access_code = access_code
        self.store = store or Store.memory()
        STORES.append(self.store)
        self.now = 1000.0
        self.clients: list[Client] = []
        self.on_bus: list[bytes] = []
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self.start_broker()

    # The broker --------------------------------------------------------------------------------------------

    def start_broker(self) -> None:
        """A broker takes over the store, as after kill -9: nothing else of the last one is left."""
        self.broker = Broker(self.store, self.rules, self.now, WALL + self.now)
        self.admission = Admission(self.store, BROKER_KEY, self.access_code, b"s" * 32, self.random.randbytes)
        self.ingress = Ingress(self.broker)
        self.handlers = RequestHandlers(self.broker, self.ingress, self.admission, lambda: WALL + self.now)
        for client in self.clients:
            self.cut(client)

    def pump(self) -> None:
        for output in self.broker.take(self.now):
            self._carry_out(output)

    def _carry_out(self, output: Output) -> None:
        if isinstance(output, ToBus):
            self.on_bus += output.fanout.singles
            for client in self.clients:
                if client.online and client.bus and client.session.options.room == output.fanout.room:
                    for frame in output.fanout.batches:
                        self._by_bus(partial(self._hear, client, frame, client.connection))
        elif isinstance(output, ToGuest):
            output.guest.deliver(output.items)
        elif isinstance(output, ToSession):
            for client in self.clients:
                if client.online and client.key == output.session.key:
                    self._answer(client, control.encode(output.message))

    def _hear(self, client: Client, frame: bytes, connection: int) -> None:
        if client.online and client.connection == connection:
            client.session.receive_frame(frame, self.now)
            self.collect(client)

    # Clients -----------------------------------------------------------------------------------------------

    def client(
        self, nick: str, room: str = "lobby", *, bus: bool = True, identity: SigningKey | None = None, **wish: object
    ) -> Client:
        """A client that connects at once."""
        key = self.random.randbytes(32)
        credentials = Credentials(
            identity or SigningKey(self.random.randbytes(32)), key, self.access_code, self.random.randbytes
        )
        session = BrokerSession(JoinOptions(room, nick, **wish), credentials)  # type: ignore[arg-type]
        client = Client(key, session, bus=bus)
        self.clients.append(client)
        self.connect(client)
        return client

    def connect(self, client: Client, code: str | None = None) -> None:
        credentials = client.session._credentials
        credentials.broker_key = BROKER_KEY
        credentials.asked = self.access_code is not None
        if code is not None:
            credentials.access_code = code
        client.online = True
        client.connection += 1  # what was under way on the last one is gone with it
        client.session.connected(self.now)
        self.collect(client)

    def cut(self, client: Client, text: str = "cut") -> None:
        """The connection breaks; both ends see it."""
        if client.online:
            client.online = False
            session = self.broker.sessions.get(client.key)
            if session is not None:
                self.broker.lost_connection(session, self.now)
            client.session.disconnected(text)
            self.collect(client)

    def post(self, client: Client, text: str) -> str:
        name = client.session.post(MsgDraft(text=text), self.now)
        client.session.flush(self.now)
        self.collect(client)
        return name

    def post_data(self, client: Client, value: object) -> str:
        name = client.session.post(DataDraft(value=value), self.now)
        client.session.flush(self.now)
        self.collect(client)
        return name

    def collect(self, client: Client) -> None:
        session = client.session
        client.events += session.events
        session.events.clear()
        requests, session.requests = session.requests, []
        for request in requests:
            self._request(client, control.encode(request))
        frames, session.frames = session.frames, []
        if frames and not client.bus:
            self._request(client, control.encode(control.Publish(r=0, frames=frames)))
        elif frames:
            for frame in frames:
                self._by_bus(lambda frame=frame: self._publish(client, frame))  # type: ignore[misc]

    def _publish(self, client: Client, frame: bytes) -> None:
        session = self.broker.sessions.get(client.key)
        if session is not None:
            self.ingress.frame(session, frame, self.now)

    def _request(self, client: Client, frame: bytes) -> None:
        broker, connection = self.broker, client.connection

        def arrive() -> None:
            if not client.online or client.connection != connection or broker is not self.broker:
                return
            reply = self.handlers.answer(Requester(client.key, client.key, "192.0.2.1"), frame, self.now)
            if reply is not None:
                self._answer(client, control.encode(reply))

        self.later(0.0, arrive)

    def _answer(self, client: Client, frame: bytes) -> None:
        connection = client.connection

        def arrive() -> None:
            if client.online and client.connection == connection:
                client.session.receive(frame, self.now)
                self.collect(client)
                if client.session.state is SessionState.INSIDE and client.session.path.name == "offline":
                    self._open_way(client)

        self.later(0.0, arrive)

    def _open_way(self, client: Client) -> None:
        if client.bus:
            client.session.path_opened("bus", "", self.now)
            self.broker.subscribed(client.key, f"{client.session.options.room}/".encode(), self.now)
        else:
            client.session.ask(control.Subscribe(r=0, room=client.session.options.room), lambda reply: None)
            client.session.path_opened("one-port", "", self.now)
        self.collect(client)

    # Time --------------------------------------------------------------------------------------------------

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now + delay_s, next(self._order), call))

    def _by_bus(self, arrive: Callable[[], None]) -> None:
        weather = self.weather
        copies = (self.random.random() >= weather.drop) + (self.random.random() < weather.repeat)
        for _ in range(copies):
            self.later(self.random.random() * weather.delay_s, arrive)

    def step(self, count: int) -> None:
        """Lets just so many things happen: what breaks next, breaks between a message and its acknowledgement."""
        for _ in range(count):
            self.pump()
            if self._due:
                due, _, call = heapq.heappop(self._due)
                self.now = max(self.now, due)
                call()

    def settle(self, seconds: float = 60.0) -> None:
        """Lets time jump from one thing that is due to the next, for at most so long."""
        end = self.now + seconds
        tick_at = self.now
        while True:
            self.pump()
            timers = [client.session.get_timer() for client in self.clients if client.online]
            nexts = [timer for timer in timers if timer is not None] + [due for due, _, _ in self._due[:1]] + [tick_at]
            self.now = max(self.now, min(nexts))
            if self.now >= end:
                return
            while self._due and self._due[0][0] <= self.now:
                heapq.heappop(self._due)[2]()
            for client in self.clients:
                timer = client.session.get_timer()
                if client.online and timer is not None and timer <= self.now:
                    client.session.handle_timer(self.now)
                    self.collect(client)
            if self.now >= tick_at:
                tick_at = self.now + 0.5
                self.broker.tick(self.now, WALL + self.now)
