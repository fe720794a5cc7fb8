"""Whatever bytes come, whole or split anywhere, every decoder gives a value or a Refusal, and nothing else.

Run as `python fuzz/decoders.py --seconds 5 --seed N`; it prints the seed, and stops at the first bytes that break
the sentence above with their hex. What could be decoded must also be encodable again, for the bus and as a line.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sandpiper.chat.look_alikes import LookAlikes
from sandpiper.common import codec, control, frame, rendezvous
from sandpiper.common.errors import Refusal, UsageError
from sandpiper.common.items import Item
from sandpiper.common.lines import LineReader, TooLong, encode_line
from sandpiper.common.nicks import fold, nick
from sandpiper.common.rooms import room_name
from sandpiper.common.sanitise import clip, printable, width
from sandpiper.common.target import parse_host
from sandpiper.common.target_parser import parse_broker, parse_target
from sandpiper.common.trust import format_known, parse_known

VECTORS = Path(__file__).parent.parent / "tests" / "vectors"
LINE_LIMIT = 64  # small, so that lines over it are common

TOPICS = [b"lobby/msg\0", b"lobby/me\0", b"lobby/data\0", b"lobby/notice\0", b"x/sealed\0", b"/\0"]
HEADS = [b"\x82\xa4type\xa4data\xa5value", b"\x82\xa4type\xa3msg\xa4text", b"\x82\xa4type\xa4ping\xa1r"]
PIECES = [
    b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff",
    b"\xc7\x0c\xff", b"\xd7\xff", b"\xd6\xff", b"\xc1", b"\xcb\x7f\xf8\0\0\0\0\0\0", b"\xcf" + b"\xff" * 8,
    b"\x91" * 70, b"\x81\xa1a" * 70, b"\x91" * 5000, b"[" * 5000, b"\xed\xa0\x80", b"\xff", b"\n", b"\r\n", b"\0",
    "\u202e\u200b\u3164\x1b[31m\x9b2J".encode(), "👩\u200d👩\ufe0f".encode(), b"[::1]:5000/x#", b"tcp://",
]  # fmt: skip


def bus(raw: bytes) -> None:
    message = attempt(frame.decode, raw)
    if message is not None:
        item = Item(message)
        frame.encode("lobby", "msg", message)
        for line in (item.extended, item.original):
            assert line.count(b"\n") == bool(line), "one line each"
    name, body = frame.split(raw)
    room, kind = frame.read_topic(name)
    draft = frame.decode_draft(kind, body)
    encode_line(draft)
    frame.encode(room, kind, draft)


def requests(raw: bytes) -> None:
    number = codec.request_number(raw)
    assert type(number) is int, "a number"
    control.encode(control.decode_request(raw))


def answers(raw: bytes) -> None:
    control.encode(control.decode_answer(raw))


def meetings(raw: bytes) -> None:
    for decode in (rendezvous.decode_request, rendezvous.decode_answer):
        message: rendezvous.AnyRequest | rendezvous.AnyAnswer | None = attempt(decode, raw)
        if message is not None:
            rendezvous.encode(message)
        if isinstance(message, rendezvous.Claim):
            rendezvous.lease_holds(message, bytes(32), bytes(32))


def lines(raw: bytes) -> None:
    """The same lines, whole or split, and no more than one held."""
    whole, split = LineReader(LINE_LIMIT), LineReader(LINE_LIMIT)
    expected = [None if isinstance(line, TooLong) else line for line in whole.feed(raw)]
    dice = random.Random(raw)
    at, got = 0, []
    while at < len(raw):
        end = at + dice.randint(1, 40)
        got += [None if isinstance(line, TooLong) else line for line in split.feed(raw[at:end])]
        assert len(split._held) <= LINE_LIMIT, "bounded"
        at = end
    assert got == expected, "split or whole, the same lines"


def texts(raw: bytes) -> None:
    text = raw.decode("utf-8", "surrogateescape")
    shown = printable(text)
    assert printable(shown) == shown, "idempotent"
    assert not any(char < " " or "\x7f" <= char <= "\x9f" for char in shown), "no control"
    assert width(clip(shown, 20)) <= 20, "clipped"
    assert len(format_known(parse_known(text))) - len(text) in (0, 1), "the pins' file is kept"
    attempt(room_name, text)
    for parse in (parse_broker, parse_host, parse_target):
        target = attempt(parse, text)
        assert target is None or parse_target(str(target)) == target, "a target reads back"
    for link in (f"sandpiper://join?{text}#pine-ocean-42", f"sandpiper://join#{text}", f"sandpiper://connect/{text}"):
        target = attempt(parse_target, link)
        assert target is None or parse_target(str(target)) == target, "an invite reads back"
    claimed = nick(text)
    assert printable(claimed) == claimed, "a nick can be shown"
    look_alikes = LookAlikes()
    assert not any(look_alikes.alike(each) for each in (claimed, fold(claimed))), "a nick is itself"


Raw = TypeVar("Raw", bytes, str)
Value = TypeVar("Value")

DECODERS: dict[str, Callable[[bytes], None]] = {
    "bus": bus,
    "requests": requests,
    "answers": answers,
    "meetings": meetings,
    "lines": lines,
    "texts": texts,
}


def attempt(decode: Callable[[Raw], Value], raw: Raw) -> Value | None:
    """What `decode` makes of it, None for what it refuses."""
    try:
        return decode(raw)
    except (Refusal, UsageError):
        return None


def seeds() -> list[bytes]:
    """Well-formed frames and lines to start from."""
    found = [
        bytes.fromhex(vector["frame"])
        for name in ("bus.json", "control.json", "rendezvous.json")
        for vector in json.loads((VECTORS / name).read_text(encoding="utf-8"))
    ]
    found += [
        vector["line"].encode() + b"\n" for vector in json.loads((VECTORS / "lines.json").read_text(encoding="utf-8"))
    ]
    return [*found, b"", b"alice", b"127.0.0.1:5000/lobby", b"pine-ocean-42", b"discovery=a:1&broker=[::1]:2"]


def make(dice: random.Random, corpus: list[bytes]) -> bytes:
    """Random bytes, a frame around random bytes, or something well-formed with a few wounds."""
    kind = dice.randrange(4)
    if kind == 0:
        return dice.randbytes(dice.randrange(200))
    if kind == 1:
        middle = b"".join(dice.choices([*PIECES, *corpus, dice.randbytes(3)], k=dice.randrange(4)))
        return dice.choice([b"", *TOPICS]) + dice.choice([b"", *HEADS]) + middle
    raw = bytearray(dice.choice(corpus))
    for _ in range(dice.randint(1, 6)):
        at = dice.randint(0, len(raw))
        end = at + dice.randrange(4)
        raw[at:end] = dice.choice(
            [b"", dice.randbytes(1), dice.randbytes(4), dice.choice(PIECES), bytes(raw[at : at + 9])]
        )
    return bytes(raw)


def run(seconds: float, seed: int) -> int:
    """How many inputs every decoder got. Raises what a decoder should not have raised, with a note on stderr."""
    dice = random.Random(seed)
    corpus = seeds()
    count = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        raw = make(dice, corpus)
        for name, decoder in DECODERS.items():
            try:
                attempt(decoder, raw)
            except BaseException:
                sys.stderr.write(f"{name}, seed {seed}, input {count}: {raw.hex()}\n")
                raise
        count += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    sys.stdout.write(f"seed {seed}\n")
    sys.stdout.flush()
    sys.stdout.write(f"{run(options.seconds, seed)} inputs, {len(DECODERS)} decoders, nothing broke\n")


if __name__ == "__main__":
    main()
