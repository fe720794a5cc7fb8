"""No value in anything that a member, a joiner or a sponsor says brings another one down."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest
from nacl.signing import VerifyKey

from sandpiper.common.errors import Refusal, SandpiperError
from sandpiper.common.p2p import admission, deeds, packets
from sandpiper.common.p2p.admission import Application, More, Welcome
from sandpiper.common.p2p.packets import Beacon, Bye, Card, Carded, Shout
from sandpiper.peer.p2p.admission.handover import Remainder
from sandpiper.peer.p2p.admission.joiner import Joiner
from sandpiper.peer.p2p.state.keyring import SessionKeys
from sandpiper.peer.p2p.state.peer import Way
from tests.common.p2p.examples import all_deeds, all_letters, all_pairs
from tests.extremes import INTEGERS, OCTETS, extremes, values
from tests.peer.p2p.hostile import still_works, three
from tests.peer.p2p.simnet import CODE, Citizen, Town

PAIRS: Final = all_pairs()
LETTERS: Final = [each for each in all_letters() if isinstance(each, admission.Letter)]
SELDOM_S: Final = 0.05


def fed(town: Town, mallory: Citizen, packet: bytes) -> None:
    for citizen in town.citizens:
        if citizen is not mallory:
            town.arrive(mallory, citizen, packet, Way.MESH)


@pytest.mark.parametrize("said", PAIRS, ids=lambda each: type(each).__name__)
def test_what_a_member_says_to_another(said: Any) -> None:
    town, alice, bob, mallory = three()
    ring = mallory.member.keyring
    for changed in (said, *extremes(said)):
        for other in (alice, bob):
            packet = ring.to_one(other.keys.session, changed)
            town.arrive(mallory, other, packet, Way.MESH)
        town.settle(SELDOM_S)
    mallory.dead = True
    still_works(town, alice, bob)


@pytest.mark.parametrize("kind", [Beacon, Carded, Bye])
def test_what_a_member_says_of_itself(kind: type[Any]) -> None:
    town, alice, bob, mallory = three()
    ring = mallory.member.keyring
    for number, changed in enumerate(extremes(own(town, mallory, kind))):
        if changed.n == 1:
            changed.n = 1_000_000 + number
        try:
            packet = ring.to_room(ring.signed(changed))
        except OverflowError:
            continue
        fed(town, mallory, packet)
        town.settle(SELDOM_S)
    mallory.dead = True
    still_works(town, alice, bob)


def own(town: Town, mallory: Citizen, kind: type[Any]) -> Any:
    """A good message of that kind, taken from the wire where there is one."""
    card = Card(mallory.keys.session, 1, "mallory", ["127.0.0.1"], 20400, 20401, 0, {"localhost:1": bytes(16)})
    if kind is Carded:
        return Carded(1, card)
    if kind is Bye:
        fields = dict.fromkeys(Bye.__struct_fields__, 1)
        return Bye(**fields)
    heard: list[Beacon] = []
    ring = mallory.member.keyring
    seal = ring.to_room

    def listen(said: Any) -> bytes:
        if isinstance(said, packets.Signed):
            decoded = packets.decode_own(said.body)
            if isinstance(decoded, Beacon):
                heard.append(decoded)
        return seal(said)

    ring.to_room = listen  # type: ignore[method-assign]
    town.settle(5)
    del ring.to_room
    beacon = heard[-1]
    beacon.n = 1
    return beacon


@pytest.mark.parametrize("letter", LETTERS, ids=lambda each: type(each).__name__)
def test_letters_to_a_sponsor_and_to_a_joiner(letter: Any) -> None:
    town, alice, bob, _ = three()
    me = bytes(16)
    for changed in (letter, *extremes(letter)):
        body = admission.encode(changed)
        alice.member.letter(me, body, town.now)
        town.collect(alice)
        for steps in range(3):
            joiner, name = begun(town, alice, steps)
            if changed.attempt == b"A" * 16:
                changed.attempt = name
            joiner.letter(("", alice.mailbox), admission.encode(changed), town.now)
            joiner.handle_timer(town.now + 1000)
        town.settle(SELDOM_S)
    still_works(town, alice, bob)


def begun(town: Town, sponsor: Citizen, steps: int) -> tuple[Joiner, bytes]:
    """A joiner that has been answered so often, and the name of its attempt."""
    joiner, _ = town.joiner("carol", at=[sponsor])
    joiner.handle_timer(town.now)
    name = admission.decode_letter(joiner.letters[0][1]).attempt
    for _ in range(steps):
        letters, joiner.letters = joiner.letters, []
        for box, body in letters:
            for _, answer in sponsor.member.letter(name, body, town.now):
                joiner.letter(box, answer, town.now)
            town.collect(sponsor)
    return joiner, name


def test_what_a_joiner_applies_with() -> None:
    town, alice, bob, _ = three()
    good = town.joiner("carol")[0]._apply(alice.member.keyring.room)
    for changed in extremes(good):
        apply_with(town, changed)
    still_works(town, alice, bob)


def apply_with(town: Town, application: Application) -> None:
    joiner, _ = town.joiner("carol", at=town.citizens[:1])
    joiner._apply = lambda room: application
    town.attempt(joiner, 3.0)
    town.settle(3)


class FalseRemainder(Remainder):
    """Hands over these letters, whatever was asked for."""

    def __init__(self, letters: list[More]) -> None:
        super().__init__([], [], [])
        self.letters = letters

    def __len__(self) -> int:
        return len(self.letters)

    def letter(self, index: int) -> More:
        return self.letters[index]


def test_what_a_sponsor_hands_over() -> None:
    """He knows the code. The joiner ends with an error, or is in."""
    town = Town()
    alice = town.found("alice")
    sponsor = alice.member.gatekeeper.sponsor
    admit, handed = sponsor.admit, list[tuple[Welcome, list[More]]]()

    def keep(welcome: Welcome, more: Remainder, now: float) -> None:
        handed.append((welcome, [more.letter(index) for index in range(len(more))]))
        admit(welcome, more, now)

    sponsor.admit = keep  # type: ignore[method-assign]
    town.join("bob")
    welcome, more = handed[0]
    changes: list[tuple[Welcome, list[More]]] = [(each, more) for each in extremes(welcome)]
    changes += [(welcome, [each]) for each in extremes(More(0, [], []))]
    for changed, rest in changes:
        false = FalseRemainder(rest)
        sponsor.admit = lambda _welcome, _more, now, c=changed, f=false: admit(c, f, now)  # type: ignore[misc,method-assign]
        joiner, keys = town.joiner("carol", at=[alice])
        town.attempt(joiner, 3.0)
        enter(town, joiner, keys)
        town.citizens[:] = town.citizens[:2]
        town.settle(0.1)


def enter(town: Town, joiner: Joiner, keys: SessionKeys) -> None:
    if joiner.welcome is None:
        return
    try:
        town.enter("carol", keys, joiner, CODE)
    except (Refusal, SandpiperError):
        return
    town.settle(SELDOM_S)


def raw_deed(signer: Citizen, said: msgspec.Struct, *, room: bytes | None = None, tips: object = None) -> bytes:
    """A deed of `signer`'s, signed, with whatever in it."""
    graph = signer.member.roster.graph
    kind = type(said).__name__.lower()
    head = [kind, graph.room if room is None else room, bytes(signer.keys.identity.verify_key)]
    body = msgspec.msgpack.encode([*head, graph.tips() if tips is None else tips, said])
    return signer.keys.identity.sign(b"sandpiper deed v1\0" + body).signature + body


