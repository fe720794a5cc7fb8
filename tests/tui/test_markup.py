from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from sandpiper.common.sanitise import printable
from sandpiper.tui.markup import Row, mention_of, rows


def text_of(row: Row) -> str:
    return "".join(text for text, _ in row)


def shown(text: str, width: int = 60) -> list[str]:
    return [text_of(row).rstrip() for row in rows(text, width)]


def styles(text: str) -> dict[str, str]:
    return {piece: style for row in rows(text, 80) for piece, style in row}


def test_the_markdown_of_chats() -> None:
    assert styles("a **b** *c* _d_ `e` **f** **g *h* i**") == {
        "a ": "", "b": "bold", " ": "", "c": "italic", "d": "italic", "e": "code", "f": "bold",
        "g ": "bold", "h": "bold italic", " i": "bold",
    }  # fmt: skip
    assert shown("> quoted\n- item\n12. twelfth\n* star") == ["▏ quoted", "• item", "12. twelfth", "• star"]


@pytest.mark.parametrize("text", ["2 * 3 * 4", "snake_case_name", "a*b*c", "**", "`", "_", "__init__.py_", "f(**x)"])
def test_what_only_looks_like_markdown_stays(text: str) -> None:
    assert shown(text) == [text]


def test_fences() -> None:
    text = "see\n```python\ndef f(): # c\n    return 'x' + 1\n```\nafter"
    assert shown(text) == ["see", "│ def f(): # c", "│     return 'x' + 1", "after"]
    assert styles(text)["def"] == "keyword"
    assert styles(text)["# c"].startswith("comment")
    assert styles(text)["'x'"] == "string"
    assert shown("```\n*raw* <b>") == ["│ *raw* <b>"]
    assert shown("```one line```") == ["│ one line"]
    assert shown("`" * 500) == [""]


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("see https://example.org/a_b_c?x=1, ok", "example.org"),
        ("(http://example.org:80/x_(y))", "example.org:80"),
        ("http://[::1]:5000/", "[::1]:5000"),
        ("HTTPS://EXAMPLE.ORG", "EXAMPLE.ORG"),
    ],
)
def test_links_show_their_host(text: str, host: str) -> None:
    assert any(style.lower().startswith("host http") for piece, style in styles(text).items() if piece == host)
    assert shown(text) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "https://bank.example@evil.example/",
        "https://b\u0430nk.example/",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://",
    ],
)
def test_what_hides_its_host_is_no_link(text: str) -> None:
    assert not any(style.startswith(("link", "host")) for style in styles(text).values())


def test_a_links_target_is_what_is_seen() -> None:
    found = [style for style in styles("go to https://example.org/a).").values() if style.startswith("host")]
    assert found == ["host https://example.org/a"]


def test_mentions() -> None:
    pattern = mention_of("anna")
    assert pattern is not None
    assert [bool(pattern.search(text)) for text in ("anna: hi", "@Anna!", "susanna", "annas", "hi anna")] == [
        True, True, False, False, True,
    ]  # fmt: skip
    assert mention_of(" ") is None


@given(st.text(max_size=300), st.integers(8, 90))
@example("0" * 36 + " \u0300", 9)
def test_every_row_fits_and_nothing_is_lost(text: str, width: int) -> None:
    laid = rows(text, width)
    assert laid
    assert all(cell_len(text_of(row).rstrip(" ")) <= width for row in laid)
    assert all(printable(text_of(row)) == text_of(row) for row in laid)


@pytest.mark.parametrize(
    "text",
    [
        "*a" * 30_000, "`" * 60_000, "_a " * 20_000, "\u00ad" * 60_000, "\u202e" * 60_000, "http://" * 9000,
        "日本 " * 20_000, ("a" + "\u0301" * 20) * 3000, "> " * 30_000, "\n" * 60_000, "👩‍👩‍👧" * 9000,
        "http://a" + ")" * 60_000, "```c\n" + '"\\' * 30_000, "**" + "a*" * 30_000, "[" * 60_000, "\x1b[31m" * 12_000,
        " " * 60_000, "```python\n" + "'" * 60_000, "1. " * 20_000, "__" + "a_" * 30_000,
    ],
)  # fmt: skip
def test_no_text_is_slow(text: str) -> None:
    rows("warm up", 60)
    best = min(_seconds(text) for _ in range(3))
    assert best < 0.05
    assert len(rows(text, 60)) <= 61


def _seconds(text: str) -> float:
    started = time.thread_time()
    rows(text, 60)
    return time.thread_time() - started


def test_what_is_too_long_says_so() -> None:
    assert shown("x" * 5000)[-1] == "… 1,000 more characters: /export has them all"
    assert shown("\n" * 100)[-1] == "… more lines: /export has them all"
