"""Colours for fenced code: one linear regular expression for each language, so that no text can make it slow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sandpiper.chat.table import Span


@dataclass(frozen=True, slots=True)
class Language:
    """A programming language: how its comments begin, its words, and the quotes of its strings."""

    names: str
    words: str
    comment: str = "//"
    block: bool = False
    quotes: str = "\"'"


_C_WORDS: Final = (
    "auto bool break case char const continue default do double else enum extern false float for goto if inline int "
    "long nullptr return short signed sizeof static struct switch true typedef union unsigned void volatile while NULL "
)
_LANGUAGES: Final = (
    Language(
        "python py python3 pycon",
        "and as assert async await break class continue def del elif else except False finally for from global if "
        "import in is lambda match None nonlocal not or pass raise return True try while with yield self",
        "#",
    ),
    Language("json", "true false null", "", quotes='"'),
    Language(
        "bash sh shell zsh console fish",
        "if then else elif fi for in do done while until case esac function return export local set unset echo cd "
        "exit source sudo",
        "#",
    ),
    Language("c h", _C_WORDS, block=True),
    Language(
        "cpp c++ cc hpp cxx",
        _C_WORDS
        + "catch class concept delete explicit friend mutable namespace new noexcept operator override private "
        "protected public template this throw try typename using virtual constexpr co_await",
        block=True,
    ),
    Language(
        "go golang",
        "break case chan const continue default defer else fallthrough for func go goto if import interface map nil "
        "package range return select struct switch type var true false string int byte error",
        block=True,
        quotes="\"'`",
    ),
    Language(
        "rust rs",
        "as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod "
        "move mut pub ref return self Self static struct super trait true type unsafe use where while",
        block=True,
        quotes='"',
    ),
    Language(
        "javascript js jsx typescript ts tsx node",
        "async await break case catch class const continue default delete do else export extends false finally for "
        "from function if import in instanceof interface let new null of return super switch this throw true try type "
        "typeof undefined var void while yield",
        block=True,
        quotes="\"'`",
    ),
    Language(
        "java kotlin kt csharp cs",
        "abstract boolean break case catch class const continue default do double else enum extends false final "
        "finally float for fun if implements import int interface long namespace new null package private protected "
        "public return static super switch this throw throws true try using val var void while",
        block=True,
    ),
    Language(
        "sql",
        "select from where and or not insert into values update set delete create table index drop alter join left "
        "right inner outer on group by order limit offset as distinct null primary key SELECT FROM WHERE AND OR NOT "
        "INSERT INTO VALUES UPDATE SET DELETE CREATE TABLE INDEX DROP ALTER JOIN LEFT RIGHT ON GROUP BY ORDER LIMIT "
        "AS NULL",
        "--",
    ),
    Language("toml ini conf cfg properties", "true false", "#"),
    Language("yaml yml", "true false null yes no", "#"),
    Language("dockerfile docker makefile make", "FROM RUN CMD COPY ADD ENV ARG ENTRYPOINT WORKDIR EXPOSE include", "#"),
    Language(
        "lua", "and break do else elseif end false for function if in local nil not or repeat return then true", "--"
    ),
    Language(
        "ruby rb", "begin class def do else elsif end false if in module nil not or require return self then true", "#"
    ),
)
_BY_NAME: Final = {name: language for language in _LANGUAGES for name in language.names.split()}
_DIFF: Final = {"+": "added", "-": "removed", "@": "number"}


def coloured(line: str, language: str) -> list[Span]:
    """Parts a line of code into coloured pieces. Nothing carries over from the line before."""
    if language in ("diff", "patch"):
        return [(line, _DIFF.get(line[:1], "code"))]
    pattern = _pattern(language)
    if pattern is None:
        return [(line, "code")]
    spans: list[Span] = []
    at = 0
    for match in pattern.finditer(line):
        if match.start() > at:
            spans.append((line[at : match.start()], "code"))
        spans.append((match.group(), match.lastgroup or "code"))
        at = match.end()
    if at < len(line):
        spans.append((line[at:], "code"))
    return spans


@lru_cache(maxsize=64)
def _pattern(name: str) -> re.Pattern[str] | None:
    language = _BY_NAME.get(name)
    if language is None:
        return None
    parts = []
    if language.comment:
        parts.append(rf"(?P<comment>{re.escape(language.comment)}.*{'|/[*].*' if language.block else ''})")
    strings = "|".join(rf"{quote}(?:[^{quote}\\]|\\.)*{quote}?" for quote in language.quotes)
    words = "|".join(sorted(set(language.words.split()), key=len, reverse=True))
    parts += [
        rf"(?P<string>{strings})",
        r"(?P<number>\b\d[\w.]*)",
        rf"(?P<keyword>\b(?:{words})\b)",
        r"(?:\b[A-Za-z_]\w*)",
    ]
    return re.compile("|".join(parts))
