"""The prompt for a room code: it completes the list's words, and says what is wrong before a guess is spent."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import DummyHistory
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.validation import ValidationError, Validator

from sandpiper.common.errors import UsageError
from sandpiper.common.target import is_link
from sandpiper.common.words import complete

_WORD: Final = re.compile(r"[a-z]+", re.IGNORECASE)


def prompt_code(prompt: str, check: Callable[[str], object], output: Output | None = None) -> str:
    """Returns what is typed, once `check` accepts it; then it is wiped from the screen. Raises EOFError."""
    session: PromptSession[str] = PromptSession(
        prompt,
        completer=CodeWords(),
        complete_while_typing=True,
        validator=_Checked(check),
        validate_while_typing=False,
        history=DummyHistory(),
        erase_when_done=True,
        # stdout is for messages, and may be a pipe.
        output=output or create_output(stdout=sys.stderr),
    )
    return session.prompt()


class CodeWords(Completer):
    """The word that is being typed, with the hyphen that follows it."""

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """See prompt_toolkit."""
        begun = document.get_word_before_cursor(pattern=_WORD)
        if begun and begun.isalpha() and not is_link(document.text):
            for word in complete(begun):
                yield Completion(f"{word}-", start_position=-len(begun), display=word)


class _Checked(Validator):
    def __init__(self, check: Callable[[str], object]) -> None:
        self._check = check

    def validate(self, document: Document) -> None:
        try:
            self._check(document.text)
        except UsageError as error:
            raise ValidationError(len(document.text), str(error)) from None
