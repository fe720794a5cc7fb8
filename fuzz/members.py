"""Whatever a member, a service or a stranger says to a member, it goes on, and its room with it.

Run as `python fuzz/members.py --seconds 5 --seed N`; it prints the seed, and stops at the first input that breaks the
sentence above with its hex. Wounded letters and packets come as they are, and wounded words come well sealed, as only
an insider can seal them.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from fuzz.decoders import PIECES, attempt
from sandpiper.common import rendezvous
from sandpiper.common.p2p import admission, deeds, envelope, packets
from sandpiper.common.p2p.deeds import Note, Own
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.sealing import seal
from sandpiper.peer.p2p.replication import entries
from sandpiper.peer.p2p.state.peer import Way
from tests.peer.p2p.simnet import Citizen, Town

VECTORS = Path(__file__).parent.parent / "tests" / "vectors"


def seeds() -> list[bytes]:
    """Well-formed letters, packets and envelopes to start from."""
    vectors = json.loads((VECTORS / "p2p.json").read_text(encoding="utf-8"))
    found = [vectors["card on a lease"]]
    found += [each["raw"] for each in vectors["deeds"]]
    for name in ("envelopes", "letters", "to the room", "to one"):
        found += vectors[name]
    return [bytes.fromhex(each) for each in found]


def wound(dice: random.Random, raw: bytes) -> bytes:
    """Something well-formed with a few wounds, or mere noise."""
    if dice.random() < 0.1:
        return dice.randbytes(dice.randrange(300))
    wounded = bytearray(raw)
    for _ in range(dice.randint(0, 4)):
        at = dice.randint(0, len(wounded))
        wounded[at : at + dice.randrange(4)] = dice.choice([b"", dice.randbytes(2), dice.choice(PIECES)])
    return bytes(wounded)


class Fuzz:
    """Two good members and a bad one, whose words are wounded before they are sealed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.town = Town(seed)
        self.alice = self.town.found("alice")
        self.bob = self.town.join("bob")
        self.mallory = self.town.join("mallory")
        self.town.settle(3)
        self.corpus = [*seeds(), *self._live()]

    def _live(self) -> list[bytes]:
        """The same kinds, of this very room."""
        ring, room = self.mallory.member.keyring, self.mallory.member
        return [
            packets.encode(packets.Shout([self._envelope(TALK, b"\x91\x80")])),
            packets.encode(room.cards.sign()),
            packets.encode(ring.signed(room.gossip.make_beacon(self.town.now))),
            packets.encode(packets.Pull(1, self.alice.keys.session, 0, 0)),
            packets.encode(packets.Page(1, self.alice.keys.session, 0, 1, 5, [self._envelope(TALK, b"\x90")])),
            packets.encode(packets.Shout(deeds=[self._deed()])),
            packets.encode(packets.Fetch(1, self.mallory.member.roster.graph.tips())),
            packets.encode(packets.Deeds(1, [self._deed()])),
        ]

    def _envelope(self, stream: int, body: bytes) -> bytes:
        member = self.mallory.member
        log = member.replica.log(member.keyring.session, stream)
        made = envelope.sign(
            self.mallory.keys.signing, member.keyring.session, member.keyring.room, member.context.run, stream,
            log.head + self.dice.choice([1, 1, 2, 100]), self.dice.choice([1, 1, 2, 500]), 1, log.hash, body,
        )  # fmt: skip
        return made.raw

    def _deed(self) -> bytes:
        """Genuinely signed, on what she knows or on what nobody does; whether it counts is another question."""
        dice, graph = self.dice, self.mallory.member.roster.graph
        tips = dice.choice([graph.tips(), [graph.room], [dice.randbytes(32)]])
        said = dice.choice([Note(), Own(dice.randbytes(32), dice.randrange(1 << 32))])
        return deeds.sign(self.mallory.keys.identity, graph.room, tips, said).raw

    def step(self) -> bytes:
        """One input; what it was."""
        dice, bob = self.dice, self.bob
        raw = wound(dice, dice.choice(self.corpus))
        letters = (admission.decode_letter, rendezvous.decode_answer)
        talk = partial(entries.decode, count=dice.randrange(4))
        for decoder in (envelope.parse, deeds.parse, talk, *letters):
            attempt(decoder, raw)
        bob.member.letter(dice.randbytes(16), raw, self.town.now)
        for packet in (raw, self._to_room(raw), self._to_one(bob, raw), self._signed(raw)):
            self.town.arrive(self.mallory, bob, packet, dice.choice([Way.MESH, Way.RELAY]))
        return raw

    def _to_room(self, plain: bytes) -> bytes:
        epoch = self.mallory.member.keyring.epoch
        head = b"\x01" + epoch.id
        return head + seal(epoch.packets, self.dice.randbytes(24), plain, head)

    def _to_one(self, citizen: Citizen, plain: bytes) -> bytes:
        ring = self.mallory.member.keyring
        _, shared = ring._pairs[citizen.member.keyring.short]
        head = b"\x02" + ring.short
        return head + seal(shared, self.dice.randbytes(24), plain, head + citizen.keys.session)

    def _signed(self, body: bytes) -> bytes:
        """Genuinely signed, whatever it says; or envelopes around whatever it is."""
        ring = self.mallory.member.keyring
        if self.dice.random() < 0.5:
            deed = self._deed()
            wounded = wound(self.dice, deed[64:])
            text = self.mallory.keys.identity.sign(b"sandpiper deed v1\0" + wounded).signature + wounded
            return ring.to_room(packets.Shout([self._envelope(TALK, body[:1000] or b"x")], [deed, text]))
        text = packets.own_text(ring.room, body)
        signed = packets.Signed(ring.session, body, self.mallory.keys.signing.sign(text).signature)
        return ring.to_room(signed)

    def check(self) -> None:
        """The good ones still hear each other."""
        self.town.settle(1)
        for one, other in ((self.alice, self.bob), (self.bob, self.alice)):
            text = self.dice.randbytes(8).hex()
            self.town.post(one, text)
            self.town.settle(3)
            assert text in other.texts, f"{other.name} did not hear {one.name}"
            one.events.clear()
            other.events.clear()


def run(seconds: float, seed: int) -> int:
    """How many inputs it survived."""
    fuzz = Fuzz(seed)
    count = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        raw = b""
        try:
            raw = fuzz.step()
            if count % 200 == 0:
                fuzz.check()
        except BaseException:
            sys.stderr.write(f"seed {seed}, input {count}: {raw.hex()}\n")
            raise
        count += 1
    fuzz.check()
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    sys.stdout.write(f"seed {seed}\n")
    sys.stdout.flush()
    sys.stdout.write(f"{run(options.seconds, seed)} inputs, and the room went on\n")


if __name__ == "__main__":
    main()
