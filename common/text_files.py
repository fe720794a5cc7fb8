"""Text files as the editors of any system leave them."""

from __future__ import annotations

import codecs

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class NotText(ValueError):
    """Error: not a text in UTF-8. Its words follow the file's name: "is UTF-16 …"."""


def decoded(data: bytes) -> str:
    """The text of UTF-8 with or without a byte-order mark. Raises NotText."""
    if data.startswith(_UTF_16) or b"\0" in data[:4]:  # half of UTF-16 is NUL where the text is ASCII
        raise NotText("is UTF-16, as Windows may write it; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotText("is not UTF-8 text; save it as that") from None
