"""The functions that Go's templates have of themselves, but for those that print."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import re2

from monitoring.gotemplates.values import MAX_TEXT, TemplateError, bounded, text_of

Function = Callable[..., Any]

_REFERENCE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")


def grown(count: int, size: int) -> None:
    """Refuse so many texts of a size before they are made. Raises TemplateError."""
    if count > 0 and size > 0 and count * size > MAX_TEXT:
        raise TemplateError(f"a text longer than {MAX_TEXT:,} characters")


def title(text: str) -> str:
    """Begin each word with a capital; the rest stays, as strings.Title has it."""
    return re.sub(r"(?<!\w)[^\W\d_]", lambda found: found[0].upper(), text)


def replaced(pattern: Any, text: str, replacement: str) -> str:
    """Replace what an RE2 pattern matches; `$1` and `${name}` are its groups."""
    grown(len(text) + 1, len(replacement) // 64)

    def expanded(found: Any) -> str:
        def reference(each: re.Match[str]) -> str:
            if each[1]:
                return "$"
            name = each[2] or each[3]
            try:
                return found.group(int(name) if name.isdecimal() else name) or ""
            except (IndexError, re2.error):
                return ""

        return _REFERENCE.sub(reference, replacement)

    return str(pattern.sub(expanded, text))


def index(value: Any, *keys: Any, missing: Any = None) -> Any:
    """Return what stands at the keys, `missing` where a map has none of it."""
    for key in keys:
        if isinstance(value, dict):
            value = value.get(text_of(key), missing)
        elif isinstance(value, list | str) and 0 <= int(key) < len(value):
            value = value[int(key)]
        else:
            raise TemplateError("index out of range")
    return value


def _length(value: Any) -> int:
    if not isinstance(value, str | list | dict):
        raise TemplateError("len of a value that has none")
    return len(value.encode()) if isinstance(value, str) else len(value)


def _comparable(one: Any, other: Any) -> None:
    same = type(one) is type(other) or one is None or other is None
    if not same or isinstance(one, list | dict):
        raise TemplateError("incompatible types for comparison")


def _equal(one: Any, *others: Any) -> bool:
    if not others:
        raise TemplateError("missing argument for comparison")
    for other in others:
        _comparable(one, other)
        if one == other:
            return True
    return False


def _less(one: Any, other: Any) -> bool:
    _comparable(one, other)
    try:
        return bool(one < other)
    except TypeError:
        raise TemplateError("invalid type for comparison") from None


def _first_false(value: Any, *others: Any) -> Any:
    for other in others:
        if not value:
            break
        value = other
    return value


def _first_true(value: Any, *others: Any) -> Any:
    for other in others:
        if value:
            break
        value = other
    return value


COMPARISONS: dict[str, Callable[..., bool]] = {
    "eq": _equal,
    "ge": lambda one, other: not _less(one, other),
    "gt": lambda one, other: not _less(one, other) and one != other,
    "le": lambda one, other: _less(one, other) or one == other,
    "lt": _less,
    "ne": lambda one, other: not _equal(one, other),
}
FUNCTIONS: dict[str, Function] = {
    **COMPARISONS,
    "and": _first_false,
    "html": lambda value: bounded(html.escape(text_of(value))),
    "index": index,
    "len": _length,
    "not": lambda value: not value,
    "or": _first_true,
    "urlquery": lambda value: bounded(quote_plus(text_of(value))),
}
