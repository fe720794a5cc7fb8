"""The keys of the screen, as /help and docs/screen.md list them. What they do is in actions.py and composer.py."""

from __future__ import annotations

from typing import Final

KEY_HELP: Final = (
    ("Enter", "send"),
    ("Alt+Enter", "new line; Shift+Enter in some terminals, Ctrl+J in all"),
    ("Tab", "complete: commands, nicks, codes, files"),
    ("Up, Down", "what you sent before"),
    ("Ctrl+R", "search what you sent before"),
    ("Ctrl+F", "search the room"),
    ("PgUp, PgDn", "scroll; Ctrl+Home and Ctrl+End to either end"),
    ("Alt+M", "the last message that mentions you, and the one before"),
    ("Alt+C", "choose messages to copy; with the mouse, drag and Ctrl+C"),
    ("Alt+Up, Alt+Down", "the room before, the room after; Alt+1 to Alt+9"),
    ("Alt+A", "the next room with something new"),
    ("Ctrl+U, Ctrl+K, Ctrl+W", "cut the line before the cursor, behind it, a word; Ctrl+Y brings it back"),
    ("Ctrl+_", "undo what was typed"),
    ("Ctrl+X, Ctrl+V", "cut what is selected, put it back"),
    ("Ctrl+L", "draw the screen anew"),
    ("F1", "this list"),
    ("F2", "rooms and members, beside or away"),
    ("Esc", "back: out of a question, a search, to the newest"),
    ("Ctrl+Z", "to the shell; fg comes back"),
    ("Ctrl+C, Ctrl+D", "leave"),
)
