"""The language of patterns: the line, with names in the places of what varies.

    <ip> - <user> [<time:%d/%b/%Y:%H:%M:%S %z>] "<method> <path> <_>" <status:int>

`<name>` is a field, `<_>` anything that is no field; `<name:kind>` says what it looks
like. What stands between is meant as it is; `<<` is one `<`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import re2

from sources.formats import times

MAX_EXPRESSION = 4000
MAX_GROUPS = 64
# What the time, the level may be called; any other name is a field.
TIME_NAMES = ("ts", "time", "timestamp", "date", "datetime")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]{0,99}\Z")
_PLACE = re.compile(r"<<|<([^<>]*)>")
# What the kinds of places look like.
KINDS: Mapping[str, str] = {
    "int": r"[+-]?\d+",
    "number": r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?",
    "word": r"\S+",
    "ip": r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]+)",
    "hex": r"[0-9A-Fa-f]+",
    "uuid": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "quoted": r'"(?:[^"\\]|\\.)*"',
    "rest": r".*",
}


class InvalidFormatError(ValueError):
    """A description that no format can be made of; the text says what to mend.

    `setting` is the one that is wrong.
    """

    def __init__(self, text: str, setting: str = "expression") -> None:
        super().__init__(text)
        self.setting = setting


def check_time_format(text: str, setting: str = "expression") -> None:
    """Raises InvalidFormatError."""
    try:
        times.check_time_format(text)
    except times.InvalidTimeFormatError as error:
        raise InvalidFormatError(str(error), setting) from None


def compiled(expression: str, setting: str = "expression") -> Any:
    """Raises InvalidFormatError."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 * 2**20
    try:
        return re2.compile(expression, options)
    except re2.error as error:
        said = error.args[0] if error.args else "it cannot be read"
        said = said.decode() if isinstance(said, bytes) else str(said)
        raise InvalidFormatError(
            f"This is no regular expression of RE2: {said}.", setting
        ) from None


def read_pattern(pattern: str) -> tuple[str, tuple[str, ...], str]:
    """Return the expression, the fields' names, and how the time is written.

    Raises InvalidFormatError.
    """
    parts = list(_parts(pattern))
    if len([p for p in parts if p.is_place]) > MAX_GROUPS:
        raise InvalidFormatError(f"There may be {MAX_GROUPS} names at most.")
    _check_order(parts)
    names: list[str] = []
    expression, written = "^", ""
    for part, body in zip(parts, _bodies(parts), strict=True):
        if not part.is_place:
            expression += body
            continue
        if part.text == "_":
            expression += f"(?:{body})"
            continue
        if part.text in names:
            raise InvalidFormatError(f"<{part.text}> is there twice.")
        if "%" in part.kind:
            written = part.kind
        expression += f"(?P<g{len(names)}>{body})"
        names.append(part.text)
    if not names:
        raise InvalidFormatError("Name what is to become a field, as in <status>.")
    compiled(expression)
    # An event's further lines, as those of a stack trace, stand behind the first.
    return expression + r"\s*?(?:\n|$)", tuple(names), written


def pieces_of(pattern: str) -> list[tuple[str, str]]:
    """Return what a pattern is made of, as written and as an expression.

    Raises InvalidFormatError.
    """
    parts = list(_parts(pattern))
    return [
        (part.written, body) for part, body in zip(parts, _bodies(parts), strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Part:
    text: str
    kind: str = ""
    is_place: bool = False

    @property
    def written(self) -> str:
        if not self.is_place:
            return self.text
        return f"<{self.text}:{self.kind}>" if self.kind else f"<{self.text}>"


def _parts(pattern: str) -> Iterator[_Part]:
    literal, end = "", 0
    for found in _PLACE.finditer(pattern):
        literal += pattern[end : found.start()]
        end = found.end()
        if found[1] is None:
            literal += "<"
            continue
        if literal:
            yield _Part(literal)
        literal = ""
        yield _place(found[1])
    literal += pattern[end:]
    if literal:
        yield _Part(literal)


def _place(text: str) -> _Part:
    name, _, kind = text.partition(":")
    if not _NAME.match(name):
        raise InvalidFormatError(f"<{text}>: this is no name of a field.")
    if kind and kind not in KINDS and "%" not in kind:
        known = ", ".join(KINDS)
        raise InvalidFormatError(
            f"<{text}>: the kinds are {known}, or a time as in %Y-%m-%d %H:%M:%S."
        )
    if "%" in kind:
        check_time_format(kind)
        if name not in TIME_NAMES:
            told = ", ".join(TIME_NAMES)
            raise InvalidFormatError(f"<{text}>: call the time one of {told}.")
    return _Part(name, kind, is_place=True)


def _check_order(parts: list[_Part]) -> None:
    for one, two in pairwise(parts):
        if one.is_place and two.is_place and not (one.kind or two.kind):
            raise InvalidFormatError(
                f"Between <{one.text}> and <{two.text}> something must stand."
            )


def _bodies(parts: list[_Part]) -> list[str]:
    last = len(parts) - 1
    return [_body(part, is_last=place == last) for place, part in enumerate(parts)]


def _body(part: _Part, *, is_last: bool) -> str:
    """A place without a kind ends where what follows it begins."""
    if not part.is_place:
        return _escaped(part.text)
    if "%" in part.kind:
        return times.expression_of(part.kind)
    if part.kind:
        return KINDS[part.kind]
    return ".*" if is_last else ".*?"


def _escaped(text: str) -> str:
    """Blanks may be any number of blanks: columns are aligned by them."""
    return r"\s+".join(re.escape(piece) for piece in re.split(r" +", text))
