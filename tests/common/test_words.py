from __future__ import annotations

import hashlib
import subprocess
import sys
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common.words import INDEX, WORDS, complete, nearest

# Derived codes and compared phrases depend on each word's place: another list is another major version.
DIGEST = "97be59463a29712d11560c29133aad56af4f3f086cd5fa533ceb61e549383c42"


def test_the_list_is_the_protocol_s() -> None:
    assert hashlib.sha256(" ".join(WORDS).encode()).hexdigest() == DIGEST


def test_eleven_bits_of_short_lower_case_words() -> None:
    assert len(WORDS) == len(set(WORDS)) == 2048
    assert list(WORDS) == sorted(WORDS)
    assert all(word.isascii() and word.isalpha() and word.islower() and 4 <= len(word) <= 8 for word in WORDS)
    assert {"pine", "ocean", "bright", "river"} <= set(WORDS)
    assert all(WORDS[at] == word for word, at in INDEX.items())


def test_four_letters_name_a_word() -> None:
    assert len({word[:4] for word in WORDS}) == len(WORDS)


def test_no_slip_of_the_finger_makes_another_word() -> None:
    # With one letter cut out anywhere, two words at distance one have a form in common.
    seen: dict[str, str] = {}
    for word in WORDS:
        for form in {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}:
            assert seen.setdefault(form, word) == word or not one_apart(word, seen[form])


def one_apart(one: str, other: str) -> bool:
    if len(one) == len(other):
        return sum(a != b for a, b in zip(one, other, strict=True)) < 2
    short, long = sorted((one, other), key=len)
    return len(long) - len(short) == 1 and any(short == long[:at] + long[at + 1 :] for at in range(len(long)))


def test_one_apart_is_what_it_says() -> None:
    assert one_apart("pine", "wine")
    assert one_apart("pine", "pines")
    assert not one_apart("pine", "ocean")
    assert not any(one_apart(*pair) for pair in combinations(WORDS[::20], 2))


@given(st.text("abcdefghinoprt{-é", max_size=6))
def test_completion_is_what_begins_so(prefix: str) -> None:
    assert complete(prefix) == [word for word in WORDS if word.startswith(prefix)]


def test_completion_takes_any_case() -> None:
    assert complete("PIN") == [word for word in WORDS if word.startswith("pin")]
    assert "pine" in complete("PIN")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("pine", "pine"),
        ("Ocean", "ocean"),
        ("oceon", "ocean"),
        ("brigth", "bright"),
        ("rivr", "river"),
        ("pien", "pine"),
        ("umbrela", "umbrella"),
        ("umbrellas", "umbrella"),
        ("oceanic", "ocean"),
        ("qqqqqq", None),
        ("x", None),
        ("", None),
        ("a" * 10_000, None),
    ],
)
def test_what_was_meant(typed: str, meant: str | None) -> None:
    assert nearest(typed) == meant


@given(st.sampled_from(WORDS), st.data())
def test_a_letter_too_few_is_understood(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 1))
    meant = nearest(word[:at] + word[at + 1 :])
    assert meant in INDEX


@given(st.text(max_size=20))
def test_anything_else_is_nothing_or_a_word(text: str) -> None:
    meant = nearest(text)
    assert meant is None or meant in INDEX


def test_the_list_is_quick_to_load() -> None:
    script = (
        "import time, bisect, typing, sandpiper.common\n"
        "def once():\n"
        "    began = time.process_time()\n"
        "    import sandpiper.common.words\n"
        "    del __import__('sys').modules['sandpiper.common.words']\n"
        "    return time.process_time() - began\n"
        "print(min(once() for _ in range(20)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert float(ran.stdout) < 0.005
