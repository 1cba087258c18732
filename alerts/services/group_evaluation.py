"""Evaluating rule groups: their rules in order, at one moment, in one transaction."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import DatabaseError, connection, transaction
from django.db.models import prefetch_related_objects

from accounts.scope import Scope
from alerts.evaluation.grouped import offset_of, tick_before
from alerts.models import Alert, Rule, RuleGroup, RuleGroupState
from alerts.services import group_series
from alerts.services.group_alerts import evaluate_alerting
from alerts.services.group_recording import Reads, RuleFailedError, recorded
from alerts.services.memories import narrowed, remembered_alerts, system_scope
from alerts.services.observations import FAILURES
from monitoring.labels import Labels
from monitoring.services.append import LimitExceededError, append_samples
from monitoring.services.logql_queries import LogReads
from monitoring.services.shared_reads import KnownSeries, SharedReads, known_series

_MOST_ERROR = 2000


def groups_due(now: datetime) -> list[int]:
    due = RuleGroupState.objects.filter(due_at__lte=now).order_by("due_at", "pk")
    return list(due.values_list("pk", flat=True))


def evaluate_group(group_id: int, *, now: datetime) -> bool:
    """Evaluate a group that is due, unless another worker does it already.

    One rule's failure is that rule's; where nothing can be written, the whole group
    says why. Ticks that were missed are not made up for.
    """
    started = time.monotonic()
    try:
        # Before the transaction: see there.
        group = RuleGroup.unscoped.only("organization_id").get(pk=group_id)
        known = known_series(group.organization_id)
        with transaction.atomic():
            state = _claim(group_id, now=now)
            if state is None:
                return False
            at = latest_tick(state.group, now)
            _Round(state, at, now, known).run()
            _advance_clock(state, at, "", now=now, started=started)
    except RuleGroup.DoesNotExist:
        return False
    except (DatabaseError, LimitExceededError) as error:
        state = (
            RuleGroupState.objects.select_related("group").filter(pk=group_id).first()
        )
        if state is not None:
            at = latest_tick(state.group, now)
            _advance_clock(state, at, str(error), now=now, started=started)
    return True


def latest_tick(group: RuleGroup, now: datetime) -> datetime:
    """Return the group's newest moment of evaluation that is not after `now`."""
    interval = timedelta(seconds=group.interval_seconds)
    key = f"{group.organization_id}\0{group.namespace}\0{group.name}"
    return tick_before(now, interval, offset_of(key, interval))


def _claim(group_id: int, *, now: datetime) -> RuleGroupState | None:
    states = RuleGroupState.objects.select_for_update(skip_locked=True, of=("self",))
    related = states.select_related("group__organization", "group__team")
    return related.filter(pk=group_id, due_at__lte=now).first()


def _advance_clock(
    state: RuleGroupState, at: datetime, error: str, *, now: datetime, started: float
) -> None:
    state.due_at = at + timedelta(seconds=state.group.interval_seconds)
    state.evaluated_at = at
    state.duration_ms = (time.monotonic() - started) * 1000
    state.error = error[:_MOST_ERROR]
    fields = ["due_at", "evaluated_at", "duration_ms", "error"]
    state.save(update_fields=[*fields, *(() if error else ("series", "series_digest"))])


