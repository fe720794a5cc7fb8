"""Tab: what a word may become, shown above the input, one after the other."""

from __future__ import annotations

from typing import Final

from sandpiper.chat.table import Span
from sandpiper.tui.completion import Candidates, Offer, offers
from sandpiper.tui.composer import Composer
from sandpiper.tui.statusline import Hint

_SHOWN: Final = 6


class CompletionPopup:
    """The list of completions above the input, if anything is offered."""

    def __init__(self, composer: Composer, hint: Hint) -> None:
        self._composer = composer
        self._hint = hint
        self._offers: list[Offer] = []
        self._at = -1
        self._replaced = ""

    def __bool__(self) -> bool:
        return bool(self._offers)

    def step(self, step: int, known: Candidates) -> None:
        """Tab (1) or Shift+Tab (-1)."""
        if not self._offers:
            first_line = self._composer.cursor_location[0] == 0
            self._offers, self._at = offers(self._composer.before, known, first_line=first_line), -1
        count = len(self._offers)
        if count == 0:
            return
        self._take((self._at + step) % count if self._at >= 0 else 0 if step > 0 else count - 1)
        if count == 1:
            self._offers = []
        else:
            self._show()

    def _take(self, index: int) -> None:
        offer = self._offers[index]
        if self._at < 0:
            before = self._composer.before
            self._replaced = before[len(before) - offer.count :]
            count = offer.count
        else:
            count = len(self._offers[self._at].text)
        self._at = index
        self._composer.replace_before(count, offer.text)

    def _show(self) -> None:
        low = max(0, min(self._at - _SHOWN // 2, len(self._offers) - _SHOWN))
        rows: list[list[Span]] = []
        for index, offer in enumerate(self._offers[low : low + _SHOWN], low):
            chosen = index == self._at
            mark: Span = ("▸ " if chosen else "  ", "accent")
            rows.append([mark, (f"{offer.label}  ", "accent bold" if chosen else ""), (offer.help, "soft")])
        self._hint.show("offers", rows)

    def forget(self) -> None:
        """Ends the list after any other key; what was offered last stays in the input."""
        if self._offers:
            self._offers = []
            self._hint.hide("offers")

    def undo(self) -> None:
        """Esc: what was there before comes back."""
        offer = self._offers[self._at]
        self.forget()
        self._composer.replace_before(len(offer.text), self._replaced)
