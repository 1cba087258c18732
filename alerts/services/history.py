"""What alerts did over time: the watch, alerts an hour, how long they usually take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Count, Q, QuerySet

from accounts.scope import Scope
from alerts.evaluation import Severity
from alerts.models import Alert

# Beyond these the drawings say no more.
MAX_DRAWN = 5000
USUAL_OF = 30

_OPEN = [Alert.Status.FIRING, Alert.Status.ACKNOWLEDGED]
_LOOKS = {Severity.ERROR: Severity.CRITICAL}


@dataclass(frozen=True, slots=True)
class Watch:
    """The worst status of each slot of a time, oldest first, and it in words."""

    statuses: list[str]
    text: str


def severity_counts(scope: Scope) -> dict[str, int]:
    """Return how many alerts fire that nobody has acknowledged, by severity."""
    firing = Alert.objects.visible_to(scope).filter(status=Alert.Status.FIRING)
    rows = firing.order_by().values_list("severity").annotate(count=Count("pk"))
    return {severity.value: 0 for severity in Severity} | dict(rows)


def watch(
    alerts: QuerySet[Alert], *, now: datetime, length: timedelta, slots: int, span: str
) -> Watch:
    """Return what the alerts look like over the time that ends now."""
    start = now - length
    shown = (
        alerts.filter(fired_at__lte=now, fired_at__isnull=False)
        .exclude(resolved_at__lt=start)
        .order_by("-pk")
        .values_list("fired_at", "resolved_at", "severity")[:MAX_DRAWN]
    )
    worst: list[Severity | None] = [None] * slots
    counts: Counter[Severity] = Counter()
    for fired_at, resolved_at, word in shown:
        severity = Severity(word)
        counts[severity] += 1
        first = max(0, int((fired_at - start) / length * slots)) if fired_at else 0
        last = int(((resolved_at or now) - start) / length * slots)
        for slot in range(first, min(last, slots - 1) + 1):
            before = worst[slot]
            if before is None or severity.rank > before.rank:
                worst[slot] = severity
    return Watch(
        [_LOOKS.get(s, s).value if s else "ok" for s in worst],
        f"{_counted(counts)} in {span}.",
    )


def _counted(counts: Counter[Severity]) -> str:
    words = [f"{counts[s]} {s}" for s in reversed(Severity) if counts[s]]
    return ", ".join(words) if words else "No alert"


@dataclass(frozen=True, slots=True)
class Hours:
    """Alerts that fired in each hour of a day, oldest first."""

    columns: list[dict[str, int]]
    text: str


def hours(alerts: QuerySet[Alert], *, now: datetime) -> Hours:
    start = now - timedelta(hours=24)
    fired = alerts.filter(fired_at__gt=start, fired_at__lte=now).order_by("-pk")
    columns = [{"critical": 0, "other": 0} for _ in range(24)]
    for fired_at, severity in fired.values_list("fired_at", "severity")[:MAX_DRAWN]:
        if fired_at is not None:
            slot = min(23, int((fired_at - start) / timedelta(hours=1)))
            columns[slot]["critical" if severity == "critical" else "other"] += 1
    totals = [sum(column.values()) for column in columns]
    if not any(totals):
        return Hours(columns, "none in 24 h")
    busiest = 24 - max(range(24), key=totals.__getitem__)
    return Hours(columns, f"{sum(totals)} in 24 h, busiest {busiest} h ago")


def usual_times(
    alerts: QuerySet[Alert], *, since: datetime
) -> tuple[timedelta | None, timedelta | None]:
    """Return the median time to acknowledge and to resolve of the latest alerts."""
    over = alerts.filter(fired_at__gte=since).order_by("-pk")
    rows = over.values_list("fired_at", "acknowledged_at", "resolved_at")[:USUAL_OF]
    to_acknowledge = [a - f for f, a, _ in rows if f and a]
    to_resolve = [r - f for f, _, r in rows if f and r]
    return _median(to_acknowledge), _median(to_resolve)


def _median(times: Sequence[timedelta]) -> timedelta | None:
    if not times:
        return None
    return timedelta(seconds=median(t.total_seconds() for t in times))


def tab_filters(actor_id: int | None, actor_name: str) -> dict[str, Q]:
    """Return what each tab of the list shows."""
    mine = Q(assignee_id=actor_id) | Q(acknowledged_by=actor_name)
    return {
        "active": Q(status__in=_OPEN),
        "acknowledged": Q(status=Alert.Status.ACKNOWLEDGED),
        "resolved": Q(status=Alert.Status.RESOLVED),
        "mine": Q(status__in=_OPEN) & mine,
    }