@pytest.mark.parametrize("deed", all_deeds(), ids=lambda deed: type(deed.said).__name__)
def test_what_an_owner_signs_about_the_room(deed: Any) -> None:
    """A founding with a hundred words in its code raised in every member."""
    town, alice, bob, mallory = three()
    alice.member.removals.name_owner("mallory")
    town.collect(alice)
    town.settle(3)
    made = [raw_deed(mallory, changed) for changed in extremes(deed.said)]
    made += [raw_deed(mallory, deed.said, room=room) for room in OCTETS]
    odd: list[Any] = [*INTEGERS, *OCTETS, [[]], [OCTETS[4]] * 65, {}]
    made += [raw_deed(mallory, deed.said, tips=tips) for tips in odd]
    for raw in made:
        try:
            parsed = deeds.parse(raw)
        except Refusal:
            parsed = None
        if parsed is not None and {alice.keys.identity.verify_key, bob.keys.identity.verify_key} & {
            VerifyKey(person) for person in deeds.persons(parsed.said)
        }:
            continue  # that is an owner's right
        fed(town, mallory, mallory.member.keyring.to_room(Shout(deeds=[raw])))
        town.settle(SELDOM_S)
    alice.member.removals.kick("mallory")
    town.collect(alice)
    town.settle(5)
    mallory.dead = True
    still_works(town, alice, bob)


def test_the_walk_meets_every_message() -> None:
    assert {type(each) for each in PAIRS} == set(packets.AnyPair.__args__)
    assert {type(each) for each in LETTERS} == set(admission.AnyLetter.__args__)
    assert next(iter(values([1]))) == []
