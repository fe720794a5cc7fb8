"""A message's text as rows of a given width: the Markdown that people type in chats, and nothing that could run.

Pure. What goes in is anybody's; what comes out has been through the sanitiser. Every pattern is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from rich.cells import cell_len

from sandpiper.chat.table import Span
from sandpiper.common.limits import SHOWN_CHARS, SHOWN_ROWS
from sandpiper.common.sanitise import printable
from sandpiper.tui.code import coloured
from sandpiper.tui.wrap import breaks

Row: TypeAlias = list[Span]
JOINED: Final[Span] = ("", "joined")
"""Begins a row that goes on with the line of the row above: who copies wants one line."""

_FENCE: Final = re.compile(r"\s{0,3}```+\s*([\w+#.-]*)\s*$")
_ONE_LINE_FENCE: Final = re.compile(r"\s{0,3}```([^`]+)```\s*$")
_QUOTE: Final = re.compile(r"\s{0,3}((?:> ?)+)")
_ITEM: Final = re.compile(r"( {0,8})(?:([-*+])|(\d{1,4}[.)])) +(?=\S)")
_INLINE: Final = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|\*\*(?P<bold>(?! )(?:[^*]|\*(?!\*))+(?<! ))\*\*"
    r"|(?<![\w*])\*(?P<star>(?! )[^*]+(?<! ))\*(?![\w*])"
    r"|(?<!\w)_(?P<under>(?! )[^_]+(?<! ))_(?!\w)"
    r"|(?P<url>\bhttps?://[^\s<>\"`]+)",
    re.IGNORECASE,
)
_STYLED: Final = {"bold": "bold", "star": "italic", "under": "italic"}
_URL: Final = re.compile(
    r"(https?://)([A-Za-z0-9.-]+(?::\d+)?|\[[0-9A-Fa-f:.]+\](?::\d+)?)(?=[/?#]|$)(.*)", re.IGNORECASE
)
_TRAILING: Final = ".,;:!?'*_~"


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A line as it was typed: its pieces, and what stands before its first row and before those that follow."""

    spans: list[Span]
    first: Span = ("", "")
    after: Span = ("", "")
    code: bool = False


def rows(
    text: str, width: int, *, find: re.Pattern[str] | None = None, mention: re.Pattern[str] | None = None
) -> list[Row]:
    """`text` laid out; a `mention` of the reader and what a search is to `find` stand out."""
    left = len(text) - SHOWN_CHARS
    if left > 0:
        text = text[:SHOWN_CHARS]
    laid: list[Row] = []
    for block in blocks(printable(text, newlines=True)):
        spans = block.spans
        if mention is not None:
            spans = marked(spans, mention, "mention")
        if find is not None:
            spans = marked(spans, find, "found")
        _lay(block, spans, width, laid)
        if len(laid) > SHOWN_ROWS:
            break
    if not laid:
        laid.append([("", "")])
    if left > 0 or len(laid) > SHOWN_ROWS:
        del laid[SHOWN_ROWS:]
        more = f"{left:,} more characters" if left > 0 else "more lines"
        laid.append([(f"… {more}: /export has them all"[:width], "note")])
    return laid


def blocks(text: str) -> Iterable[TextBlock]:
    """The lines of a printable text."""
    language: str | None = None
    for line in text.split("\n"):
        if language is not None:
            if _FENCE.match(line) and not line.strip().strip("`"):
                language = None
            else:
                yield _code(line, language)
        elif fence := _FENCE.match(line):
            language = fence[1].lower()
        elif fence := _ONE_LINE_FENCE.match(line):
            yield _code(fence[1].strip(), "")
        else:
            yield _line(line)


def _code(line: str, language: str) -> TextBlock:
    return TextBlock(coloured(line, language), ("│ ", "rule"), ("│ ", "rule"), code=True)