@dataclass(slots=True)
class _Health:
    """How the evaluation of each rule went."""

    ids: list[int] = field(default_factory=list)
    durations_ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class _Round:
    """One evaluation of a group."""

    def __init__(
        self,
        state: RuleGroupState,
        at: datetime,
        now: datetime,
        known: KnownSeries | None = None,
    ) -> None:
        self.state, self.group, self.now = state, state.group, now
        # Everything a round reads and writes is of this moment.
        self.at = at
        self.seen_at = at - timedelta(seconds=self.group.query_offset_seconds)
        self.rules = self._rules()
        self.scope: Scope = narrowed(system_scope(self.group), self.group.team_id)
        self.reads = self._reads(known)
        self.known = self._known()
        self.before = group_series.load(state)
        self.written: dict[int, dict[Labels, float]] = {}
        self.health = _Health()

    def _rules(self) -> list[Rule]:
        group = self.group
        rules = Rule.unscoped.filter(group=group, enabled=True)
        found = list(rules.order_by("position", "pk"))
        alerting = [rule for rule in found if rule.kind == Rule.Kind.ALERTING]
        prefetch_related_objects(alerting, "levels")
        for rule in found:
            rule.organization = group.organization
            if rule.team_id == group.team_id:
                rule.team = group.team
            rule.labels = {**group.labels, **rule.labels}
        return found

    def _reads(self, known: KnownSeries | None) -> Reads:
        if self.group.language == RuleGroup.Language.LOGQL:
            return LogReads(self.scope, at=self.seen_at)
        exprs = (rule.query for rule in self.rules)
        return SharedReads(self.scope, exprs, at=self.seen_at, known=known)

    def _known(self) -> Mapping[int, Mapping[int, Alert]]:
        alerting = {r.pk for r in self.rules if r.kind == Rule.Kind.ALERTING}
        return remembered_alerts(system_scope(self.group), alerting) if alerting else {}

    def run(self) -> None:
        for rule in self.rules:
            started = time.monotonic()
            error = self._evaluate(rule)
            self.health.ids.append(rule.pk)
            self.health.durations_ms.append((time.monotonic() - started) * 1000)
            self.health.errors.append(error[:_MOST_ERROR])
        self._write()
        _write_health(self.health, self.at)

    def _evaluate(self, rule: Rule) -> str:
        """Return what went wrong."""
        try:
            if rule.kind == Rule.Kind.ALERTING:
                known = self.known.get(rule.pk, {})
                written = evaluate_alerting(
                    rule, self.group.limit, self.reads, known, now=self.at
                )
            else:
                written = recorded(rule, self.group.limit, self.reads)
        except (*FAILURES, RuleFailedError) as error:
            return str(error) or type(error).__name__
        self._keep(rule, written)
        return ""

    def _keep(self, rule: Rule, written: dict[Labels, float]) -> None:
        """Note what the rule has come to, and end what it has no more."""
        ended = self.before.get(rule.pk, frozenset()).difference(written)
        self.written[rule.pk] = written
        self.reads.lay_over(dict.fromkeys(ended, group_series.STALE))
        self.reads.lay_over(written)

    def _write(self) -> None:
        """Store all samples, and the ends of series that nobody has written."""
        samples: dict[Labels, float] = {}
        for written in self.written.values():
            samples.update(written)
        failed = {r.pk for r in self.rules} - self.written.keys()
        ended = {
            labels
            for rule_id, sets in self.before.items()
            # In Prometheus, a rule that fails ends nothing.
            if rule_id not in failed
            for labels in sets.difference(samples)
        }
        samples.update(dict.fromkeys(ended, group_series.STALE))
        if samples:
            batch = group_series.batch_of(samples, samples.values(), self.seen_at)
            scope = system_scope(self.group)
            append_samples(scope, batch, team_id=self.group.team_id, now=self.now)
        self._remember(failed)

    def _remember(self, failed: set[int]) -> None:
        after = {pk: frozenset(found) for pk, found in self.written.items() if found}
        after |= {pk: self.before[pk] for pk in failed if pk in self.before}
        if after != self.before:
            group_series.store(self.state, after)


_WRITE_HEALTH = """
UPDATE alerts_rulestate state
SET evaluated_at = %s, duration_ms = new.duration_ms, error = new.error
FROM unnest(%s::bigint[], %s::float8[], %s::text[]) AS new(id, duration_ms, error)
WHERE state.rule_id = new.id
"""


def _write_health(health: _Health, at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE_HEALTH, [at, health.ids, health.durations_ms, health.errors]
        )
