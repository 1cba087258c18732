"""Unit tests of rules, as `promtool test rules` has them: made-up samples, real rules.

Nothing is stored: time begins in 1970, samples are held in memory, and rules are
evaluated step by step as groups are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from alerts.evaluation.grouped import RuleGroupDraft
from alerts.evaluation.rule_test_files import (
    AlertTest,
    ExpectedAlert,
    ExprTest,
    RuleTest,
    RuleTestFile,
)
from alerts.services.group_recording import RuleFailedError
from alerts.services.observations import FAILURES, QueryError
from alerts.services.simulated_rules import (
    MemoryReads,
    SimulatedAlerting,
    simulated,
)
from monitoring.durations import format_duration
from monitoring.labels import Labels, make_labels
from monitoring.moments import EPOCH
from monitoring.promql.matching import format_labels
from monitoring.promql.memory import MemoryQuerier
from monitoring.promql.notation import STALE
from monitoring.promql.numbers import plain

# What adding up in another order may change, and what `fuzzy_compare` forgives.
_LAST_DIGITS, _FUZZY = 1e-13, 1e-6


def run_tests(file: RuleTestFile, groups: Sequence[RuleGroupDraft]) -> list[str]:
    """Return what has failed, each a text of some lines."""
    order = {name: place for place, name in enumerate(file.group_order)}
    ordered = sorted(groups, key=lambda group: order.get(group.name, len(order)))
    failures: list[str] = []
    for test in file.tests:
        found = _Run(test, file, ordered).failures()
        failures += [f"{test.name}: {failure}" for failure in found]
    return failures


class _Run:
    """One test while it runs."""

    def __init__(
        self, test: RuleTest, file: RuleTestFile, groups: Iterable[RuleGroupDraft]
    ) -> None:
        self._test, self._file = test, file
        self._reads = MemoryReads(_samples_of(test))
        self._written: dict[int, frozenset[Labels]] = {}
        self._rules = [
            (group, simulated(group, rule, test.external_url))
            for group in groups
            for rule in group.rules
        ]

    def failures(self) -> list[str]:
        failures: list[str] = []
        waiting = sorted(self._test.alerts, key=lambda each: each.at)
        now, step = timedelta(0), self._file.interval
        while now <= self._test.length:
            failures += self._evaluate_all(now)
            # What is asked between two evaluations is answered by the former.
            while waiting and waiting[0].at < now + step:
                failures += self._check_alerts(waiting.pop(0))
            now += step
        for each in self._test.exprs:
            failures += self._check_expr(each)
        return failures

    def _evaluate_all(self, now: timedelta) -> list[str]:
        failures = []
        for place, (group, rule) in enumerate(self._rules):
            self._reads.at_ms = _milliseconds(now - group.query_offset)
            try:
                samples = rule.evaluate(self._reads, EPOCH + now)
            except (*FAILURES, QueryError, RuleFailedError) as error:
                where = f"rule {rule.rule.name}, time {format_duration(now)}"
                failures.append(f"{where}: {error}")
                continue
            ended = self._written.get(place, frozenset()).difference(samples)
            self._reads.lay_over(dict.fromkeys(ended, STALE))
            self._reads.lay_over(samples)
            self._written[place] = frozenset(samples)
        return failures

    def _check_alerts(self, asked: AlertTest) -> list[str]:
        firing = [
            alert
            for _, rule in self._rules
            if isinstance(rule, SimulatedAlerting) and rule.rule.name == asked.name
            for alert in rule.firing()
        ]
        wanted, got = _told(asked.alerts), _told(firing)
        if wanted == got:
            return []
        where = f"alertname {asked.name}, time {format_duration(asked.at)}"
        return [_difference(where, wanted, got)]

    def _check_expr(self, asked: ExprTest) -> list[str]:
        where = f"expr {asked.expr!r}, time {format_duration(asked.at)}"
        self._reads.at_ms = _milliseconds(asked.at)
        try:
            result = self._reads.instant(asked.expr)
        except FAILURES as error:
            return [f"{where}: {error}"]
        column = result.values[:, -1].tolist() if result.labels else []
        got = dict(zip(result.labels, column, strict=True))
        if got.keys() == asked.samples.keys() and all(
            self._same(value, got[labels]) for labels, value in asked.samples.items()
        ):
            return []
        return [_difference(where, _values(asked.samples), _values(got))]

    def _same(self, wanted: float, got: float) -> bool:
        if math.isnan(wanted) or math.isnan(got):
            return math.isnan(wanted) and math.isnan(got)
        forgiven = _FUZZY if self._file.fuzzy else _LAST_DIGITS
        return math.isclose(wanted, got, rel_tol=forgiven)


def _samples_of(test: RuleTest) -> MemoryQuerier:
    querier = MemoryQuerier()
    step_ms = _milliseconds(test.interval)
    for labels, points in test.series.items():
        for place, value in enumerate(points):
            if value is not None:
                querier.add(labels, place * step_ms, value)
    return querier


def _milliseconds(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)


def _told(alerts: Iterable[ExpectedAlert]) -> list[str]:
    return sorted(
        f"{format_labels(alert.labels)}"
        f" annotations {format_labels(make_labels(alert.annotations))}"
        for alert in alerts
    )


def _values(samples: Mapping[Labels, float]) -> list[str]:
    return sorted(
        f"{format_labels(labels)} {plain(value)}" for labels, value in samples.items()
    )


def _difference(where: str, wanted: Sequence[str], got: Sequence[str]) -> str:
    lines = [where]
    for word, texts in (("expected", wanted), ("got", got)):
        lines.append(f"    {word}:" + (" nothing" if not texts else ""))
        lines += [f"      {text}" for text in texts]
    return "\n".join(lines)
