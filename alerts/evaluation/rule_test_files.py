"""Files of unit tests for rules, in the format of `promtool test rules`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from alerts.evaluation.rule_reading import sequence_of, text_of
from alerts.evaluation.rule_yaml import RuleFileError, load_yaml
from monitoring.durations import InvalidDurationError, parse_duration
from monitoring.labels import METRIC_NAME, Labels, make_labels
from monitoring.promql.notation import NotationError, parse_metric, parse_points

MINUTE = timedelta(minutes=1)

# A test that evaluates rules more often than this is a mistake.
MAX_EVALUATIONS = 100_000

_FILE_KEYS = frozenset(
    {"rule_files", "evaluation_interval", "group_eval_order", "tests", "fuzzy_compare"}
)
_TEST_KEYS = frozenset(
    {
        *("name", "interval", "input_series", "alert_rule_test", "promql_expr_test"),
        *("external_labels", "external_url"),
    }
)


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    labels: Labels
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AlertTest:
    """Which alerts of a name fire at a time, counted from the first sample."""

    at: timedelta
    name: str
    alerts: tuple[ExpectedAlert, ...]


@dataclass(frozen=True, slots=True)
class ExprTest:
    at: timedelta
    expr: str
    samples: Mapping[Labels, float]


@dataclass(frozen=True, slots=True)
class RuleTest:
    """`series` are samples at every `interval`, None for none."""

    name: str
    interval: timedelta
    series: Mapping[Labels, list[float | None]]
    alerts: tuple[AlertTest, ...]
    exprs: tuple[ExprTest, ...]
    external_url: str

    @property
    def length(self) -> timedelta:
        """When the last thing is asked."""
        alerts = (each.at for each in self.alerts)
        exprs = (each.at for each in self.exprs)
        return max([*alerts, *exprs], default=timedelta(0))


@dataclass(frozen=True, slots=True)
class RuleTestFile:
    """`rule_files` are patterns of paths, as seen from the file's own directory."""

    rule_files: list[str]
    interval: timedelta
    group_order: list[str]
    fuzzy: bool
    tests: list[RuleTest]


def read_test_file(text: str) -> RuleTestFile:
    """Read a file of tests. Raises RuleFileError with all that is wrong."""
    document = load_yaml(text)
    if not isinstance(document, Mapping):
        raise RuleFileError(["a file of tests has the keys “rule_files” and “tests”"])
    reading = _Reading()
    found = reading.file(document)
    if reading.problems:
        raise RuleFileError(reading.problems)
    return found


