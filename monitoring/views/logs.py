from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from accounts.http import ScopedRequest, scoped_page
from accounts.scope import Scope, TeamRole
from accounts.views.shell import reading_scope
from monitoring.labels import Matcher, MatchOp
from monitoring.services.logs import (
    InvalidCursorError,
    LogPage,
    LogQuery,
    log_labels,
    read_logs,
)
from monitoring.services.ranges import TimeRange
from monitoring.services.volumes import LineCounts, count_lines
from monitoring.telemetry import Level, nanoseconds
from monitoring.templatetags.figures import number
from monitoring.templatetags.ui import place_in_live_streams
from monitoring.views.pages import range_of, start_command

LINES = 200
LABEL = "label."
MAX_CONTAINS = 1000
MOST_FACETS, MOST_VALUES = 4, 20
# Worst first; unknown last, as it says least.
SHOWN_LEVELS = (
    Level.FATAL,
    Level.ERROR,
    Level.WARN,
    Level.INFO,
    Level.DEBUG,
    Level.TRACE,
    Level.UNKNOWN,
)


@dataclass(frozen=True, slots=True)
class LogSearch:
    """What the address asks for."""

    contains: str = ""
    levels: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, params: QueryDict) -> Self:
        words = {level.word for level in Level}
        return cls(
            contains=params.get("q", "").strip()[:MAX_CONTAINS],
            levels=tuple(word for word in params.getlist("level") if word in words),
            sources=tuple(params.getlist("source")),
            labels={
                name.removeprefix(LABEL): str(value)
                for name, value in params.items()
                if name.startswith(LABEL)
            },
        )

    @property
    def is_narrow(self) -> bool:
        return bool(self.contains or self.levels or self.sources or self.labels)

    @property
    def wanted_levels(self) -> frozenset[Level]:
        return frozenset(map(Level.from_word, self.levels)) or frozenset(Level)

    @property
    def matchers(self) -> tuple[Matcher, ...]:
        found = [Matcher(n, MatchOp.EQUAL, v) for n, v in self.labels.items()]
        if self.sources:
            any_of = "|".join(map(re.escape, self.sources))
            found.append(Matcher("source", MatchOp.REGEX, any_of))
        return tuple(found)


@scoped_page
@require_safe
def show(request: ScopedRequest) -> HttpResponse:
    if request.GET.get("toggle"):
        return redirect(_toggled(request))
    begun, live_after = time.perf_counter(), place_in_live_streams()
    scope, shown = reading_scope(request), range_of(request, now=timezone.now())
    search = LogSearch.parse(request.GET)
    counts = count_lines(
        scope,
        shown,
        matchers=search.matchers,
        contains=search.contains,
        levels=search.wanted_levels,
    )
    page = _page(scope, shown, search, request.GET.get("cursor"))
    context = {
        "range": shown,
        "query": search,
        "lines": page.records,
        "next_cursor": page.next or "",
        "volume": counts.volume,
        "total": counts.volume.total,
        "levels": _levels(counts, search),
        "facets": _facets(scope, shown, search),
        "label_chips": _chips(request, search),
        "rule_url": _rule_url(request, search),
        "start_command": start_command(),
        "live_after": live_after,
        "took_ms": 1000 * (time.perf_counter() - begun),
        **_conclusion(counts, shown, search),
    }
    return render(request, "monitoring/logs.html", context)


@scoped_page
@require_safe
def volume(request: ScopedRequest) -> HttpResponse:
    """The histogram and the conclusion, for refreshing."""
    search, shown = LogSearch.parse(request.GET), range_of(request, now=timezone.now())
    counts = count_lines(
        reading_scope(request),
        shown,
        matchers=search.matchers,
        contains=search.contains,
        levels=search.wanted_levels,
    )
    context = {"volume": counts.volume, **_conclusion(counts, shown, search)}
    return render(request, "monitoring/_volume_refreshed.html", context)


