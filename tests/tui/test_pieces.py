from __future__ import annotations

import pytest

from sandpiper.common.limits import DRAFT_BYTES, DRAFT_CHARS
from sandpiper.tui.pieces import pieces


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        "x" * 50_000,
        "\U0001f600" * 20_000,
        "line of words\n" * 5000 + "the last",
        "words without an end " * 3000,
        "e\u0301" * 20_000,
        "\U0001f469\u200d\U0001f469\u200d\U0001f467" * 5000,
        "\n" * 40_000 + "x",
        "\u0301" * 40_000,
    ],
)
def test_pieces_are_the_text_and_each_fits(text: str) -> None:
    found = pieces(text)
    assert all(len(piece) <= DRAFT_CHARS and len(piece.encode()) <= DRAFT_BYTES for piece in found)
    left = text
    for piece in found:
        before, piece_, left = left.partition(piece)
        assert piece_ == piece
        assert not before.strip()
    assert not left.strip()


def test_pieces_part_no_letter_from_its_marks() -> None:
    assert all(piece.startswith("e") for piece in pieces("e\u0301" * 8001 + "e" + "\u0301e" * 20_000))
    family = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
    assert all(piece.startswith(family) for piece in pieces(family * 5000))
    flag = "\U0001f1e9\U0001f1ea"
    assert all(len(piece) % 2 == 0 for piece in pieces(flag * 20_000))
    assert not any(piece.startswith("\u0301") for piece in pieces("word \u0301" * 9000))
    assert list(map(len, pieces("\ue000" * 2 * DRAFT_CHARS))) == [DRAFT_CHARS] * 2, "a private character stands alone"
