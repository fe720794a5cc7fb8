"""The session of one JSON-lines client: bytes in, bytes out, and the order in which they go.

While a replay is under way the client's further lines wait, so answers keep the order of the questions. What the port
delivers while a line is being handled comes after the line's own answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from sandpiper.bridge.conversation import Conversation, LineState
from sandpiper.bridge.port import Guest, Port
from sandpiper.bridge.requests import LineRequest, parse
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.items import Item, Items
from sandpiper.common.limits import LINE_BYTES
from sandpiper.common.line_requests import Misspoken
from sandpiper.common.lines import LineReader, TooLong
from sandpiper.common.messages import Ack, Draft, Error, Hello
from sandpiper.common.rooms import LOBBY


class LineSession:
    """The session of one JSON-lines client.

    After each call `take` has what to send, `wait` how long to read nothing, `ended` when to hang up.

    `lobby` is the room of an original client, which knows of none, and `since` where its log stood when the client
    connected: it was in there at once, and is given what has been said until we know. `ts` is wall-clock time in whole
    seconds.
    """

    def __init__(self, port: Port, guest: Guest, address: str, lobby: str = LOBBY, since: int | None = None) -> None:
        self.wait = 0.0
        self.conversation = Conversation(port, guest, address, lobby, since)
        self._replays = self.conversation.replays
        self._port = port
        self._guest = guest
        self._reader = LineReader()
        self._lines: deque[bytes | TooLong] = deque()
        self._late: list[Item] | None = None  # delivered while a line is being handled: after its answer
        self._closing = False

    # Bytes ---------------------------------------------------------------------------------------------------

    @property
    def unfinished(self) -> bool:
        """Whether part of a line waits for its rest."""
        return self._reader.unfinished

    @property
    def ended(self) -> bool:
        """Whether to hang up once all is sent: told so, or the client has said all and has all that it is owed."""
        if self.conversation.state is LineState.ENDED:
            return True
        return self._closing and not (self.conversation.owed or self._lines or self._replays)

    @property
    def more(self) -> bool:
        """Whether `work` has something to do."""
        if self.conversation.state is LineState.ENDED:
            return False
        return bool(self._replays or (self._lines and not self.wait))

    @property
    def replaying(self) -> bool:
        """Whether a replay is under way: until it is over no more needs to be read."""
        return bool(self._replays)

    def take(self) -> bytes:
        """Hands over what is to be sent now."""
        out = self.conversation.out
        if not out:
            return b""
        self.conversation.out = []
        return out[0] if len(out) == 1 else b"".join(out)

    def silent(self, ts: int) -> None:
        """The client has said nothing for a while: an original one."""
        if self.conversation.state is LineState.SILENT:
            self._handle(self.conversation.become_original, ts)

    def receive(self, data: bytes) -> None:
        """The client has sent `data`; `work` handles it."""
        self._lines.extend(self._reader.feed(data))

    def finish(self) -> None:
        """The client will send no more. A last line needs no newline."""
        if self._reader.unfinished:
            self.receive(b"\n")
        self._closing = True

    def work(self, now: float, ts: int) -> None:
        """Handles the lines that have come, up to a pause or a replay; or sends a replay's next page."""
        if self._replays:
            stopped = self._replays.page(ts)
            if stopped is not None:
                refusal, room = stopped
                self.conversation.refuse(refusal, ts, room=room)
            return
        while self._lines and not (self.wait or self._replays or self.conversation.state is LineState.ENDED):
            line = self._lines.popleft()
            size = LINE_BYTES if isinstance(line, TooLong) else len(line)
            self.wait = self._port.pause(self._guest, size)
            self._line(line, ts)

    # What the port says --------------------------------------------------------------------------------------

    def deliver(self, items: Sequence[Item]) -> None:
        """Sends what has happened in the client's rooms."""
        conversation = self.conversation
        conversation.staged = False
        if self._late is not None:
            self._late.extend(items)
            return
        if conversation.owed:
            conversation.owed -= sum(isinstance(item.message, (Ack, Error)) for item in items)
            conversation.owed = max(conversation.owed, 0)
        if self._replays.filtering:
            items = [item for item in items if self._replays.is_news(item.message)]
        batch = items if isinstance(items, Items) else Items(items)
        conversation.out.append(batch.original if conversation.state is LineState.ORIGINAL else batch.extended)

    def shut(self, text: str, ts: int) -> None:
        """The service ends this client."""
        self.conversation.end(text, ts)

    # Lines ---------------------------------------------------------------------------------------------------

    def _line(self, line: bytes | TooLong, ts: int) -> None:
        said, refusal = _read(line)
        conversation = self.conversation
        hello = isinstance(said, Hello) or (isinstance(refusal, Misspoken) and refusal.kind == "hello")
        if conversation.state is LineState.SILENT and not hello:
            self._handle(conversation.become_original, ts)
        if conversation.staged and not isinstance(said, Draft):
            self._port.settle()  # answers keep the order of the questions
        if refusal is not None:
            self._handle(conversation.refuse, refusal, ts, refusal.id if isinstance(refusal, Misspoken) else None)
        else:
            self._handle(conversation.carry_out, said, ts)

    def _handle(self, handler: Callable[..., None], *arguments: Any) -> None:
        """Runs one handler; what the port delivers meanwhile comes after the handler's own answer."""
        self._late = []
        try:
            handler(*arguments)
        finally:
            late, self._late = self._late, None
        if late:
            self.deliver(late)


def _read(line: bytes | TooLong) -> tuple[LineRequest | None, Refusal | None]:
    """The request of a line, None for a blank one; or why it is none."""
    if isinstance(line, TooLong):
        return None, Refusal(Code.TOO_LARGE, f"line too long: at most {LINE_BYTES} bytes")
    try:
        return (parse(line) if line.strip() else None), None
    except Refusal as refusal:
        return None, refusal