def _toggled(request: ScopedRequest) -> str:
    """Return the address with a level switched: what a chip does without a script."""
    params = request.GET.copy()
    level = params.pop("toggle")[-1].removeprefix("level:")
    chosen = params.getlist("level")
    kept = [each for each in chosen if each != level]
    params.setlist("level", kept if level in chosen else [*chosen, level])
    return f"{request.path}?{params.urlencode()}"


def _page(
    scope: Scope, shown: TimeRange, search: LogSearch, cursor: str | None
) -> LogPage:
    query = LogQuery(
        matchers=search.matchers,
        start_ns=nanoseconds(shown.start),
        # A line of this very second may bear a time a little ahead of ours.
        end_ns=nanoseconds(shown.end) + (60_000_000_000 if shown.is_live else 0),
        contains=search.contains,
        levels=search.wanted_levels,
        limit=LINES,
        after=cursor or None,
    )
    try:
        return read_logs(scope, query)
    except InvalidCursorError:
        return LogPage([], None)


def _levels(counts: LineCounts, search: LogSearch) -> list[dict[str, Any]]:
    return [
        {
            "value": level.word,
            "count": counts.by_level[level],
            "checked": level.word in search.levels,
        }
        for level in SHOWN_LEVELS
        if counts.by_level[level] or level.word in search.levels
    ]


def _facets(scope: Scope, shown: TimeRange, search: LogSearch) -> list[dict[str, Any]]:
    """Return the labels one can narrow by, the source first."""
    found = log_labels(scope, nanoseconds(shown.start), nanoseconds(shown.end))
    names = sorted(found, key=lambda name: (name != "source", name))
    return [
        {
            "name": name,
            "param": "source" if name == "source" else f"{LABEL}{name}",
            "rows": [
                {
                    "value": value,
                    "checked": value in search.sources
                    if name == "source"
                    else search.labels.get(name) == value,
                }
                for value in found[name][:MOST_VALUES]
            ],
        }
        for name in names[:MOST_FACETS]
    ]


def _chips(request: ScopedRequest, search: LogSearch) -> list[dict[str, str]]:
    chips = []
    for name, value in search.labels.items():
        params = request.GET.copy()
        params.pop(f"{LABEL}{name}", None)
        params.pop("cursor", None)
        url = f"{request.path}?{params.urlencode()}"
        chips.append({"name": name, "value": value, "url": url})
    return chips


def _rule_url(request: ScopedRequest, search: LogSearch) -> str:
    """Return where a rule for these lines is made, for those who may."""
    if not search.contains or not request.scope.has_team_role(
        None, TeamRole.MAINTAINER
    ):
        return ""
    path = reverse("rule-add", args=[request.scope.organization_slug])
    given = {"kind": "pattern", "pattern": re.escape(search.contains)}
    if len(search.sources) == 1:
        given["source"] = search.sources[0]
    return f"{path}?{urlencode(given)}"


def _conclusion(
    counts: LineCounts, shown: TimeRange, search: LogSearch
) -> dict[str, Any]:
    total, errors = sum(counts.by_level.values()), counts.errors
    when = f"in the {shown.label.lower()}" if shown.is_live else f"from {shown.label}"
    about = f" with “{search.contains}”" if search.contains else ""
    if errors:
        figure = f"{number(errors)} {'error' if errors == 1 else 'errors'}"
        text = f"{when}, of {_lines(total)}{about}."
        return _said("critical", figure, text, search)
    if total:
        return _said("ok", "No errors", f"{when}, {_lines(total)}{about}.", search)
    return _said("", f"No lines{about}", f"{when}.", search)


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{number(count)} lines"


def _said(status: str, figure: str, text: str, search: LogSearch) -> dict[str, Any]:
    places = ", ".join(search.sources) or "all sources"
    levels = f", {' and '.join(search.levels)} only" if search.levels else ""
    return {
        "conclusion": {"status": status, "figure": figure, "text": text},
        "lead": f"From {places}{levels}. New lines come in by themselves.",
    }
