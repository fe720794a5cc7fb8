from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common.trust import KnownBrokers, Verdict, format_known, judge, parse_known

Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
OLD, NEW = Z85[:40], Z85[-40:]

keys = st.text(Z85, min_size=40, max_size=40)
addresses = st.from_regex(r"([a-z0-9.-]{1,12}|\[[0-9a-f:]{2,12}\]):[1-9][0-9]{0,4}", fullmatch=True)


@pytest.mark.parametrize(
    ("pinned", "seen", "expected", "verdict"),
    [
        (None, OLD, None, Verdict.NEW),
        (OLD, OLD, None, Verdict.KNOWN),
        (OLD, NEW, None, Verdict.CHANGED),
        (None, OLD, "aaaa", Verdict.NEW),
        (OLD, OLD, "AAAA", Verdict.KNOWN),
        (None, OLD, "bbbb", Verdict.NOT_EXPECTED),
        (OLD, OLD, "bbbb", Verdict.NOT_EXPECTED),
        (OLD, NEW, "bbbb", Verdict.NOT_EXPECTED),
        (OLD, NEW, "aaaa", Verdict.CHANGED),
        (None, OLD, "", Verdict.NOT_EXPECTED),
    ],
)
def test_verdicts(pinned: str | None, seen: str, expected: str | None, verdict: Verdict) -> None:
    assert judge(pinned, seen, expected_fingerprint=expected, fingerprint_of_seen="aaaa") is verdict


FILE = f"""# my brokers
chat.example.org:5000 {OLD}

this is no pin
[::1]:5000 {NEW}
chat.example.org:5000 {NEW}
short:5000 {OLD[:39]}
"""


def test_the_file_is_read() -> None:
    assert parse_known(FILE).pins == {"chat.example.org:5000": OLD, "[::1]:5000": NEW}
    assert parse_known("").pins == {}
    assert parse_known(f"a:1 {OLD}\r\nb:2\t{NEW}").pins == {"a:1": OLD, "b:2": NEW}


def test_rewriting_keeps_what_it_does_not_know() -> None:
    changed = parse_known(FILE).with_pin("chat.example.org:5000", NEW)
    lines = FILE.splitlines()
    assert format_known(changed).splitlines() == [lines[0], f"chat.example.org:5000 {NEW}", *lines[2:5], lines[6]]


@pytest.mark.parametrize(("address", "key"), [("a b:1", OLD), ("a:1", OLD[:-1]), ("a:1\nb:2", OLD), ("#a:1", OLD)])
def test_what_would_not_read_back_is_not_written(address: str, key: str) -> None:
    with pytest.raises(ValueError, match="not an address and a Z85 key"):
        KnownBrokers().with_pin(address, key)


@given(st.text(), addresses, keys)
def test_any_file_takes_a_pin_and_keeps_the_rest(text: str, address: str, key: str) -> None:
    known = parse_known(text)
    again = parse_known(format_known(known.with_pin(address, key)))
    assert again.pins == {**known.pins, address: key}
    other = [line for line in again.lines if not line.startswith(address)]
    assert other == [line for line in known.lines if not line.startswith(address)]


@given(st.text())
def test_a_file_reads_back_as_it_was(text: str) -> None:
    assert format_known(parse_known(text)) == (text if text.endswith("\n") or not text else text + "\n")
