"""Checks rules as people write them, and reads them once they are right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitoring.labels import LABEL_NAME
from monitoring.telemetry import Level
from sources.processing import shape
from sources.processing.deriving import SECONDS
from sources.processing.rules import (
    Condition,
    Filter,
    Mask,
    Metric,
    Promotion,
    RateLimit,
    Rules,
    Sampling,
)
from sources.processing.sections import LABELS, SECTIONS

_MOST_VALUES = 100


class InvalidRulesError(ValueError):
    """Rules that cannot be; `problems` says for each place what is wrong there.

    A place is written as in "masks[0].pattern".
    """

    def __init__(self, problems: list[shape.Problem]) -> None:
        super().__init__("; ".join(f"{where}: {what}" for where, what in problems))
        self.problems = problems


def read_rules(value: Any) -> Rules:
    """Raises InvalidRulesError."""
    problems = _problems(value)
    if problems:
        raise InvalidRulesError(problems)
    sampling, limit = value.get("sampling"), value.get("rate_limit")
    return Rules(
        filters=tuple(
            Filter(f["action"] == "include", _condition(f))
            for f in value.get("filters", ())
        ),
        sampling=_sampling(sampling) if sampling else None,
        masks=tuple(_mask(m) for m in value.get("masks", ())),
        labels=dict(value.get("labels", {})),
        promotions=tuple(_promotion(p) for p in value.get("promote", ())),
        rate_limit=_limit(limit) if limit else None,
        metrics=tuple(_metric(m) for m in value.get("metrics", ())),
    )


def _problems(value: Any) -> list[shape.Problem]:
    if not isinstance(value, dict):
        return [("", "This must be an object.")]
    sections = {section.name: section for section in SECTIONS}
    found: list[shape.Problem] = []
    for name, part in value.items():
        section = sections.get(name)
        if section is None:
            known = ", ".join(sections)
            found.append((str(name)[:80], f"There is no such section; known: {known}."))
        elif section is LABELS:
            problem = shape.names_to_texts(part)
            found += [(name, problem)] if problem else []
        elif part or section.many:
            found += shape.problems_of(section, part)
    return found or _double_names(value) + _unnamed(value)


def _double_names(value: Mapping[str, Any]) -> list[shape.Problem]:
    """One metric has one type, whichever rule makes it."""
    types: dict[str, str] = {}
    for place, metric in enumerate(value.get("metrics", ())):
        if types.setdefault(metric["name"], metric["type"]) != metric["type"]:
            told = f"It is a {types[metric['name']]} above: one metric has one type."
            return [(f"metrics[{place}].type", told)]
    return []


def _unnamed(value: Mapping[str, Any]) -> list[shape.Problem]:
    """A field whose name no label can have needs one for its label."""
    for place, rule in enumerate(value.get("promote", ())):
        problem = shape.label_name(_label_of(rule))
        if problem:
            return [(f"promote[{place}].label", problem)]
    return []


def _condition(rule: Mapping[str, Any]) -> Condition:
    lowest, highest = rule.get("at_least"), rule.get("at_most")
    return Condition(
        contains=rule.get("contains", ""),
        matches=rule.get("matches", ""),
        field=rule.get("field", ""),
        at_least=Level.from_word(lowest) if lowest else None,
        at_most=Level.from_word(highest) if highest else None,
    )


def _sampling(rule: Mapping[str, Any]) -> Sampling:
    keep = Level.from_word(rule.get("keep", "error"))
    return Sampling(float(rule["rate"]), rule.get("field", ""), keep)


def _mask(rule: Mapping[str, Any]) -> Mask:
    return Mask(
        rule.get("preset", ""),
        rule.get("pattern", ""),
        rule.get("replacement", "[masked]"),
        rule.get("mode") == "hash",
    )


def _label_of(rule: Mapping[str, Any]) -> str:
    """Dots and dashes of a field's name become what a label's name may have."""
    if "label" in rule:
        return str(rule["label"])
    field = str(rule["field"])
    return "".join(c if LABEL_NAME.match("_" + c) else "_" for c in field)


def _promotion(rule: Mapping[str, Any]) -> Promotion:
    return Promotion(rule["field"], _label_of(rule), rule.get("most", _MOST_VALUES))


def _limit(rule: Mapping[str, Any]) -> RateLimit:
    return RateLimit(
        float(rule.get("lines_per_second", 0)),
        float(rule.get("bytes_per_second", 0)),
        float(rule.get("burst_seconds", 10)),
    )


def _metric(rule: Mapping[str, Any]) -> Metric:
    return Metric(
        name=rule["name"],
        type=rule["type"],
        when=_condition(rule),
        field=rule.get("value", ""),
        scale=SECONDS[rule["unit"]] if "unit" in rule else 1.0,
        buckets=tuple(float(b) for b in rule.get("buckets", ())),
        labels=rule.get("labels", {}),
        most=rule.get("most", _MOST_VALUES),
        help=rule.get("help", ""),
    )
