from __future__ import annotations

from itertools import accumulate
from typing import Any

import pytest
import wcwidth
from hypothesis import assume, given
from hypothesis import strategies as st

from sandpiper.common import batch
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import BODY_BYTES, TEXT_BYTES
from sandpiper.common.lines import TooLong
from sandpiper.common.messages import MeDraft, MsgDraft
from sandpiper.common.pieces import CONTINUED, Piece, PieceReader, boundary, check_text
from sandpiper.peer.p2p.replication import entries


def read(reader: PieceReader, *chunks: bytes) -> list[Piece | TooLong]:
    found = [piece for chunk in chunks for piece in reader.feed(chunk)]
    return found + (list(reader.feed(b"\n")) if reader.unfinished else [])


def joined(pieces: list[Piece | TooLong]) -> dict[int, str]:
    """The lines by their numbers, without the marks where their pieces join."""
    lines: dict[int, list[str]] = {}
    for piece in pieces:
        assert isinstance(piece, Piece)
        lines.setdefault(piece.line, []).append(piece.text)
    for texts in lines.values():
        for at in range(len(texts) - 1):
            assert texts[at].endswith(CONTINUED)
            assert texts[at + 1].startswith(CONTINUED)
            texts[at], texts[at + 1] = texts[at][:-1], texts[at + 1][1:]
    return {number: "".join(texts) for number, texts in lines.items()}


@given(
    st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=80), max_size=5),
    st.integers(1, 30),
)
def test_the_pieces_are_the_lines_and_each_fits(lines: list[str], chunk: int) -> None:
    data = "".join(f"{line}\r\n" for line in lines).encode()
    pieces = read(PieceReader(limit=20), *(data[at : at + chunk] for at in range(0, len(data), chunk)))
    assert all(isinstance(piece, Piece) and len(piece.text.encode()) <= 20 for piece in pieces)
    assert joined(pieces) == dict(enumerate(lines, 1))


def test_the_border_is_exact() -> None:
    fits = "x" * TEXT_BYTES
    assert read(PieceReader(), fits.encode() + b"\r\n") == [Piece(fits, 1)]
    first, second = read(PieceReader(), fits.encode() + b"y")
    assert (first, second) == (Piece(fits[:-3] + CONTINUED, 1), Piece(f"{CONTINUED}xxxy", 1))
    check_text(fits)
    check_text("\U0001f3d6" * (TEXT_BYTES // 4))
    for too_long in (fits + "x", "é" * (TEXT_BYTES // 2 + 1)):
        with pytest.raises(Refusal, match=r"57,000 bytes of text, this one 57,00[12]") as refused:
            check_text(too_long)
        assert refused.value.code is Code.TOO_LARGE


def test_what_fits_the_border_fits_every_kind_of_room() -> None:
    text, nick = "x" * TEXT_BYTES, "\U0001f3d6" * 32
    for draft in (MsgDraft(text=text), MeDraft(text=text)):
        assert len(entries.encode(draft, nick, 1 << 62)) <= BODY_BYTES
        draft.n = 1 << 62
        assert len(batch.encode_body(draft)) <= BODY_BYTES


CLUSTERS = (
    "e\u0301\u0302",
    "\U0001f469\u200d\U0001f52c",
    "\u26a0\ufe0f",
    "\U0001f44d\U0001f3fd",
    "1\ufe0f\u20e3",
    "\u0995\u09be",
    "\u0915\u094d\u0937",
    "\u1112\u1161\u11ab",
    "\uff76\uff9e",
    "\u845b\U000e0100",
    "\U0001f1e9\U0001f1ea",
    "\U0001f3f4\U000e0067\U000e0062\U000e007f",
)
ALONE = ("x", " ", "\u65e5", "\U0001f600", "\ue000", "\u1100", "\U0001fae8", "\U0001fb00", "\u00ad")
"""A private character, and one that Python's tables may not have yet, among them."""


@pytest.mark.parametrize("whole", CLUSTERS)
def test_no_character_is_parted_from_its_marks(whole: str) -> None:
    for before in range(12):
        line = "x" * before + whole + "y" * 30
        assert any(
            whole in piece.text for piece in read(PieceReader(limit=24), line.encode()) if isinstance(piece, Piece)
        )


@given(st.lists(st.sampled_from([*CLUSTERS, *ALONE]), min_size=2, max_size=20), st.data())
def test_a_text_is_cut_between_two_clusters_and_as_late_as_can_be(clusters: list[str], data: st.DataObject) -> None:
    text, ends = "".join(clusters), list(accumulate(map(len, clusters)))
    start = data.draw(st.sampled_from([0, *ends[:-2]]))
    end = data.draw(st.integers(start + 1, len(text) - 1))
    good = [at for at in ends if start < at <= end]
    assert boundary(text, start, end) == (good[-1] if good else end)


@given(st.lists(st.sampled_from([*CLUSTERS, *ALONE]), min_size=2, max_size=20), st.data())
def test_it_is_where_a_library_finds_a_cluster_to_end(clusters: list[str], data: st.DataObject) -> None:
    graphemes: Any = getattr(wcwidth, "iter_graphemes", None)
    if graphemes is None:
        pytest.skip("this wcwidth knows no clusters")
    text = "".join(clusters)
    assume("\u1100\u1100" not in text)  # two leading consonants begin an old Korean syllable, which we may part
    end = data.draw(st.integers(1, len(text) - 1))
    ends = list(accumulate(map(len, graphemes(text))))
    assert boundary(text, 0, end) == max((at for at in ends if at <= end), default=end)


def test_of_endless_marks_each_piece_takes_as_many_as_fit() -> None:
    assert boundary("e" + "\u0301" * 1000, 0, 500) == 500
    flags = "\U0001f1e9\U0001f1ea" * 500
    assert boundary(flags, 0, 500) == 500
    assert boundary(flags, 0, 501) == 500


def test_a_line_that_stays_whole_is_passed_over_by_its_number() -> None:
    reader = PieceReader(lambda line: line.startswith("/"), limit=20)
    _, long, *pieces = read(reader, b"short\n/whisper bob " + b"x" * 50, b"secret\nlong line " + b"y" * 30 + b"\n")
    assert isinstance(long, TooLong)
    assert long.line == 2
    assert joined(list(pieces)) == {3: "long line " + "y" * 30}


def test_a_line_without_end_takes_no_memory() -> None:
    reader = PieceReader(limit=1000)
    for _ in range(100):
        for piece in reader.feed(b"x" * 10_000):
            assert isinstance(piece, Piece)
        assert len(reader._held) <= 1000


def test_bytes_that_are_no_text_count_as_what_stands_for_them() -> None:
    pieces = read(PieceReader(limit=20), b"\xff" * 30)
    assert all(isinstance(piece, Piece) and len(piece.text.encode()) <= 20 for piece in pieces)
    assert joined(pieces) == {1: "\ufffd" * 30}
