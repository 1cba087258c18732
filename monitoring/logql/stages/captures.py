"""regexp and pattern: labels from the groups of one expression, by RE2."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from monitoring.logql.columns import TEXT, column, without_empty
from monitoring.logql.expressions import checked
from monitoring.logql.lines import Columns, Lines, label_name, parsed_name

# What may stand around a group's opening: an escape, a literal passage, a class;
# then the opening itself, with its name if it has one.
_GROUP = re.compile(
    r"\\Q.*?(?:\\E|\Z)|\\.|\[\^?\]?(?:\[:\w+:\]|\\.|[^\]])*\]"
    r"|(?P<open>\((?:\?P?<(?P<name>[^>]*)>|(?!\?)))",
    re.DOTALL,
)
_PART = re.compile(r"<([a-zA-Z_][a-zA-Z0-9_]*)>")
_UNNAMED = "_"


@dataclass(frozen=True, slots=True)
class Captures:
    """An expression and the labels that its groups, by number, are taken for."""

    expression: str
    labels: tuple[tuple[str, str], ...]

    def run(self, lines: Lines) -> Lines:
        found = pc.extract_regex(lines.text, self.expression)
        columns = {}
        for group, label in self.labels:
            texts = pc.struct_field(found, group).cast(TEXT)
            valid = found.is_valid()
            texts = pc.if_else(valid, texts, pa.scalar(None, TEXT))
            columns[parsed_name(label, lines.own)] = without_empty(texts)
        return lines.with_layer(Columns(columns))


def regexp_captures(expression: str) -> Captures:
    """Name every group, as Arrow wants it. Raises ValueError."""
    checked(expression)
    labels: list[tuple[str, str]] = []

    def named(found: re.Match[str]) -> str:
        if not found["open"]:
            return found[0]
        if found["name"] is None:
            return "(?:"
        group = f"g{len(labels)}"
        labels.append((group, found["name"]))
        return f"(?P<{group}>"

    renamed = _GROUP.sub(named, expression)
    names = [name for _, name in labels]
    if not names:
        raise ValueError("at least one named capture must be supplied")
    for name in names:
        if label_name(name) != name or not name:
            raise ValueError(f"invalid extracted label name '{name}'")
        if names.count(name) > 1:
            raise ValueError(f"duplicate extracted label name '{name}'")
    pc.extract_regex(column([""]), checked(renamed))
    return Captures(renamed, tuple(labels))


Part = tuple[str, bool]


def split_pattern(pattern: str) -> list[Part]:
    """Return literal texts and names of captures (True), in turn."""
    parts: list[Part] = []
    position = 0
    for found in _PART.finditer(pattern):
        if found.start() > position:
            parts.append((pattern[position : found.start()], False))
        parts.append((found[1], True))
        position = found.end()
    if position < len(pattern):
        parts.append((pattern[position:], False))
    return parts


def pattern_captures(pattern: str) -> Captures:
    """Raises ValueError."""
    parts = split_pattern(pattern)
    names = [name for name, is_capture in parts if is_capture and name != _UNNAMED]
    if not names:
        raise ValueError("at least one capture is required")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"duplicate capture name ({name})")
    _refuse_neighbours(parts)
    labels = tuple((f"g{number}", name) for number, name in enumerate(names))
    groups = {name: group for group, name in labels}
    return Captures(checked(_expression(parts, groups)), labels)


def _refuse_neighbours(parts: list[Part]) -> None:
    for (one, first), (two, second) in pairwise(parts):
        if first and second:
            raise ValueError(f"found consecutive capture '<{one}><{two}>'")


def _expression(parts: list[Part], groups: dict[str, str]) -> str:
    """Return what finds each literal where it stands first.

    A capture whose literal does not come reaches up to the end of the line.
    """
    head, closing = r"(?s)\A", ""
    for place, (text, is_capture) in enumerate(parts):
        if not is_capture:
            head += re.escape(text) if place == 0 else ""
            continue
        literal = parts[place + 1][0] if place + 1 < len(parts) else ""
        inside = _until(literal)
        group = groups.get(text)
        head += f"(?P<{group}>{inside})" if group else f"(?:{inside})"
        if literal:
            head += f"(?:{re.escape(literal)}"
            closing = r"|\z)" + closing
    return head + closing


def _until(literal: str) -> str:
    if not literal:
        return ".*"
    # A class needs no looking back, and is several times faster.
    return f"[^{re.escape(literal)}]*" if len(literal) == 1 else ".*?"
