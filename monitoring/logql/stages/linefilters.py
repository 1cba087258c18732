"""Line filters, as stages and as what a store can apply by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pyarrow.compute as pc

from monitoring.logql.columns import Bools, Column, bools, texts
from monitoring.logql.expressions import checked
from monitoring.logql.lines import Lines
from monitoring.logql.stages.addresses import Addresses
from monitoring.logql.stages.captures import split_pattern
from monitoring.logql.syntax import LineFilter, LineTerm
from monitoring.telemetry import LineFilter as StoreFilter
from monitoring.telemetry import LineOp

Predicate = Callable[[Column], Bools]

_NEGATIVE = {"!=", "!~", "!>"}
_TEXTUAL = {"|=": LineOp.CONTAINS, "!=": LineOp.NOT_CONTAINS}
_EXPRESSIONS = {
    "|~": LineOp.MATCHES,
    "|>": LineOp.MATCHES,
    "!~": LineOp.NOT_MATCHES,
    "!>": LineOp.NOT_MATCHES,
}


def pushable(stage: LineFilter) -> StoreFilter | None:
    """Return the store's equal of a filter, None if it has none. Raises ValueError."""
    if any(term.is_ip for term in stage.terms):
        return None
    if stage.op in _TEXTUAL:
        return StoreFilter(_TEXTUAL[stage.op], tuple(t.text for t in stage.terms))
    found = tuple(_expression(stage.op, term.text) for term in stage.terms)
    return StoreFilter(_EXPRESSIONS[stage.op], found)


def _expression(op: str, text: str) -> str:
    return checked(text) if op in {"|~", "!~"} else pattern_expression(text)


def pattern_expression(pattern: str) -> str:
    """Return what matches the lines of a pattern: `<_>` is at least one character.

    Raises ValueError.
    """
    parts = split_pattern(pattern)
    for name, is_capture in parts:
        if is_capture and name != "_":
            raise ValueError(f"named captures are not allowed: <{name}>")
    if any(a and b for (_, a), (_, b) in pairwise(parts)):
        raise ValueError("found consecutive capture '<_><_>'")
    inside = "".join(".+" if c else re.escape(text) for text, c in parts)
    return checked(rf"(?s)\A{inside}\z")


def compile_line_filter(stage: LineFilter) -> Callable[[Lines], Lines]:
    """Raises ValueError."""
    predicates = [_predicate(stage.op, term) for term in stage.terms]
    negative = stage.op in _NEGATIVE

    def run(lines: Lines) -> Lines:
        found = np.zeros(lines.count, np.bool_)
        for predicate in predicates:
            found |= predicate(lines.text)
        return lines.where(~found if negative else found)

    return run


def _predicate(op: str, term: LineTerm) -> Predicate:
    if term.is_ip:
        if op not in _TEXTUAL:
            raise ValueError(f"unsupported filter operation for ip(): {op}")
        finder = Addresses.of(term.text).finder()
        return lambda lines: np.array([finder(t or "") for t in texts(lines)], np.bool_)
    if op in _TEXTUAL:
        return lambda lines: bools(pc.match_substring(lines, term.text))
    expression = _expression(op, term.text)
    return lambda lines: bools(pc.match_substring_regex(lines, expression))


def passing(lines: Column, filters: Sequence[StoreFilter]) -> Bools:
    """Return which lines a store would let through."""
    kept = np.ones(len(lines), np.bool_)
    for each in filters:
        textual = each.op in {LineOp.CONTAINS, LineOp.NOT_CONTAINS}
        match = pc.match_substring if textual else pc.match_substring_regex
        found = np.zeros(len(lines), np.bool_)
        for value in each.values:
            found |= bools(match(lines, value))
        negative = each.op in {LineOp.NOT_CONTAINS, LineOp.NOT_MATCHES}
        kept &= ~found if negative else found
    return kept
