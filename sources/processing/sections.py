"""The sections of a source's rules, in the order in which they are applied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import re2

from sources.processing import shape
from sources.processing.deriving import SECONDS
from sources.processing.shape import Key, Section

CONDITION = (
    Key("contains", shape.text, "a text in the line or field"),
    Key("matches", shape.regex, "an RE2 expression found in the line or field"),
    Key("field", shape.text, "look there and not in the line"),
    Key("at_least", shape.level, "the level or a graver one"),
    Key("at_most", shape.level, "the level or a lesser one"),
)


def _filter(value: Mapping[str, Any]) -> str:
    if not value.keys() - {"action"}:
        return (
            "Say what is kept or dropped: contains, matches, field, at_least, at_most."
        )
    return ""


def _mask(value: Mapping[str, Any]) -> str:
    if ("preset" in value) == ("pattern" in value):
        return "Give either a preset or a pattern."
    if "replacement" not in value:
        return ""
    if "preset" in value or value.get("mode") == "hash":
        return "A replacement is for a pattern in the mode “replace”."
    return _replacement(value["pattern"], value["replacement"])


def _replacement(pattern: str, replacement: str) -> str:
    """A group that the pattern has not is no mistake to be found with each line."""
    groups = re2.compile(pattern).groups
    rest = replacement.replace(r"\\", "")
    for place, letter in enumerate(rest):
        if letter != "\\":
            continue
        digit = rest[place + 1 : place + 2]
        if not digit.isdecimal():
            return (
                r"After a \ in a replacement comes the number of a group, or another \."
            )
        if int(digit) > groups:
            return (
                f"The pattern has {groups} groups, and the replacement names \\{digit}."
            )
    return ""


def _limit(value: Mapping[str, Any]) -> str:
    if value.keys() & {"lines_per_second", "bytes_per_second"}:
        return ""
    return "Give lines_per_second, bytes_per_second or both."


def _metric(value: Mapping[str, Any]) -> str:
    kind = value["type"]
    if kind != "counter" and "value" not in value:
        return f"A {kind} needs the field that its value is taken from: value."
    if kind == "histogram" and "buckets" not in value:
        return "A histogram needs the bounds of its buckets: buckets."
    if kind != "histogram" and "buckets" in value:
        return "Only a histogram has buckets."
    if "unit" in value and "value" not in value:
        return "A unit is that of a value."
    return ""


FILTERS = Section(
    "filters",
    "Filters",
    "Which lines are stored: what does not fit an include, or fits an exclude, is not.",
    (
        Key(
            "action",
            shape.one_of("include", "exclude"),
            "include or exclude",
            required=True,
        ),
        *CONDITION,
    ),
    example='- {action: exclude, contains: "/healthz"}\n- {action: include, at_least: info}',
    check=_filter,
)
SAMPLING = Section(
    "sampling",
    "Sampling",
    "Which share of the lines is stored; errors always are. Kept lines say in the "
    "field sample_rate how many they stand for.",
    (
        Key(
            "rate", shape.number(0, 1), "the share that is kept, 0 to 1", required=True
        ),
        Key("field", shape.text, "lines of one value of it stay together"),
        Key("keep", shape.level, "always kept from this level on (error)"),
    ),
    many=False,
    example="rate: 0.1\nfield: trace_id",
)
MASKS = Section(
    "masks",
    "Masks",
    "What is hidden in lines, fields and labels. With the mode “hash” equal values "
    f"stay equal. Presets: {', '.join(shape.PRESET_NAMES)}.",
    (
        Key(
            "preset",
            shape.one_of(*shape.PRESET_NAMES),
            "a kind of secret known by name",
        ),
        Key("pattern", shape.secret_regex, "an RE2 expression of your own"),
        Key(
            "replacement",
            shape.maybe_empty,
            r"what stands in its place; \1 is its first group",
        ),
        Key(
            "mode",
            shape.one_of("replace", "hash"),
            "replace, or hash by a key of the organization",
        ),
    ),
    example="- {preset: email, mode: hash}\n- {preset: secret}\n"
    "- {pattern: 'card=\\d+', replacement: 'card=*'}",
    check=_mask,
)
LABELS = Section(
    "labels",
    "Extra labels",
    "Put on the streams of its lines; those that the sender gives count more.",
    (),
    many=False,
    example="tier: web",
)
PROMOTE = Section(
    "promote",
    "Fields as labels",
    "Fields that become labels of the stream: few values, or storage suffers. A value "
    "over the bound becomes “other”.",
    (
        Key("field", shape.text, "the field", required=True),
        Key("label", shape.label_name, "the label; else the field's name"),
        Key("most", shape.whole(1, shape.MAX_VALUES), "how many values at most (100)"),
    ),
    example="- {field: app, most: 20}",
)
RATE_LIMIT = Section(
    "rate_limit",
    "Rate limit",
    "How much it may bring a second. Who pushes more is told to come again later; what "
    "cannot wait is dropped and counted.",
    (
        Key("lines_per_second", shape.number(0, 1e9, above=True), "lines a second"),
        Key("bytes_per_second", shape.number(0, 1e12, above=True), "bytes a second"),
        Key(
            "burst_seconds",
            shape.number(1, 3600),
            "so many seconds' worth may come at once (10)",
        ),
    ),
    many=False,
    example="lines_per_second: 1000",
    check=_limit,
)
METRICS = Section(
    "metrics",
    "Metrics from lines",
    "Counters, gauges and histograms, counted as the lines come in.",
    (
        Key("name", shape.metric_name, "name of the metric", required=True),
        Key(
            "type",
            shape.one_of("counter", "gauge", "histogram"),
            "counter, gauge or histogram",
            required=True,
        ),
        *CONDITION,
        Key(
            "value",
            shape.text,
            "the field whose number counts; without it a counter counts lines",
        ),
        Key(
            "unit",
            shape.one_of(*SECONDS),
            "unit of a duration: it is stored in seconds",
        ),
        Key(
            "buckets",
            shape.bounds,
            "bounds of a histogram's buckets, in seconds for durations",
        ),
        Key(
            "labels", shape.metric_labels, "labels, and the fields they are taken from"
        ),
        Key(
            "most",
            shape.whole(1, shape.MAX_VALUES),
            "how many values a label may have (100)",
        ),
        Key("help", shape.text, "what it tells"),
    ),
    example="- {name: http_requests_total, type: counter, labels: {status: status}}",
    check=_metric,
)

SECTIONS: tuple[Section, ...] = (
    FILTERS,
    SAMPLING,
    MASKS,
    LABELS,
    PROMOTE,
    RATE_LIMIT,
    METRICS,
)
