"""The golden vectors of rooms between peers, made by our codecs and read with hashlib, PyNaCl and msgpack alone.

`python -m tests.common.p2p.test_vectors` writes them anew, after a change of the protocol that is meant.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, get_args

import msgpack  # type: ignore[import-untyped]
from nacl import bindings
from nacl.signing import VerifyKey

from sandpiper.common import batch, codes
from sandpiper.common.messages import DataDraft, MeDraft, MsgDraft
from sandpiper.common.p2p import admission, comparing, packets
from sandpiper.common.p2p.deeds import AnyDeedSaid, commitment, mix
from sandpiper.common.p2p.envelope import NO_HASH, TALK
from sandpiper.common.p2p.packets import Carded, Signed
from sandpiper.common.p2p.sealing import derive, digest, pair_key, short, topic
from sandpiper.common.words import WORDS
from sandpiper.peer.p2p.replication import entries
from tests.common.p2p.examples import (
    BOX,
    BOX_SECRET,
    EPOCH,
    IDENTITY,
    NONCE,
    OTHER,
    OTHER_BOX,
    OTHER_SECRET,
    ROOM,
    RUN,
    SECRET,
    SESSION,
    all_deeds,
    all_letters,
    all_pairs,
    all_said,
    card,
    sign,
    signed,
)

PATH = Path(__file__).parents[2] / "vectors" / "p2p.json"


def make() -> dict[str, Any]:
    drafts = [MsgDraft(text="hello"), MeDraft(text="waves"), DataDraft(value={"t": 21.4})]
    bodies = [entries.encode(draft, "alice", 1735812345) for draft in drafts]
    tool = entries.encode(MsgDraft(text="21.4 C", id="x1"), "alice/thermo", 1735812345, tool=True)
    first = sign(TALK, 1, 3, NO_HASH, batch.pack(bodies))
    second = sign(TALK, 4, 1, first.hash, batch.pack([tool]))
    other = bytes(OTHER.verify_key)
    parties = comparing.Parties(ROOM, EPOCH.key, b"a" * 32 + SESSION, b"b" * 32 + other)
    shared = pair_key(BOX_SECRET, OTHER_BOX, SESSION, other)
    return {
        "derived": {
            "epoch id": EPOCH.id.hex(),
            "packets": EPOCH.packets.hex(),
            "cards": EPOCH.cards.hex(),
            "registration public": bytes(EPOCH.registration.verify_key).hex(),
            "relay seed": EPOCH.relay_seed.hex(),
            "short name": short(SESSION).hex(),
            "pair": shared.hex(),
            "room topic": topic(ROOM).hex(),
            "session topic": topic(ROOM, SESSION).hex(),
            "digest": digest(b"a", b"bc").hex(),
            "commitment": commitment(SECRET).hex(),
            "room key of two secrets": mix([SECRET, b"s" * 32]).hex(),
            "words of generation 2": list(codes.derive_words(derive(EPOCH.key, "words"), 2, 2)),
        },
        "compared": {
            "commitment": comparing.commitment(parties, b"i" * 16, b"1" * 32).hex(),
            "words": comparing.words(parties, b"i" * 16, b"1" * 32, b"2" * 32),
            "without answer": comparing.fallback_words(parties),
        },
        "envelopes": [each.raw.hex() for each in (first, second)],
        "deeds": [{"id": deed.id.hex(), "raw": deed.raw.hex()} for deed in all_deeds()],
        "letters": [admission.encode(letter).hex() for letter in all_letters()],
        "to the room": [packets.to_room(EPOCH, NONCE, said).hex() for said in all_said()],
        "to one": [packets.to_one(shared, short(SESSION), other, NONCE, said).hex() for said in all_pairs()],
        "card on a lease": packets.seal_card(EPOCH, NONCE, signed(Carded(6, card()))).hex(),
    }


def golden() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return found


def test_what_we_write_is_what_stands_there() -> None:
    assert make() == golden()


def test_an_envelope_is_read_by_the_grammar_alone() -> None:
    raws = [bytes.fromhex(raw) for raw in golden()["envelopes"]]
    prev = bytes(32)
    for number, raw in enumerate(raws):
        header, signature, body = raw[:165], raw[165:229], raw[229:]
        VerifyKey(SESSION).verify(b"sandpiper envelope v1\0" + header, signature)
        assert (header[:32], header[32:48], header[48:80]) == (ROOM, RUN, SESSION)
        stream, first = header[80], int.from_bytes(header[81:89], "big")
        count, clock = int.from_bytes(header[89:93], "big"), int.from_bytes(header[93:101], "big")
        assert (stream, first, count, clock) == [(0, 1, 3, 7), (0, 4, 1, 10)][number]
        assert header[101:133] == prev
        assert header[133:] == hashlib.blake2b(body, digest_size=32).digest()
        assert len(msgpack.unpackb(body, strict_map_key=False)) == count
        prev = hashlib.blake2b(header, digest_size=32).digest()
    assert msgpack.unpackb(raws[0][229:])[0] == {"type": "msg", "nick": "alice", "ts": 1735812345, "text": "hello"}


def test_a_deed_is_read_by_the_grammar_alone() -> None:
    """The room's id is the hash of its founding; each deed names the one before."""
    kinds = ["found", "admit", "own", "rekey", "readmit", "note"]
    room, before = b"", b""
    for kind, vector in zip(kinds, golden()["deeds"], strict=True):
        raw = bytes.fromhex(vector["raw"])
        signature, body = raw[:64], raw[64:]
        VerifyKey(bytes(IDENTITY.verify_key)).verify(b"sandpiper deed v1\0" + body, signature)
        name = hashlib.blake2b(b"sandpiper deed id v1\0" + body, digest_size=32).digest()
        assert name.hex() == vector["id"]
        read = msgpack.unpackb(body, strict_map_key=False)
        assert read[:4] == [kind, room, bytes(IDENTITY.verify_key), [before] if before else []]
        room, before = room or name, name


