"""Pages of a log: what they give out, what they lack, and a broker that cannot read its log for a while."""

from __future__ import annotations

from collections import deque

from sandpiper.common import batch, control
from sandpiper.common.frontier import Frontier
from sandpiper.common.messages import Lost, Message, Msg, Trimmed
from sandpiper.common.repair import Repair
from sandpiper.peer.events import Event, Warned
from sandpiper.peer.page_reader import PageReader

RUN = "a" * 32


def block(*seqs: int) -> bytes:
    said = [Msg("bob", "hi", 0, "lobby", seq, 0, RUN, f"b-{seq}", None, False) for seq in seqs]
    return batch.pack([batch.encode_body(each) for each in said])


def page(*blocks: bytes, start: int = 1, head: int) -> control.Page:
    return control.Page(r=1, run=RUN, start=start, head=head, blocks=list(blocks))


class Reading:
    """A reader, from seq 0."""

    def __init__(self, head: int) -> None:
        self.given: list[Message] = []
        self.events: deque[Event] = deque()
        self.reader = PageReader("lobby", self.given.append, self.events)
        self.repair: Repair[Message] = Repair(Frontier(0))
        self.repair.reaches(head, 0.0)
        self.repair.fetch_now(0.0)

    def read(self, after: int, page: control.Page) -> list[int]:
        """The seqs that were given out."""
        self.reader.read(after, page, self.repair, 0.0)
        seqs = [message.seq for message in self.given]
        self.given.clear()
        return seqs


def test_pages_are_given_out_in_order_and_once() -> None:
    reading = Reading(5)
    assert reading.read(0, page(block(1, 2), block(3), head=5)) == [1, 2, 3]
    assert reading.read(3, page(block(2, 3, 4, 5), head=5)) == [4, 5]
    assert not reading.events


def test_a_log_that_begins_later_is_trimmed() -> None:
    reading = Reading(5)
    assert reading.read(0, page(block(4, 5), start=4, head=5)) == [4, 5]
    assert list(reading.events) == [Trimmed("lobby", 4)]


def test_what_no_page_has_is_lost() -> None:
    reading = Reading(3)
    assert reading.read(0, page(block(1, 3), head=3)) == [1, 3]
    assert list(reading.events) == [Lost("lobby", None, 1)]


def test_of_a_page_that_cannot_be_read_only_the_first_entry_is_given_up() -> None:
    reading = Reading(3)
    assert reading.read(0, page(b"garbage", head=3)) == []
    assert list(reading.events) == [Lost("lobby", None, 1)]
    assert reading.read(1, page(block(2, 3), head=3)) == [2, 3]


def test_a_log_that_cannot_be_read_is_told_once_and_so_is_its_end() -> None:
    reading = Reading(1)
    for _ in range(3):
        reading.reader.refused(control.Refused(r=1, code="store", text="its disk fails"))
    reading.reader.refused(control.Refused(r=1, code="rate", text="slow down"))
    for _ in range(2):
        reading.read(0, page(block(1), head=1))
    told = [event.text for event in reading.events if isinstance(event, Warned)]
    assert told == [
        "what was said before cannot be fetched: its disk fails. Asking again",
        "what was said before can be fetched again",
    ]
