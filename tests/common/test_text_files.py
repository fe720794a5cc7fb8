from __future__ import annotations

import pytest

from sandpiper.common.text_files import NotText, decoded


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_mark_is_no_part_of_the_text(encoding: str) -> None:
    assert decoded("nick = 'Zoë'\r\n".encode(encoding)) == "nick = 'Zoë'\r\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named_as_what_it_is(encoding: str) -> None:
    with pytest.raises(NotText, match="is UTF-16"):
        decoded("nick = 'bob'".encode(encoding))


@pytest.mark.parametrize("data", [b"\xe9t\xe9", b"\xc3", b"\xed\xa0\x80"])
def test_what_is_no_text(data: bytes) -> None:
    with pytest.raises(NotText, match="not UTF-8"):
        decoded(data)


def test_nothing_is_a_text() -> None:
    assert decoded(b"") == ""
