"""A preview as the rule's form draws it: a lane a day, the chart, who would be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from alerts.evaluation import Severity
from alerts.models import NotificationChannel
from alerts.services.charts import thresholds
from alerts.services.previews import Episode, Preview
from alerts.services.rule_drafts import RuleDraft
from monitoring.services.charts import Chart, ChartSeries

DAY = timedelta(days=1)
# So that a short alert is still seen in the lane of its day.
_NARROWEST = 0.6
_SHOWN_SERIES = 8
_KINDS = dict(NotificationChannel.Kind.choices)


def preview_error(text: str) -> dict[str, Any]:
    return {
        "error": text,
        "chart": None,
        "sentence": "",
        "days": [],
        "lines": [],
        "told": [],
    }


def preview_context(
    found: Preview, draft: RuleDraft, *, zone: ZoneInfo
) -> dict[str, Any]:
    return {
        "error": "",
        "chart": _chart(found, draft),
        "sentence": _sentence(found),
        "days": _days(found, zone),
        "lines": found.lines,
        "told": [
            {"name": told.name, "how": _KINDS.get(told.kind, told.kind), "times": times}
            for told in found.told
            if (times := told.times)
        ],
    }


def _sentence(found: Preview) -> str:
    count = len(found.episodes)
    times = {1: "once", 2: "twice"}.get(count, f"{count} times")
    days = max(1, round((found.end - found.start) / DAY))
    since = f"the last {days} days" if days > 1 else "the last day"
    if not found.complete:
        since = f"the newest lines, since {found.start:%d %b %H:%M} UTC"
    told = sum(who.times for who in found.told)
    woken = f", and told {'someone' if told else 'nobody'}"
    if not count:
        return f"In {since} this rule would never have fired."
    return f"In {since} this rule would have fired {times}{woken}."


def _chart(found: Preview, draft: RuleDraft) -> Chart | None:
    if not found.times:
        return None
    levels = [level.row(place) for place, level in enumerate(draft.levels)]
    shown = list(found.series.items())[:_SHOWN_SERIES]
    return Chart(
        key="rule-value",
        title=draft.name or "Value",
        note=f"{len(found.series)} series",
        unit=draft.unit,
        times_ms=[int(moment.timestamp() * 1000) for moment in found.times],
        series=[
            ChartSeries(", ".join(v for _, v in labels) or "value", values)
            for labels, values in shown
        ],
        start_ms=int(found.start.timestamp() * 1000),
        end_ms=int(found.end.timestamp() * 1000),
        height=140,
        thresholds=thresholds(levels, draft.unit),
        empty="The query answers nothing for the last 7 days.",
        description=_sentence(found),
    )


def _days(found: Preview, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Return a lane for each day of the reader's zone, oldest first."""
    day = found.start.astimezone(zone).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    days = []
    while day < found.end:
        following = (day + DAY * 1.5).replace(hour=0)
        days.append(_day(day, following, found.episodes, found.end))
        day = following
    return days


def _day(
    start: datetime, end: datetime, episodes: Sequence[Episode], now: datetime
) -> dict[str, Any]:
    bars, counts = [], Counter[Severity]()
    for episode in episodes:
        ended = episode.resolved_at or now
        if episode.fired_at >= end or ended <= start:
            continue
        counts[episode.severity] += 1
        first, last = max(episode.fired_at, start), min(ended, end)
        x = (first - start) / (end - start) * 100
        width = max(_NARROWEST, (last - first) / (end - start) * 100)
        bars.append(
            {
                "status": episode.severity.value,
                "x": f"{min(x, 100 - _NARROWEST):.2f}",
                "width": f"{min(width, 100 - x):.2f}",
            }
        )
    words = [_counted(counts[s], s) for s in reversed(Severity) if counts[s]]
    text = words[0] if words else "quiet"
    return {"name": f"{start:%a %d}", "bars": bars, "text": text}


def _counted(count: int, severity: Severity) -> str:
    plural = "s" if count > 1 and severity in {"warning", "error"} else ""
    return f"{count} {severity}{plural}"
