"""Stream labels as Loki's senders write them: `{job="web", host='a'}`."""

from __future__ import annotations

import re

from monitoring.labels import METRIC_NAME
from sources.protocols import shown
from sources.protocols.label_sets import MAX_LABELS, MAX_NAME_BYTES, MAX_VALUE_BYTES

_PAIR = re.compile(
    r"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"
    r"(\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)\s*",
)
_ESCAPE = re.compile(
    r"\\(?:(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})|([0-7]{3})|(.))"
)
_SINGLE = dict(zip("abfnrtv\\\"'", "\a\b\f\n\r\t\v\\\"'", strict=True))

Pairs = tuple[tuple[str, str], ...]


class LokiLabelsError(ValueError):
    """What is wrong with a stream's labels, in Loki's words."""


def parse_labels(text: str) -> Pairs:
    """Return the pairs as they are written. Raises LokiLabelsError."""
    inner = text.strip()
    if not (inner.startswith("{") and inner.endswith("}")):
        raise _syntax(text, 1, "labels stand between { and }")
    place, end = 1, len(inner) - 1
    pairs: list[tuple[str, str]] = []
    while inner[place:end].strip():
        found = _PAIR.match(inner, place, end)
        if found is None:
            raise _syntax(text, place + 1, 'expected name="value"')
        pairs.append((found[1], _unquoted(found[2], text, place + 1)))
        place = found.end()
        if place < end and inner[place] != ",":
            raise _syntax(text, place + 1, "expected , or }")
        place += 1
    return tuple(pairs)


def _syntax(text: str, column: int, reason: str) -> LokiLabelsError:
    return LokiLabelsError(
        f"error parsing labels {shown(text)} with error: 1:{column}: parse error: "
        f"{reason}"
    )


def _unquoted(quoted: str, text: str, column: int) -> str:
    """Undo Go's quoting."""
    inner = quoted[1:-1]
    if quoted[0] == "`" or "\\" not in inner:
        return inner

    def unescaped(found: re.Match[str]) -> str:
        if found[3]:
            if found[3] not in _SINGLE:
                raise _syntax(text, column, f"unknown escape sequence \\{found[3]}")
            return _SINGLE[found[3]]
        code = int(found[1][1:], 16) if found[1] else int(found[2], 8)
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:  # noqa: PLR2004 - Unicode's bounds
            raise _syntax(text, column, "an escape sequence is no character")
        return chr(code)

    return _ESCAPE.sub(unescaped, inner)


def check_pairs(pairs: Pairs) -> None:
    """Raises LokiLabelsError."""
    if not any(value for _, value in pairs):
        raise LokiLabelsError("error at least one label pair is required per stream")
    if len(pairs) > MAX_LABELS:
        raise LokiLabelsError(
            f"entry for stream '{written(pairs)}' has {len(pairs)} label names; limit "
            f"{MAX_LABELS}"
        )
    names: set[str] = set()
    for name, value in pairs:
        error = _fault(name, value)
        if error is not None:
            raise LokiLabelsError(f"stream '{written(pairs)}' has {error}")
        if name in names:
            raise LokiLabelsError(
                f"stream '{written(pairs)}' has duplicate label name: '{name}'"
            )
        names.add(name)


def _fault(name: str, value: str) -> str | None:
    if name == METRIC_NAME:
        return f"label {METRIC_NAME}, which names metrics"
    if len(name) > MAX_NAME_BYTES:
        return f"label name too long: {shown(name)} (limit {MAX_NAME_BYTES} bytes)"
    if len(value) * 4 > MAX_VALUE_BYTES and len(value.encode()) > MAX_VALUE_BYTES:
        return f"label value too long: {shown(value)} (limit {MAX_VALUE_BYTES} bytes)"
    if "\x00" in value:
        return f"a NUL character in '{name}'"
    return None


def written(pairs: Pairs) -> str:
    """Return labels as Loki writes them in an error, cut to a readable length."""
    text = ", ".join(f'{name}="{value}"' for name, value in pairs[:MAX_LABELS])
    return "{" + (text if len(text) <= 200 else text[:199] + "…") + "}"  # noqa: PLR2004 - a line