@dataclass(slots=True)
class _Reading:
    """One file while it is read; `where` tells of the place that problems are about."""

    where: str = "the file"
    problems: list[str] = field(default_factory=list)

    def file(self, document: Mapping[str, Any]) -> RuleTestFile:
        self._refuse_unknown(document, _FILE_KEYS)
        interval = self._duration(document, "evaluation_interval", MINUTE)
        rule_files = [text_of(each) for each in self._list(document, "rule_files")]
        order = [text_of(each) for each in self._list(document, "group_eval_order")]
        fuzzy = text_of(document.get("fuzzy_compare")) == "true"
        tests = []
        for number, found in enumerate(self._list(document, "tests"), 1):
            self.where = f"test {number}"
            if not isinstance(found, Mapping):
                self._complain("it must be a mapping")
                continue
            tests.append(self._test(found, interval, number))
        return RuleTestFile(rule_files, interval, order, fuzzy, tests)

    def _test(
        self, found: Mapping[str, Any], evaluated: timedelta, number: int
    ) -> RuleTest:
        self._refuse_unknown(found, _TEST_KEYS)
        if found.get("external_labels"):
            self._complain("rules here know no external labels")
        test = RuleTest(
            name=text_of(found.get("name")) or f"test {number}",
            interval=self._duration(found, "interval", evaluated),
            series=dict(self._series(found)),
            alerts=tuple(self._alert_tests(found)),
            exprs=tuple(self._expr_tests(found)),
            external_url=text_of(found.get("external_url")),
        )
        if evaluated and test.length / evaluated > MAX_EVALUATIONS:
            self._complain(f"more than {MAX_EVALUATIONS} evaluations")
        return test

    def _series(
        self, found: Mapping[str, Any]
    ) -> Iterator[tuple[Labels, list[float | None]]]:
        for each in self._mappings(found, "input_series"):
            try:
                labels, rest = parse_metric(text_of(each.get("series")))
                points = parse_points(text_of(each.get("values")))
            except NotationError as error:
                self._complain(str(error))
                continue
            if rest or not dict(labels).get(METRIC_NAME):
                self._complain(f"“{text_of(each.get('series'))}” is no series")
            yield labels, points

    def _alert_tests(self, found: Mapping[str, Any]) -> Iterator[AlertTest]:
        for each in self._mappings(found, "alert_rule_test"):
            name = text_of(each.get("alertname"))
            if not name:
                self._complain("an alert_rule_test needs an “alertname”")
            alerts = tuple(
                ExpectedAlert(
                    make_labels({**self._pairs(one, "exp_labels"), "alertname": name}),
                    self._pairs(one, "exp_annotations"),
                )
                for one in self._mappings(each, "exp_alerts")
            )
            yield AlertTest(self._eval_time(each), name, alerts)

    def _expr_tests(self, found: Mapping[str, Any]) -> Iterator[ExprTest]:
        for each in self._mappings(found, "promql_expr_test"):
            expr = text_of(each.get("expr"))
            if not expr:
                self._complain("a promql_expr_test needs an “expr”")
            yield ExprTest(self._eval_time(each), expr, dict(self._samples(each)))

    def _samples(self, found: Mapping[str, Any]) -> Iterator[tuple[Labels, float]]:
        for each in self._mappings(found, "exp_samples"):
            text = text_of(each.get("labels")) or "{}"
            try:
                labels, rest = parse_metric(text)
                value = _number(text_of(each.get("value")))
            except (NotationError, ValueError) as error:
                self._complain(str(error))
                continue
            if rest:
                self._complain(f"“{text}” are no labels")
            yield labels, value

    def _eval_time(self, found: Mapping[str, Any]) -> timedelta:
        return self._duration(found, "eval_time", timedelta(0), at_least=timedelta(0))

    def _duration(
        self,
        found: Mapping[str, Any],
        key: str,
        default: timedelta,
        *,
        at_least: timedelta = timedelta(milliseconds=1),
    ) -> timedelta:
        text = text_of(found.get(key))
        if not text:
            return default
        try:
            duration = parse_duration(text)
        except InvalidDurationError as error:
            self._complain(f"“{key}”: {error}")
            return default
        if duration < at_least:
            self._complain(f"“{key}” is too short")
            return default
        return duration

    def _pairs(self, found: Mapping[str, Any], key: str) -> dict[str, str]:
        pairs = found.get(key) or {}
        if not isinstance(pairs, Mapping):
            self._complain(f"“{key}” must be a mapping")
            return {}
        return {text_of(name): text_of(value) for name, value in pairs.items()}

    def _list(self, found: Mapping[str, Any], key: str) -> list[Any]:
        value = found.get(key) or []
        listed = sequence_of(value)
        if listed is None:
            self._complain(f"“{key}” must be a list")
        return list(listed or [])

    def _mappings(self, found: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
        mappings = []
        for each in self._list(found, key):
            if isinstance(each, Mapping):
                mappings.append(each)
            else:
                self._complain(f"“{key}” must hold mappings")
        return mappings

    def _refuse_unknown(self, found: Mapping[str, Any], known: frozenset[str]) -> None:
        for key in found:
            if key not in known:
                self._complain(f"unknown key “{key}”")

    def _complain(self, problem: str) -> None:
        self.problems.append(f"{self.where}: {problem}")


def _number(text: str) -> float:
    """Return a number as YAML has it: `.inf`, too. Raises ValueError."""
    return float(re.sub(r"\.(?=inf|nan)", "", text.lower()) or "0")
