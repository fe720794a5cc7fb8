"""Comparing: three words that two people read to each other, and that nobody in between can have made alike.

    asker                                            asked
      compare {id, epoch, commitment}           ->
                                                <-   nonce {id, nonce}
      reveal {id, nonce}                        ->
                                                <-   compared {id}

Each side's words depend on both nonces. The asker's is committed to before it sees the other's, and the other's is sent
before the asker's is shown: so whoever sits in between has one chance in 2^33, and nothing to search for. Both also
depend on the room, its key, and both sides' identities and sessions.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sandpiper.common.codes import phrase
from sandpiper.common.p2p.sealing import derive, digest

COMPARED_WORDS: Final = 3
FALLBACK_WORDS: Final = 12
"""Without nonces both ends' keys can be searched for two that have the same words: 2^66 tries."""
ID_BYTES: Final = 16
NONCE_BYTES: Final = 32


class Parties(NamedTuple):
    """The room, its key, and both sides: of each its identity and its session key."""

    room: bytes
    key: bytes
    asker: bytes
    asked: bytes


def commitment(parties: Parties, run: bytes, nonce: bytes) -> bytes:
    """Commits the asker to its nonce, for this run alone."""
    return _digest(b"compare commitment", parties, run, nonce)


def words(parties: Parties, run: bytes, asker_nonce: bytes, asked_nonce: bytes) -> str:
    """The words to compare."""
    return " ".join(phrase(_digest(b"compare words", parties, run, asker_nonce, asked_nonce), COMPARED_WORDS))


def fallback_words(parties: Parties) -> str:
    """The words that each side can make alone, whoever asks."""
    sides = sorted((parties.asker, parties.asked))
    found = digest(b"verify", parties.room, derive(parties.key, "compare"), *sides)
    return " ".join(phrase(found, FALLBACK_WORDS))


def _digest(purpose: bytes, parties: Parties, *parts: bytes) -> bytes:
    room, key, asker, asked = parties
    return digest(purpose, room, derive(key, "compare"), asker, asked, *parts)