def _line(line: str) -> TextBlock:
    if quote := _QUOTE.match(line):
        bar = ("▏ " * min(quote[1].count(">"), 3), "rule")
        return TextBlock(inline(line[quote.end() :], "quote"), bar, bar)
    if item := _ITEM.match(line):
        mark = f"{item[1]}{'•' if item[2] else item[3]} "
        return TextBlock(inline(line[item.end() :]), (mark, "bullet"), (" " * len(mark), ""))
    return TextBlock(inline(line))


def inline(text: str, style: str = "") -> list[Span]:
    """The pieces of one line."""
    spans: list[Span] = []
    at = 0
    for match in _INLINE.finditer(text):
        kind = match.lastgroup or ""
        if match.start() > at:
            spans.append((text[at : match.start()], style))
        at = match.end()
        if kind == "code":
            spans.append((match["code"], "code"))
        elif kind == "url":
            at -= _link(match["url"], style, spans)
        else:
            spans += inline(match[kind], f"{style} {_STYLED[kind]}".strip())
    if at < len(text) or not spans:
        spans.append((text[at:], style))
    return spans


def _link(url: str, style: str, spans: list[Span]) -> int:
    """Adds a link's pieces; how many characters at its end do not belong to it."""
    bare = url.rstrip(_TRAILING)
    while bare.endswith((")", "]")) and bare.count(bare[-1]) > bare.count("(["[bare[-1] == "]"]):
        bare = bare[:-1].rstrip(_TRAILING)
    left = len(url) - len(bare)
    parts = _URL.fullmatch(bare)
    if parts is None or not bare.isascii():
        # Somebody's name in front of the host, or letters that only look like it: text, and nothing to click on.
        spans.append((bare, style))
        return left
    scheme, host, path = parts.groups()
    spans += [(scheme, f"link {bare}"), (host, f"host {bare}")]
    if path:
        spans.append((path, f"link {bare}"))
    return left


def hung(spans: list[Span], width: int, hang: int) -> list[Row]:
    """Pieces that are no markup, as rows; those after the first begin `hang` columns in."""
    laid: list[Row] = []
    clean = [(printable(text), style) for text, style in spans]
    _lay(TextBlock(clean, after=(" " * hang, "")), clean, width, laid)
    return laid


def marked(spans: list[Span], pattern: re.Pattern[str], mark: str) -> list[Span]:
    """Marks what the pattern finds within the pieces."""
    out: list[Span] = []
    for text, style in spans:
        at = 0
        for match in pattern.finditer(text):
            if match.start() > at:
                out.append((text[at : match.start()], style))
            if match.end() > match.start():
                out.append((match.group(), mark))
            at = match.end()
        if at < len(text) or not text:
            out.append((text[at:], style))
    return out


def _lay(block: TextBlock, spans: list[Span], width: int, into: list[Row]) -> None:
    text = spans[0][0] if len(spans) == 1 else "".join(span[0] for span in spans)
    indent = max(cell_len(block.first[0]), cell_len(block.after[0]))
    first, after = block.first, block.after
    if indent > width // 2:
        indent, first, after = 0, ("", ""), ("", "")
    if block.code:  # one ground under all of it
        spans = [*spans, (" " * max(0, width - indent - cell_len(text)), "code")]
    cuts = breaks(text, width - indent, width - cell_len(first[0]))
    if not cuts:
        into.append([first, *spans] if first[0] else spans)
        return
    rest = list(reversed(spans))
    start, prefix = 0, first
    for end in (*cuts, len(text)):
        row: Row = [JOINED] if start else []
        if prefix[0]:
            row.append(prefix)
        want = end - start
        while want > 0 and rest:
            piece, style = rest.pop()
            if len(piece) > want:
                rest.append((piece[want:], style))
                piece = piece[:want]
            want -= len(piece)
            row.append((piece, style))
        into.append(row)
        if len(into) > SHOWN_ROWS:
            return
        start, prefix = end, after


def mention_of(nick: str) -> re.Pattern[str] | None:
    """Finds `nick` as a word, with or without an @; None for a nick that draws nothing."""
    shown = printable(nick)
    return re.compile(rf"(?<!\w)@?{re.escape(shown)}(?!\w)", re.IGNORECASE) if shown.strip() else None
