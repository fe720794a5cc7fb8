"""What membership costs: `python -m bench.membership`. Each figure has beside it the share of what it may be.

Ten thousand deeds of a thousand people, as they would be signed: folding them, in order and in the worst order, one
more, and the memory; then floods, the worst that we found, in the size that intake lets through in a day.
"""

from __future__ import annotations

import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from nacl.signing import SigningKey

from sandpiper.common.limits import BRANCH_DEEDS, BRANCH_DEEDS_H, OWNERS_LINE_DEEDS, OWNERS_LINE_DEEDS_H
from sandpiper.common.p2p.deeds import (
    Admit,
    AnyDeedSaid,
    Deed,
    Found,
    Note,
    Own,
    Readmit,
    Rekey,
    commitment,
    genuine,
    parse,
    sign,
)
from sandpiper.common.p2p.keys import Keys, bond_text, vouch_text
from sandpiper.peer.p2p.membership.branches import Branches
from sandpiper.peer.p2p.membership.graph import DeedGraph
from sandpiper.peer.p2p.membership.room_key import RoomKey

PEOPLE = 1000
DEEDS = 10_000
FOLD_S = 0.5
FOLD_BYTES = 20 * 1024 * 1024
ONE_S = 0.001
DAY = 24


class Room:
    """Signs deeds, each on given tips or on the last one."""

    def __init__(self, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.people = [SigningKey(self.random.randbytes(32)) for _ in range(PEOPLE)]
        said = Found(self.random.randbytes(32), commitment(b""), 64, 2, False, "epoch")
        self.deeds = [sign(self.people[0], b"", (), said)]

    @property
    def id(self) -> bytes:
        return self.deeds[0].id

    def key(self, who: int) -> bytes:
        return bytes(self.people[who].verify_key)

    def admit(self, who: int) -> Admit:
        """An admission of a new session of one's."""
        session, box, curve = (SigningKey(self.random.randbytes(32)) for _ in range(3))
        keys = bytes(session.verify_key), bytes(box.verify_key), bytes(curve.verify_key)
        vouch = self.people[who].sign(vouch_text(self.id, *keys)).signature
        bond = session.sign(bond_text(self.id, self.key(who), *keys[1:])).signature
        return Admit(Keys(self.key(who), *keys, vouch, bond), "code")

    def write(self, who: int, said: AnyDeedSaid, tips: list[Deed] | None = None) -> Deed:
        deed = sign(self.people[who], self.id, [each.id for each in tips or self.deeds[-1:]], said)
        self.deeds.append(deed)
        return deed

    def rekey(self, *out: int) -> Rekey:
        gone = sorted(self.key(each) for each in out)
        names = sorted({bytes(each.verify_key) for each in self.people[:200]} - set(gone))
        return Rekey(gone, names, {}, bytes(32), commitment(b"x"), [])


def large() -> Room:
    """A room that has lived: most came twice and more, some concurrently, a few owners, removals now and then."""
    room = Room()
    chance = room.random
    owners, members = [0], [0]
    while len(room.deeds) < DEEDS:
        recent = room.deeds[-8:]
        tips = {each.id: each for each in chance.sample(recent, min(len(recent), chance.choice((1, 1, 2, 3))))}
        if chance.random() < 0.9:
            tips[recent[-1].id] = recent[-1]
        luck, who = chance.random(), chance.choice(members)
        on = list(tips.values())
        if luck < 0.004 and len(owners) < 40:
            room.write(chance.choice(owners), Own(room.key(who), len(owners)), on)
            owners.append(who)
        elif luck < 0.012 and who not in owners:
            room.write(chance.choice(owners[:10]), room.rekey(who), on)
        elif luck < 0.02:
            room.write(chance.choice(owners[:3]), Readmit([room.key(who)]), on)
        else:
            other = len(members) if len(members) < PEOPLE else who
            room.write(chance.choice(members), room.admit(other), on)
            if other == len(members):
                members.append(other)
    return room


def took(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def folded(deeds: Iterable[Deed]) -> DeedGraph:
    left = iter(deeds)
    graph = DeedGraph(next(left))
    for each in left:
        graph.add(each)
    return graph


def anew(deeds: list[Deed]) -> list[Deed]:
    """The same deeds in another order in which they can be taken in: each as late as it may come, or as early."""
    order, seen = [], set[bytes]()
    by_id = {each.id: each for each in deeds}
    for last in reversed(deeds):
        todo = [last]
        while todo:
            each = todo[-1]
            lacking = [by_id[tip] for tip in each.tips if tip not in seen]
            todo += lacking
            if not lacking:
                todo.pop()
                if each.id not in seen:
                    seen.add(each.id)
                    order.append(each)
    return order


def show(what: str, figure: str, share: float | None = None) -> None:
    print(f"  {what:<58} {figure:>12}" + (f"   {share:6.1%} of what it may be" if share is not None else ""))


def ten_thousand() -> None:
    room = large()
    octets = sum(len(each.raw) for each in room.deeds)
    print(f"{DEEDS} deeds of {PEOPLE} people, {octets / 1e6:.1f} MB on the wire")
    raws = [each.raw for each in room.deeds]
    checked = took(lambda: [genuine(parse(raw)) for raw in raws[:1000]]) / 1000
    show("reading and verifying one", f"{checked * 1e6:.0f} us")
    tracemalloc.start()
    graph = folded(parse(bytes(bytearray(raw))) for raw in raws)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    show("memory, with the deeds as they were signed", f"{held / 2**20:.1f} MiB", held / FOLD_BYTES)
    deeds = [parse(raw) for raw in raws]
    fold = min(took(lambda: folded(deeds)) for _ in range(3))
    show("folding all", f"{fold:.3f} s", fold / FOLD_S)
    order = anew(deeds)
    other = min(took(lambda: folded(order)) for _ in range(3))
    show("folding all in another order", f"{other:.3f} s", other / FOLD_S)
    assert folded(order).members == graph.members
    assert folded(order).digest() == graph.digest()
    each = sorted(took_each(deeds))
    removal = sorted(took_each(deeds, Rekey))
    for what, figure in (
        ("one more, the median", each[len(each) // 2]),
        ("one more, of a hundred the slowest", each[-len(each) // 100]),
        ("a removal, the median", removal[len(removal) // 2]),
        ("a removal, the slowest", removal[-1]),
    ):
        show(what, f"{figure * 1e6:.0f} us", figure / ONE_S)
    key = RoomKey(graph)
    asked = took(lambda: (key.waiting(), key.is_due()))
    show("who waits for the key, and whether a new one is due", f"{asked * 1e3:.1f} ms")
    branches = Branches(graph)
    show("whether there is room for more", f"{took(lambda: branches.is_full(64, graph.members)) * 1e3:.1f} ms")
    show("all in order, for a newcomer", f"{took(lambda: list(graph.past(graph.tips()))) * 1e3:.1f} ms")


def took_each(deeds: list[Deed], kind: type[AnyDeedSaid] | None = None) -> Iterator[float]:
    graph = DeedGraph(deeds[0])
    for deed in deeds[1:]:
        took_one = took(partial(graph.add, deed))
        if kind is None or isinstance(deed.said, kind):
            yield took_one


def flood(name: str, liar: Callable[[Room, int], None], size: int) -> None:
    """A flood of that many deeds, and then what it costs to put its maker out, and to let him in again, and so on."""
    room = Room()
    room.write(0, room.admit(1))
    liar(room, size)
    graph = folded(room.deeds)
    worst = 0.0
    for _ in range(10):
        for said in (room.rekey(1), Readmit([room.key(1)])):
            deed = room.write(0, said)
            worst = max(worst, took(partial(graph.add, deed)))
    old = room.write(0, room.rekey(1), room.deeds[:1])
    oldest = took(lambda: graph.add(old))
    key = RoomKey(graph)
    asked = took(lambda: (key.waiting(), key.is_due(), graph.tips()))
    print(f"{name}, {len(room.deeds)} deeds")
    show("a removal, at most", f"{worst * 1e3:.1f} ms")
    show("one with the oldest date, which voids all", f"{oldest * 1e3:.1f} ms")
    show("the key and the tips, asked anew", f"{asked * 1e3:.1f} ms")


def invented(room: Room, size: int) -> None:
    """One lets in hundreds, and is let in by all of them again."""
    crowd = min(size // 2, PEOPLE - 2)
    for n in range(size - crowd):
        room.write(1, room.admit(2 + n % (PEOPLE - 2)))
    for n in range(crowd):
        room.write(2 + n, room.admit(1))


def forks(room: Room, size: int) -> None:
    """Every deed is built on the oldest there is, so that nothing knows of anything."""
    tip = room.deeds[-1]
    for n in range(size):
        room.write(1, room.admit(2 + n % (PEOPLE - 2)), [tip])


def ladder(room: Room, size: int) -> None:
    """Two lines of notes that never meet, each deed arriving between those of the other."""
    one = other = room.deeds[-1]
    for _ in range(size // 2):
        one = room.write(1, Note(), [one])
        other = room.write(1, Note(), [other])


def chain(room: Room, size: int) -> None:
    """An owner names an owner, who names an owner, and so on."""
    room.write(0, Own(room.key(1), 1))
    for n in range(1, min(size, PEOPLE - 2)):
        room.write(n, Own(room.key(n + 1), 1))


def main() -> None:
    if sys.version_info < (3, 11):
        print("figures of older Pythons are about a half slower")
    ten_thousand()
    a_day = BRANCH_DEEDS + DAY * BRANCH_DEEDS_H
    for name, liar in (("invented people", invented), ("forks", forks), ("two lines", ladder)):
        flood(f"{name}, by one branch in a day", liar, a_day)
        flood(f"{name}, ten times as many", liar, 10 * a_day)
    flood("a chain of owners, in a day", chain, OWNERS_LINE_DEEDS + DAY * OWNERS_LINE_DEEDS_H)


if __name__ == "__main__":
    main()
