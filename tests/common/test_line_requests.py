"""Lines of clients: a request each, or the original server's words."""

from __future__ import annotations

import msgspec
import pytest

from sandpiper.common.limits import ID_CHARS
from sandpiper.common.line_requests import LineDecoder, Misspoken, named


def test_what_can_name_a_publication() -> None:
    assert named("x" * ID_CHARS) == "x" * ID_CHARS
    assert named("x" * (ID_CHARS + 1)) is None
    assert named(5) is None


class Alpha(msgspec.Struct, tag="alpha"):
    n: int


class Beta(msgspec.Struct, tag="beta"):
    """Has nothing to say."""


@pytest.mark.parametrize(
    ("line", "text", "kind", "said_id"),
    [
        (b"", "invalid json", None, None),
        (b'{"type":"alpha","n":1,}', "invalid json", None, None),
        (b'{"type":"alpha","n":1,"x":"\xff"}', "invalid json", None, None),
        (b"[" * 100_000, "invalid json", None, None),
        (b"[1]", "invalid message: a line is one JSON object", None, None),
        (b'{"type":"gamma","id":"a"}', "invalid message type", None, "a"),
        (b'{"id":"a"}', "invalid message type", None, "a"),
        (b'{"type":"alpha","id":"a"}', "invalid message: Object missing required field `n`", "alpha", "a"),
        (b'{"type":"alpha","n":"x","id":7}', "invalid message: Expected `int`, got `str` - at `$.n`", "alpha", None),
    ],
)
def test_what_is_wrong_with_a_line_is_said(line: bytes, text: str, kind: str | None, said_id: str | None) -> None:
    with pytest.raises(Misspoken) as caught:
        LineDecoder(Alpha | Beta).decode(line)
    assert (caught.value.text, caught.value.kind, caught.value.id) == (text, kind, said_id)


def test_a_line_is_a_request_whatever_stands_in_it_besides() -> None:
    decoder = LineDecoder(Alpha | Beta)
    assert decoder.decode(b' {"new":[{}],"n":1,"type":"alpha"}\r') == Alpha(1)
    assert decoder.decode(b'{"type":"beta","x":"\xc3\xa9"}') == Beta()
