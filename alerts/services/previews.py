"""What a rule would have done: the same evaluator, over what is stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from accounts.scope import Scope
from alerts.evaluation import ChangeKind, Observation, RuleSpec, Severity
from alerts.evaluation.patterns import Pattern, PatternSet
from alerts.evaluation.replay import DatedChange, replay
from alerts.models import NotificationChannel, Rule
from alerts.services.memories import narrowed
from alerts.services.observations import QueryError, observe_range
from alerts.services.rule_checks import check_draft
from alerts.services.rule_drafts import RuleDraft
from alerts.services.specs import matchers_of, spec_of
from monitoring.labels import Labels, fingerprint, make_labels
from monitoring.moments import EPOCH
from monitoring.services import logs
from monitoring.telemetry import nanoseconds

LONGEST = timedelta(days=7)
MAX_STEPS = 2000
MAX_LINES = 100_000
MAX_TICKS = 20_000
MAX_SERIES = 20
SHOWN_LINES = 5
_PAGE = 10_000

Seconds = npt.NDArray[np.int64]
Tick = tuple[datetime, list[Observation]]


class PreviewError(Exception):
    """The preview cannot be made; the text says why."""


@dataclass(frozen=True, slots=True)
class Span:
    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start


@dataclass(slots=True)
class Episode:
    """One alert that there would have been; it may be open at the end."""

    labels: Labels
    severity: Severity
    started_at: datetime
    fired_at: datetime
    resolved_at: datetime | None = None
    reasons: list[tuple[datetime, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Told:
    """A channel, and how often it would have been told that something is wrong."""

    name: str
    kind: str
    times: int


@dataclass(frozen=True, slots=True)
class Preview:
    """`series` are the observed values by step; `lines` the newest matching lines.

    `complete` is False when there were more lines than a preview reads: then it
    covers the newest.
    """

    start: datetime
    end: datetime
    episodes: list[Episode]
    told: list[Told]
    times: Sequence[datetime] = ()
    series: Mapping[Labels, Sequence[float | None]] = field(default_factory=dict)
    lines: Sequence[logs.LogRecord] = ()
    complete: bool = True


def preview(
    scope: Scope, draft: RuleDraft, *, start: datetime, end: datetime
) -> Preview:
    """Return what the rule would have done between the two moments, 7 days at most.

    It reads what both the rule and the actor may. Raises InvalidRuleError and
    PreviewError.
    """
    check_draft(draft)
    rule = Rule(organization_id=scope.organization_id)
    draft.write_to(rule)
    levels = [level.row(place) for place, level in enumerate(draft.levels)]
    spec = spec_of(rule, levels)
    start = max(start, end - LONGEST)
    reading = narrowed(scope, rule.team_id)
    span = Span(start, end)
    if rule.kind == Rule.Kind.PATTERN:
        return _of_pattern(reading, draft, rule, spec, span)
    return _of_query(reading, draft, rule, spec, span)


def _of_query(
    scope: Scope, draft: RuleDraft, rule: Rule, spec: RuleSpec, span: Span
) -> Preview:
    step = max(
        timedelta(seconds=rule.interval_seconds),
        timedelta(seconds=-(-span.length.total_seconds() // MAX_STEPS)),
    )
    try:
        ticks = list(
            observe_range(
                scope,
                rule.query,
                start=span.start,
                end=span.end,
                step=step,
                language=rule.language,
            )
        )
    except QueryError as error:
        raise PreviewError(str(error)) from error
    history = replay(spec, ticks)
    return Preview(
        span.start,
        span.end,
        _episodes(history),
        _told(scope, draft, history),
        times=[moment for moment, _ in ticks],
        series=_series(ticks),
    )


def _series(ticks: Sequence[Tick]) -> dict[Labels, list[float | None]]:
    """Return the values by label set, of the first label sets only."""
    series: dict[Labels, list[float | None]] = {}
    for index, (_, observations) in enumerate(ticks):
        for seen in observations:
            if seen.labels not in series and len(series) < MAX_SERIES:
                series[seen.labels] = [None] * len(ticks)
            if seen.labels in series:
                series[seen.labels][index] = seen.value
    return series


def _of_pattern(
    scope: Scope, draft: RuleDraft, rule: Rule, spec: RuleSpec, span: Span
) -> Preview:
    found, complete, covered = _matching(scope, rule, span)
    window = timedelta(seconds=rule.window_seconds)
    history = replay(spec, _ticks(found, tuple(rule.group_by), window, span.end))
    return Preview(
        covered,
        span.end,
        _episodes(history),
        _told(scope, draft, history),
        lines=found[:SHOWN_LINES],
        complete=complete,
    )


def _matching(
    scope: Scope, rule: Rule, span: Span
) -> tuple[list[logs.LogRecord], bool, datetime]:
    """Return matching lines, newest first, whether that is all, and since when."""
    patterns = PatternSet([Pattern(rule.pattern, rule.ignore_case)])
    found: list[logs.LogRecord] = []
    read, after, oldest_ns = 0, None, nanoseconds(span.start)
    while read < MAX_LINES:
        query = logs.LogQuery(
            matchers=matchers_of(rule),
            start_ns=nanoseconds(span.start),
            end_ns=nanoseconds(span.end),
            limit=_PAGE,
            direction="backward",
            after=after,
        )
        page = logs.read_logs(scope, query)
        lines = pa.array([r.line for r in page.records], pa.large_string())
        _, matching = patterns.matches(lines)
        found += [page.records[index] for index in matching.tolist()]
        if page.next is None:
            return found, True, span.start
        read, after = read + len(page.records), page.next
        oldest_ns = page.records[-1].timestamp_ns
    return found, False, _moment(oldest_ns // 1_000_000_000)


def _ticks(
    records: Sequence[logs.LogRecord],
    group_by: tuple[str, ...],
    window: timedelta,
    end: datetime,
) -> Iterator[Tick]:
    """Yield the lines in each group's window whenever one comes in or drops out."""
    seconds: dict[Labels, list[int]] = {}
    for record in reversed(records):
        labels = make_labels((n, v) for n, v in record.labels.items() if n in group_by)
        seconds.setdefault(labels, []).append(record.timestamp_ns // 1_000_000_000)
    length = int(window.total_seconds())
    arrays = {labels: np.sort(np.array(at)) for labels, at in seconds.items()}
    entries = [np.unique(at) for at in arrays.values()]
    if not entries:
        return
    moments = np.unique(np.concatenate([*entries, *(at + length for at in entries)]))
    moments = moments[moments <= int(end.timestamp())]
    if len(moments) > MAX_TICKS:
        raise PreviewError("Too many lines match for a preview: take a shorter range.")
    for second in moments.tolist():
        yield (
            _moment(second),
            [
                Observation(labels, float(count), fingerprint(labels))
                for labels, at in arrays.items()
                if (count := _within(at, second, length)) is not None
            ],
        )


def _within(at: Seconds, second: int, length: int) -> int | None:
    """Return how many lines lie in the window; None before the group's first line."""
    upto = int(np.searchsorted(at, second, side="right"))
    if upto == 0:
        return None
    return upto - int(np.searchsorted(at, second - length, side="right"))


def _episodes(history: Sequence[DatedChange]) -> list[Episode]:
    """Return the alerts that fired, oldest first."""
    open_: dict[int, Episode] = {}
    episodes = []
    for dated in history:
        change, now = dated.change, dated.at
        if change.kind is ChangeKind.FIRED:
            after = change.after
            begun = after.since or now
            episode = Episode(after.labels, after.severity, begun, now)
            open_[change.fingerprint] = episode
            episodes.append(episode)
        found = open_.get(change.fingerprint)
        if found is None:
            continue
        found.reasons.append((now, change.reason))
        if change.after.severity.rank > found.severity.rank:
            found.severity = change.after.severity
        if change.kind is ChangeKind.RESOLVED:
            found.resolved_at = now
            del open_[change.fingerprint]
    return episodes


def _told(scope: Scope, draft: RuleDraft, history: Sequence[DatedChange]) -> list[Told]:
    """Return the channels that would have heard of it, those told most first."""
    times: dict[NotificationChannel, int] = {}
    channels = {level.severity: level.channels for level in draft.levels}
    defaults = list(
        NotificationChannel.objects.visible_to(scope).filter(
            is_default=True, enabled=True
        )
    )
    team_id = draft.team.pk if draft.team else None
    fallback = [c for c in defaults if c.team_id in {None, team_id}]
    for dated in history:
        if dated.change.kind not in {ChangeKind.FIRED, ChangeKind.WORSENED}:
            continue
        for channel in channels[dated.change.after.severity] or fallback:
            times[channel] = times.get(channel, 0) + 1
    ordered = sorted(times.items(), key=lambda item: (-item[1], item[0].name))
    return [Told(channel.name, channel.kind, count) for channel, count in ordered]


def _moment(second: int) -> datetime:
    return EPOCH + timedelta(seconds=second)
