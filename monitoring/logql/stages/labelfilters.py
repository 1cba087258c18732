"""Label filters: conditions on labels, and what they do to lines with errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from monitoring.logql.columns import Bools, map_texts
from monitoring.logql.expressions import checked, matching
from monitoring.logql.lines import Lines
from monitoring.logql.stages.addresses import Addresses, is_address
from monitoring.logql.stages.numbers import read_numbers
from monitoring.logql.syntax import (
    Both,
    Condition,
    Either,
    IpCondition,
    NumberCondition,
    TextCondition,
)
from monitoring.promql.arithmetic import compare

LABEL_FILTER_ERROR = "LabelFilterErr"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which lines pass, and the lines with the errors that were met on the way."""

    kept: Bools
    lines: Lines


# `asked` are the lines whose verdict counts: others get no error.
Check = Callable[[Lines, Bools], Verdict]


def compile_label_filter(condition: Condition) -> Callable[[Lines], Lines]:
    """Raises ValueError."""
    check = _compile(condition)

    def run(lines: Lines) -> Lines:
        verdict = check(lines, np.ones(lines.count, np.bool_))
        return verdict.lines.where(verdict.kept)

    return run


def _compile(condition: Condition) -> Check:
    match condition:
        case TextCondition():
            return _text(condition)
        case NumberCondition():
            return _number(condition)
        case IpCondition():
            return _ip(condition)
        case Both(left, right):
            return _both(_compile(left), _compile(right))
        case Either(left, right):
            return _either(_compile(left), _compile(right))


def _text(condition: TextCondition) -> Check:
    matcher = condition.matcher
    if matcher.is_regex:
        checked(matcher.value)

    def check(lines: Lines, asked: Bools) -> Verdict:
        return Verdict(matching(matcher, lines.value(matcher.name)), lines)

    return check


def _number(condition: NumberCondition) -> Check:
    def check(lines: Lines, asked: Bools) -> Verdict:
        # A line with an error passes: only conditions on texts can take it out.
        failed = lines.failed
        numbers = read_numbers(lines.value(condition.name), condition.unit)
        limit = np.float64(condition.value)
        fulfilled = compare(condition.op, numbers.values, np.asarray(limit))
        kept = failed | numbers.bad | (fulfilled & ~numbers.absent)
        bad = numbers.bad & ~failed & asked
        return Verdict(
            kept, lines.with_error(bad, LABEL_FILTER_ERROR, numbers.complaints)
        )

    return check


def _ip(condition: IpCondition) -> Check:
    addresses = Addresses.of(condition.addresses)
    wanted = condition.op == "="

    def check(lines: Lines, asked: Bools) -> Verdict:
        failed = lines.failed
        column = lines.value(condition.name)
        held, codes = map_texts(column, addresses.holds)
        absent, _ = map_texts(column, lambda text: not text)
        wrong, _ = map_texts(column, lambda text: bool(text) and not is_address(text))
        bad = np.array(wrong, np.bool_)[codes]
        found = np.array(held, np.bool_)[codes] == wanted
        gone = np.array(absent, np.bool_)[codes]
        details = f"ip: {condition.name} is no address"
        noted = lines.with_error(bad & ~failed & asked, LABEL_FILTER_ERROR, details)
        return Verdict(failed | bad | (found & ~gone), noted)

    return check


def _both(first: Check, second: Check) -> Check:
    def check(lines: Lines, asked: Bools) -> Verdict:
        left = first(lines, asked)
        right = second(left.lines, asked & left.kept)
        return Verdict(left.kept & right.kept, right.lines)

    return check


def _either(first: Check, second: Check) -> Check:
    def check(lines: Lines, asked: Bools) -> Verdict:
        left = first(lines, asked)
        right = second(left.lines, asked & ~left.kept)
        return Verdict(left.kept | right.kept, right.lines)

    return check
