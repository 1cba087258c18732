"""Rules over made-up samples in memory: nothing is stored, and nobody is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from alerts.evaluation import (
    AlertMemory,
    ChangeKind,
    Comparator,
    Level,
    RuleSpec,
    Status,
    evaluate,
)
from alerts.evaluation.grouped import GroupedRule, RuleGroupDraft, severity_of
from alerts.evaluation.rule_test_files import ExpectedAlert
from alerts.evaluation.templates import Sample, TemplateError, render_all
from alerts.models import Rule
from alerts.services.group_alerts import ALERTS, ALERTS_FOR_STATE
from alerts.services.group_recording import recorded
from alerts.services.observations import FAILURES, QueryError, observations_of
from monitoring.labels import METRIC_NAME, Labels, make_labels
from monitoring.promql import Result, instant
from monitoring.promql.memory import MemoryQuerier
from monitoring.promql.numbers import general
from monitoring.services import queries

_ENDS = {ChangeKind.RESOLVED, ChangeKind.DROPPED, ChangeKind.RELEASED}


@dataclass(slots=True)
class MemoryReads:
    """Answers about the samples at one moment; `at_ms` moves on."""

    querier: MemoryQuerier
    at_ms: int = 0

    def instant(self, expr: str) -> Result:
        limits = queries.limits(queries.MAX_TIME, queries.LOOKBACK)
        return instant(self.querier, expr, time_ms=self.at_ms, limits=limits)

    def lay_over(self, samples: Mapping[Labels, float]) -> None:
        for labels, value in samples.items():
            self.querier.add(labels, self.at_ms, value)

    def ask(self, text: str) -> list[Sample]:
        """Answer a template's query. Raises TemplateError."""
        try:
            found = observations_of(self.instant(text))
        except (*FAILURES, QueryError) as error:
            raise TemplateError(str(error)) from None
        return [Sample(each.value, dict(each.labels)) for each in found]


@dataclass(slots=True)
class _Active:
    """An alert that is pending or fires."""

    labels: dict[str, str]
    since: datetime
    annotations: dict[str, str] = field(default_factory=dict)


class SimulatedAlerting:
    """One alerting rule and its alerts, by fingerprint."""

    def __init__(self, rule: GroupedRule, labels: Mapping[str, str], url: str) -> None:
        self.rule, self._labels, self._url = rule, labels, url
        level = Level(
            severity=severity_of(labels),
            comparator=Comparator.GT,
            threshold=0.0,
            hold=rule.hold,
            keep_firing=rule.keep_firing,
        )
        self._spec = RuleSpec((level,), presence=True)
        self._memory: dict[int, AlertMemory] = {}
        self._active: dict[int, _Active] = {}

    def evaluate(self, reads: MemoryReads, now: datetime) -> dict[Labels, float]:
        """Return the samples that tell of its alerts. Raises QueryError and FAILURES."""
        seen = observations_of(reads.instant(self.rule.expr))
        for change in evaluate(self._spec, seen, self._memory, now):
            if change.kind in _ENDS:
                del self._memory[change.fingerprint]
                del self._active[change.fingerprint]
                continue
            self._memory[change.fingerprint] = change.after
            self._tell(change.fingerprint, change.after, reads, now)
        return self._synthetic()

    def _tell(
        self, fingerprint: int, after: AlertMemory, reads: MemoryReads, now: datetime
    ) -> None:
        active = self._active.get(fingerprint)
        if active is None:
            own = dict(after.labels)
            written = self._render(self._labels, own, after.value, reads)
            active = _Active(own | written, after.since or now)
            self._active[fingerprint] = active
        told = {"alertname": self.rule.name, "severity": str(after.severity)}
        labels = told | active.labels
        annotations = self.rule.annotations
        active.annotations = self._render(annotations, labels, after.value, reads)

    def _render(
        self,
        templates: Mapping[str, str],
        labels: Mapping[str, str],
        value: float | None,
        reads: MemoryReads,
    ) -> dict[str, str]:
        return render_all(
            templates,
            labels=labels,
            value=value,
            number=general,
            query=reads.ask,
            external_url=self._url,
        )

    def _synthetic(self) -> dict[Labels, float]:
        samples: dict[Labels, float] = {}
        for fingerprint, active in self._active.items():
            firing = self._memory[fingerprint].status is Status.FIRING
            state = "firing" if firing else "pending"
            labels = {**active.labels, "alertname": self.rule.name}
            told = {**labels, METRIC_NAME: ALERTS, "alertstate": state}
            samples[make_labels(told)] = 1.0
            since = make_labels({**labels, METRIC_NAME: ALERTS_FOR_STATE})
            samples[since] = float(int(active.since.timestamp()))
        return samples

    def firing(self) -> list[ExpectedAlert]:
        return [
            ExpectedAlert(
                make_labels({**active.labels, "alertname": self.rule.name}),
                active.annotations,
            )
            for fingerprint, active in self._active.items()
            if self._memory[fingerprint].status is Status.FIRING
        ]


class SimulatedRecording:
    """One recording rule."""

    def __init__(
        self, rule: GroupedRule, labels: Mapping[str, str], limit: int
    ) -> None:
        self.rule, self._limit = rule, limit
        self._row = Rule(name=rule.name, query=rule.expr, labels=dict(labels))

    def evaluate(self, reads: MemoryReads, now: datetime) -> dict[Labels, float]:
        """Raises RuleFailedError and FAILURES."""
        return recorded(self._row, self._limit, reads)


def simulated(
    group: RuleGroupDraft, rule: GroupedRule, external_url: str
) -> SimulatedAlerting | SimulatedRecording:
    labels = {**group.labels, **rule.labels}
    if rule.is_alerting:
        return SimulatedAlerting(rule, labels, external_url)
    return SimulatedRecording(rule, labels, group.limit)
