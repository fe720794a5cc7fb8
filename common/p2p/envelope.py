"""The envelope: what a member has signed of its own log, one or many entries at once.

    envelope  = header signature body
    header    = room run session stream first count clock prev digest    ; 149 octets
    room      = 32OCTET     ; the room's id
    run       = 16OCTET     ; random, anew in each process
    session   = 32OCTET     ; Ed25519 key of the session whose log this is
    stream    = OCTET       ; 0
    first     = 8OCTET      ; seq of the first entry, big endian; the others follow without a hole
    count     = 4OCTET      ; entries, at least 1
    clock     = 8OCTET      ; Lamport time of the first entry; the n-th has clock + n - 1
    prev      = 32OCTET     ; BLAKE2b-256 of the previous envelope's header, zeros before the first
    digest    = 32OCTET     ; BLAKE2b-256 of body
    signature = 64OCTET     ; Ed25519 by session over "sandpiper envelope v1" NUL header
    body      = <msgpack array of entries>

It is kept and passed on whole: whoever repairs a log shows the origin's own signature. Two different ones for one seq
prove that their session cheats.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final

import msgspec
from nacl.signing import SigningKey

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import ENVELOPE_BYTES, ENVELOPE_ENTRIES
from sandpiper.common.p2p.sealing import verified

TALK: Final = 0
NO_HASH: Final = bytes(32)
_DOMAIN: Final = b"sandpiper envelope v1\0"
_HEADER: Final = struct.Struct(">32s16s32sBQIQ32s32s")
_SIGNATURE_BYTES: Final = 64
_HEAD_BYTES: Final = _HEADER.size + _SIGNATURE_BYTES
_SEQ_MOST: Final = 1 << 62


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """See the module. `hash` names it; `raw` is all of it."""

    room: bytes
    run: bytes
    session: bytes
    stream: int
    first: int
    count: int
    clock: int
    prev: bytes
    body: bytes
    hash: bytes
    raw: bytes

    @property
    def last(self) -> int:
        """The seq of the last entry."""
        return self.first + self.count - 1

    @property
    def latest(self) -> int:
        """The Lamport time of the last entry."""
        return self.clock + self.count - 1


def sign(
    key: SigningKey, session: bytes, room: bytes, run: bytes, stream: int, first: int, count: int, clock: int,
    prev: bytes, body: bytes,
) -> Envelope:  # fmt: skip
    """Makes one."""
    header = _HEADER.pack(room, run, session, stream, first, count, clock, prev, _hash(body))
    signature = key.sign(_DOMAIN + header).signature
    raw = header + signature + body
    return Envelope(room, run, session, stream, first, count, clock, prev, body, _hash(header), raw)


def parse(raw: bytes) -> Envelope:
    """Reads one; `genuine` then tells whether it was signed. Raises Refusal."""
    if not _HEAD_BYTES < len(raw) <= ENVELOPE_BYTES:
        raise Refusal(Code.INVALID, "not an envelope: its size")
    room, run, session, stream, first, count, clock, prev, body_hash = _HEADER.unpack_from(raw)
    body = raw[_HEAD_BYTES:]
    if stream != TALK or not 1 <= count <= ENVELOPE_ENTRIES or not 1 <= first < _SEQ_MOST:
        raise Refusal(Code.INVALID, "not an envelope: its header")
    if clock >= _SEQ_MOST:
        raise Refusal(Code.INVALID, "not an envelope: its clock")
    if body_hash != _hash(body):
        raise Refusal(Code.INVALID, "not an envelope: its body is another")
    header = raw[: _HEADER.size]
    return Envelope(room, run, session, stream, first, count, clock, prev, body, _hash(header), raw)


def genuine(envelope: Envelope) -> bool:
    """Whether its session has signed it."""
    raw = envelope.raw
    return verified(envelope.session, _DOMAIN + raw[: _HEADER.size], raw[_HEADER.size : _HEAD_BYTES])


def conflict(one: Envelope, other: Envelope) -> bool:
    """Whether the two prove that their session has signed two histories. Both must be genuine."""
    if (one.room, one.session, one.stream, one.run) != (other.room, other.session, other.stream, other.run):
        # Another run of one session key is another history too: a process has one run.
        return one.room == other.room and one.session == other.session and one.run != other.run
    if one.hash == other.hash:
        return False
    if one.first <= other.last and other.first <= one.last:
        return True
    earlier, later = sorted((one, other), key=lambda each: each.first)
    if later.clock - earlier.clock < later.first - earlier.first:
        return True  # its clock goes back, so that who comes later is shown another order than who was there
    return earlier.last + 1 == later.first and later.prev != earlier.hash


def _hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32).digest()
