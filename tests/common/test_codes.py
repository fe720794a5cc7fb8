from __future__ import annotations

import json
import secrets
import traceback
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common.codes import (
    RoomCode,
    checked_password,
    derive_words,
    is_code_like,
    known_words,
    make_words,
    parse_code,
    phrase,
)
from sandpiper.common.errors import UsageError
from sandpiper.common.limits import CODE_CHARS, NAMEPLATE_LEAST, NAMEPLATE_MOST, PASSWORD_CHARS
from sandpiper.common.sanitise import printable
from sandpiper.common.words import INDEX, WORDS

PINE = RoomCode(("pine", "ocean"), 42)
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "words.json").read_text(encoding="utf-8"))

codes = st.builds(
    RoomCode,
    st.lists(st.sampled_from(WORDS), min_size=2, max_size=8).map(tuple),
    st.integers(NAMEPLATE_LEAST, NAMEPLATE_MOST),
)
separators = st.sampled_from(
    ["-", " ", "_", "--", " - ", "\u2013", "\u2014", "\u2212", "\u2011", "\xa0", "\t", "\u200b-"]
)


@given(codes)
def test_a_code_reads_back(code: RoomCode) -> None:
    assert parse_code(str(code)) == code
    assert is_code_like(str(code))
    assert code.secret == str(code).rpartition("-")[0]


@given(codes, st.data())
def test_however_it_is_written_it_is_the_same_code(code: RoomCode, data: st.DataObject) -> None:
    parts = [*code.words, str(code.nameplate)]
    if data.draw(st.booleans()):
        parts = [parts[-1], *parts[:-1]]
    cased = [data.draw(st.sampled_from([part, part.upper(), part.title()])) for part in parts]
    text = "".join(part + data.draw(separators) for part in cased)
    assert parse_code(data.draw(st.sampled_from(["", " ", "\n"])) + text) == code


@given(st.one_of(st.text(max_size=60), st.text("pineoca -_42\u2013፩①", max_size=40)))
def test_anything_else_is_one_line_of_usage(text: str) -> None:
    try:
        code = parse_code(text)
    except UsageError as error:
        said = str(error)
        assert printable(said) == said
        assert len(said) < 200
    else:
        assert parse_code(str(code)) == code
    is_code_like(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("oceon-pine-42", "'oceon' is in no word list; did you mean 'ocean'?"),
        ("pine-qqqqqqq-42", "'qqqqqqq' is in no word list; look at how it is spelled"),
        ("pine-ocean", "has no number at its end"),
        ("pine-42-ocean", "has no number at its end"),
        ("42-pine-ocean-42", "one number, at its end"),
        ("pine-42", "2 to 8 words and a number, such as pine-ocean-42; this one has 1 word"),
        ("pine-" * 9 + "42", "this one has 9 words"),
        ("42", "this one has 0 words"),
        ("pine-ocean-9", "from 10 to 999999"),
        ("pine-ocean-0", "from 10 to 999999"),
        ("pine-ocean-042", "with no 0 in front"),
        ("pine-ocean-1000000", "from 10 to 999999"),
        ("pine-ocean-" + "9" * 100, "from 10 to 999999"),
        ("", "the room code is empty"),
        (" - ", "the room code is empty"),
        ("pine/ocean/42", "that is no room code; one looks like pine-ocean-42"),
        ("pine-ocean-٤٢", "that is no room code"),
        ("p" * (CODE_CHARS + 1), "that is no room code"),
        ("\x1b[31mpine-ocean-42", "that is no room code"),
    ],
)
def test_usage_errors_help(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_code(text)
    assert says in str(caught.value)


def test_what_nobody_has_just_typed_is_not_quoted() -> None:
    with pytest.raises(UsageError) as caught:
        parse_code("pine-oceon-42", quote=False)
    assert str(caught.value) == "word 2 of the room code is in no word list; look at how it is spelled"


@pytest.mark.parametrize(
    ("text", "so"),
    [("web-01", True), ("web01", False), ("foo", False), ("foo-bar", False), ("pine ocean42", True), ("a.b-1", False)],
)
def test_words_and_a_number_are_like_a_code(text: str, so: bool) -> None:
    assert is_code_like(text) is so


def test_known_words_are_counted() -> None:
    assert known_words("Pine and ocean") == 2
    assert known_words("pine/ocean") == 0


def test_a_code_is_silent_in_logs_and_tracebacks() -> None:
    assert repr(PINE) == "RoomCode(…-42)"
    assert f"{[PINE]}" == "[RoomCode(…-42)]"
    try:
        RoomCode(("pine", "nonsense"), 42)
    except ValueError:
        assert "nonsense" not in traceback.format_exc().rpartition("ValueError")[2]


@pytest.mark.parametrize(("words", "nameplate"), [(("pine",), 42), (("pine",) * 9, 42), (("pine", "Pine"), 42)])
def test_only_words_of_the_list_make_a_code(words: tuple[str, ...], nameplate: int) -> None:
    with pytest.raises(ValueError, match="no words"):
        RoomCode(words, nameplate)


@pytest.mark.parametrize("nameplate", [-1, 9, NAMEPLATE_MOST + 1])
def test_only_a_nameplate_or_none_yet_makes_a_code(nameplate: int) -> None:
    with pytest.raises(ValueError, match="no nameplate"):
        RoomCode(("pine", "ocean"), nameplate)
    assert RoomCode(("pine", "ocean"), 0).secret == "pine-ocean"


def test_a_new_code_takes_its_words_from_chance() -> None:
    drawn = iter([0, 2047])
    assert make_words(2, lambda most: next(drawn)) == (WORDS[0], WORDS[2047])
    assert len(RoomCode(make_words(8, secrets.randbelow), 77).words) == 8


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**64 - 1), st.integers(1, 46))
def test_derived_words_are_the_same_for_all(key: bytes, generation: int, count: int) -> None:
    words = derive_words(key, generation, count)
    assert words == derive_words(key, generation, 46)[:count]
    assert all(word in INDEX for word in words)


