"""Everything that can be wrong with a rule, said field by field."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

from alerts.evaluation import Comparator, Severity
from alerts.evaluation.patterns import InvalidPatternError, Pattern, check_pattern
from alerts.models import Rule
from alerts.services.observations import InvalidQueryError, check_query
from alerts.services.rule_drafts import (
    Errors,
    InvalidRuleError,
    LevelDraft,
    RuleDraft,
)
from monitoring.labels import LABEL_NAME, InvalidMatcherError, Matcher, MatchOp

MAX_LEVELS = len(Severity)
MAX_PAIRS = 50
MAX_TEXT = 4000
MAX_SECONDS = 86_400
MAX_HOLD_SECONDS = 7 * 86_400
UNITS = ("", "percent", "bytes", "seconds")


def check_draft(draft: RuleDraft) -> None:
    """Raises InvalidRuleError with all that is wrong."""
    errors: Errors = {}
    for name, check in _CHECKS.items():
        if found := list(check(draft)):
            errors[name] = found
    if levels := check_levels(draft.levels, is_pattern=_is_pattern(draft)):
        errors["levels"] = levels
    if errors:
        raise InvalidRuleError(errors)


def _is_pattern(draft: RuleDraft) -> bool:
    return draft.kind == Rule.Kind.PATTERN


def _check_name(draft: RuleDraft) -> Iterable[str]:
    if not draft.name.strip() or len(draft.name) > 200:  # noqa: PLR2004 - the column's length
        yield "Give a name of 200 characters at most."


def _check_kind(draft: RuleDraft) -> Iterable[str]:
    if draft.kind not in Rule.ALONE:
        yield f"Choose one of {', '.join(Rule.ALONE)}."


def _check_query(draft: RuleDraft) -> Iterable[str]:
    if draft.kind != Rule.Kind.THRESHOLD:
        return
    if not draft.query.strip():
        yield "Say what to watch, in PromQL or LogQL."
        return
    if draft.language not in Rule.Language.values:
        # The language itself is refused beside its own field.
        return
    try:
        check_query(draft.query, draft.language)
    except InvalidQueryError as error:
        yield str(error)


def _check_language(draft: RuleDraft) -> Iterable[str]:
    if draft.language not in Rule.Language.values:
        yield f"Choose one of {', '.join(Rule.Language.values)}."


def _check_pattern(draft: RuleDraft) -> Iterable[str]:
    if not _is_pattern(draft):
        return
    if not draft.pattern:
        yield "Say which lines to look for."
        return
    try:
        check_pattern(Pattern(draft.pattern, draft.ignore_case))
    except InvalidPatternError as error:
        where = "" if error.position is None else f" (position {error.position})"
        yield f"The pattern does not compile: {error}{where}"


def _check_matchers(draft: RuleDraft) -> Iterable[str]:
    if len(draft.matchers) > MAX_PAIRS:
        yield f"Give {MAX_PAIRS} matchers at most."
    for matcher in draft.matchers:
        try:
            parse_matcher(matcher)
        except ValueError as error:
            yield str(error)


def parse_matcher(given: Mapping[str, str]) -> Matcher:
    """Return the matcher of `{"name", "op", "value"}`. Raises ValueError."""
    if set(given) != {"name", "op", "value"}:
        raise ValueError('Write matchers as {"name": …, "op": …, "value": …}.')
    if not all(isinstance(part, str) for part in given.values()):
        raise ValueError("Name, op and value of a matcher are texts.")
    if not LABEL_NAME.match(given["name"]):
        raise ValueError(f"“{given['name']}” is no label name.")
    try:
        return Matcher(given["name"], MatchOp(given["op"]), given["value"])
    except InvalidMatcherError:
        raise
    except ValueError:
        raise ValueError(f"“{given['op']}” is none of =, !=, =~, !~.") from None


def _check_group_by(draft: RuleDraft) -> Iterable[str]:
    if len(draft.group_by) > 10:  # noqa: PLR2004 - more make alerts nobody can tell apart
        yield "Group by 10 labels at most."
    for name in draft.group_by:
        if not LABEL_NAME.match(name):
            yield f"“{name}” is no label name."


def _check_seconds(name: str) -> Callable[[RuleDraft], Iterable[str]]:
    def check(draft: RuleDraft) -> Iterable[str]:
        if not 1 <= getattr(draft, name) <= MAX_SECONDS:
            yield "Give 1 second to 1 day."

    return check


def _check_choice(
    name: str, choices: Sequence[str]
) -> Callable[[RuleDraft], Iterable[str]]:
    def check(draft: RuleDraft) -> Iterable[str]:
        if getattr(draft, name) not in choices:
            yield f"Choose one of {', '.join(c or '“”' for c in choices)}."

    return check


def _check_pairs(name: str) -> Callable[[RuleDraft], Iterable[str]]:
    def check(draft: RuleDraft) -> Iterable[str]:
        pairs = getattr(draft, name)
        if len(pairs) > MAX_PAIRS:
            yield f"Give {MAX_PAIRS} at most."
        for key, text in pairs.items():
            if not LABEL_NAME.match(key):
                yield f"“{key}” is no label name."
            elif not isinstance(text, str) or len(text) > MAX_TEXT:
                yield f"“{key}” must be a text of {MAX_TEXT} characters at most."
            elif name == "labels" and key in {"alertname", "severity"}:
                yield f"“{key}” is set by Vedette."

    return check


_CHECKS: dict[str, Callable[[RuleDraft], Iterable[str]]] = {
    "name": _check_name,
    "kind": _check_kind,
    "query": _check_query,
    "language": _check_language,
    "pattern": _check_pattern,
    "matchers": _check_matchers,
    "group_by": _check_group_by,
    "window_seconds": _check_seconds("window_seconds"),
    "interval_seconds": _check_seconds("interval_seconds"),
    "no_data": _check_choice("no_data", Rule.NoData.values),
    "unit": _check_choice("unit", UNITS),
    "labels": _check_pairs("labels"),
    "annotations": _check_pairs("annotations"),
}


def check_levels(
    levels: Sequence[LevelDraft], *, is_pattern: bool
) -> list[str] | list[Errors]:
    """Return what is wrong with the levels as a whole, or level by level; else []."""
    if not levels:
        return ["Give at least one level."]
    if len(levels) > MAX_LEVELS:
        return [f"Give {MAX_LEVELS} levels at most."]
    each = [dict(_level_errors(level, is_pattern=is_pattern)) for level in levels]
    if any(each):
        return each
    for milder, worse in pairwise(levels):
        if problem := _order_problem(milder, worse):
            return [problem]
    return []


def _level_errors(
    level: LevelDraft, *, is_pattern: bool
) -> Iterable[tuple[str, list[str]]]:
    if level.severity not in set(Severity):
        yield "severity", [f"Choose one of {', '.join(Severity)}."]
    if level.comparator not in set(Comparator):
        yield "comparator", [f"Choose one of {', '.join(Comparator)}."]
        return
    comparator = Comparator(level.comparator)
    if is_pattern and not comparator.rises:
        yield "comparator", ["Patterns count lines: use gt or ge."]
    if not math.isfinite(level.threshold):
        yield "threshold", ["Give a finite number."]
    elif is_pattern and comparator.holds(0, level.threshold):
        yield "threshold", ["Without any matching line this would be breached."]
    if problem := _recovery_problem(level, comparator):
        yield "recovery_threshold", [problem]
    for name in ("hold_seconds", "keep_firing_seconds"):
        if not 0 <= getattr(level, name) <= MAX_HOLD_SECONDS:
            yield name, ["Give 0 seconds to 7 days."]


def _recovery_problem(level: LevelDraft, comparator: Comparator) -> str:
    limit = level.recovery_threshold
    if limit is None:
        return ""
    if not math.isfinite(limit):
        return "Give a finite number."
    if comparator.rises and limit > level.threshold:
        return "It recovers at the threshold or below."
    if comparator.falls and limit < level.threshold:
        return "It recovers at the threshold or above."
    if not comparator.rises and not comparator.falls:
        return f"Recovery makes no sense with {comparator.symbol}."
    return ""


def _order_problem(milder: LevelDraft, worse: LevelDraft) -> str:
    if Severity(worse.severity).rank <= Severity(milder.severity).rank:
        return "Order the levels from mild to worst: info, warning, error, critical."
    if worse.comparator != milder.comparator:
        return ""
    comparator = Comparator(worse.comparator)
    backwards = (comparator.rises and worse.threshold < milder.threshold) or (
        comparator.falls and worse.threshold > milder.threshold
    )
    if backwards:
        return (
            f"{worse.severity} is reached before {milder.severity}: "
            f"{worse.threshold:g} against {milder.threshold:g}."
        )
    return ""
