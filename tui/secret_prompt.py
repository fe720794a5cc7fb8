"""The question for an access code or a password, in place of the input."""

from __future__ import annotations

from sandpiper.tui.composer import Composer, SecretInput
from sandpiper.tui.statusline import Hint
from sandpiper.tui.tab import Tab


class SecretPrompt:
    """Asks for the secret of one room at a time: `tab`, if one is being asked for."""

    def __init__(self, composer: Composer, secret: SecretInput, hint: Hint) -> None:
        self._composer = composer
        self._secret = secret
        self._hint = hint
        self.tab: Tab | None = None

    def ask(self, tab: Tab) -> None:
        """Shows the hidden line in place of the input."""
        self.tab = tab
        self._composer.display = False
        self._secret.display = True
        self._secret.ask()
        self._secret.focus()

    def end(self) -> Tab | None:
        """Shows the input again, and returns the room that was asked for."""
        tab, self.tab = self.tab, None
        self._secret.display = False
        self._composer.display = True
        self._composer.focus()
        self._hint.hide("secret")
        return tab