def test_another_generation_has_other_words() -> None:
    assert len({derive_words(bytes(32), generation, 4) for generation in range(100)}) == 100


def test_each_word_is_as_likely_as_another() -> None:
    # 11 bits each: over all values of the first two bytes each word comes exactly 32 times.
    counts = dict.fromkeys(WORDS, 0)
    for value in range(1 << 16):
        counts[phrase(value.to_bytes(2, "big"), 1)[0]] += 1
    assert set(counts.values()) == {32}


def test_what_cannot_make_so_many_words_is_our_mistake() -> None:
    for digest, count in ((b"12345678", 6), (b"1", 0)):
        with pytest.raises(ValueError, match="bytes"):
            phrase(digest, count)
    with pytest.raises(ValueError, match="32 bytes"):
        derive_words(b"short", 0, 2)


@pytest.mark.parametrize("vector", VECTORS["derived"])
def test_derived_words_are_as_written_down(vector: dict[str, str]) -> None:
    words = derive_words(bytes.fromhex(vector["key"]), int(vector["generation"]), len(vector["words"].split("-")))
    assert "-".join(words) == vector["words"]


@pytest.mark.parametrize("vector", VECTORS["phrases"])
def test_phrases_are_as_written_down(vector: dict[str, str]) -> None:
    assert " ".join(phrase(bytes.fromhex(vector["digest"]))) == vector["phrase"]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=PASSWORD_CHARS))
def test_a_password_is_the_same_however_it_is_typed(password: str) -> None:
    once = checked_password(password)
    for form in ("NFC", "NFD"):
        other = unicodedata.normalize(form, password)
        if len(other) <= PASSWORD_CHARS:
            assert checked_password(other) == once


@pytest.mark.parametrize("bad", ["", "s3cret" * 100, "s3cret\udc80"])
def test_a_password_is_never_quoted(bad: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked_password(bad)
    assert "s3cret" not in str(caught.value)