def test_packets_are_opened_by_the_description_alone() -> None:
    vectors = golden()

    def derived(key: bytes, purpose: bytes, context: bytes = b"") -> bytes:
        return hashlib.blake2b(b"sandpiper p2p v1\0" + purpose + b"\0" + context, key=key, digest_size=32).digest()

    for raw in map(bytes.fromhex, vectors["to the room"]):
        head, nonce, box = raw[:9], raw[9:33], raw[33:]
        assert head == b"\x01" + derived(EPOCH.key, b"id")[:8]
        key = derived(EPOCH.key, b"packets")
        said = msgpack.unpackb(bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(box, head, nonce, key))
        assert said["type"] in ("shout", "signed")
    other = bytes(OTHER.verify_key)
    low, high = sorted((SESSION, other))
    key = derived(bindings.crypto_scalarmult(OTHER_SECRET, BOX), b"pair", low + high)
    for raw in map(bytes.fromhex, vectors["to one"]):
        head, nonce, box = raw[:9], raw[9:33], raw[33:]
        plain = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(box, head + other, nonce, key)
        kinds = {"pull", "page", "have", "cards", "hush", "heard", "want", "key", "probe", "signs"}
        kinds |= {"compare", "nonce", "reveal", "compared", "tips", "fetch", "deeds", "misses"}
        assert msgpack.unpackb(plain)["type"] in kinds


def test_compared_words_are_made_by_the_description_alone() -> None:
    compared = golden()["compared"]
    secret = hashlib.blake2b(b"sandpiper p2p v1\0compare\0", key=EPOCH.key, digest_size=32).digest()
    asker, asked = b"a" * 32 + SESSION, b"b" * 32 + bytes(OTHER.verify_key)

    def digested(*parts: bytes) -> bytes:
        text = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hashlib.blake2b(b"sandpiper p2p v1\0" + text, digest_size=32).digest()

    def phrased(digest_: bytes, count: int) -> str:
        bits = int.from_bytes(digest_, "big") >> 256 - 11 * count
        return " ".join(WORDS[bits >> 11 * at & 2047] for at in reversed(range(count)))

    run, one, two = b"i" * 16, b"1" * 32, b"2" * 32
    assert compared["commitment"] == digested(b"compare commitment", ROOM, secret, asker, asked, run, one).hex()
    assert compared["words"] == phrased(digested(b"compare words", ROOM, secret, asker, asked, run, one, two), 3)
    assert compared["without answer"] == phrased(digested(b"verify", ROOM, secret, *sorted((asker, asked))), 12)


def test_every_kind_has_a_vector() -> None:
    assert {type(deed.said) for deed in all_deeds()} == set(get_args(AnyDeedSaid))
    assert set(get_args(admission.AnyLetter)) <= {type(letter) for letter in all_letters()}
    assert {type(said) for said in all_pairs()} == set(get_args(packets.AnyPair))
    owns = {type(packets.decode_own(said.body)) for said in all_said() if isinstance(said, Signed)}
    assert owns == set(get_args(packets.AnyOwn))


if __name__ == "__main__":
    PATH.write_text(json.dumps(make(), indent=2) + "\n", encoding="utf-8")
