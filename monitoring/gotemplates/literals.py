"""String literals as Go writes them."""

from __future__ import annotations

import re
import sys

_SIMPLE = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    "'": "'",
    '"': '"',
}
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.?))",
    re.DOTALL,
)

# Halves of characters, which no text may hold alone.
SURROGATES = range(0xD800, 0xE000)


def unquote(token: str) -> str:
    """Return the text of a Go string literal. Raises ValueError."""
    if token.startswith("`"):
        return token[1:-1].replace("\r", "")
    if "\\" not in token:
        return token[1:-1]
    return _ESCAPE.sub(_unescape, token[1:-1])


def _unescape(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    if code or found[4]:
        number = int(code, 16) if code else int(found[4], 8)
        if number > sys.maxunicode or number in SURROGATES:
            raise ValueError("invalid char escape")
        return chr(number)
    if found[5] not in _SIMPLE:
        raise ValueError("invalid char escape")
    return _SIMPLE[found[5]]


def quote(text: str) -> str:
    """Return a text as a literal that `unquote` reads back."""
    escapes = {v: f"\\{k}" for k, v in _SIMPLE.items() if k != "'"}
    return '"' + "".join(escapes.get(c, c) for c in text) + '"'
