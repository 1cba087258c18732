"""The log explorer: a search in the address, its lines, patterns, fields or numbers."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import Any

from django.http import HttpResponse, HttpResponseBase, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from accounts.http import ScopedRequest, scoped_page
from accounts.scope import Scope, TeamRole
from accounts.views.shell import reading_scope
from monitoring.http import download
from monitoring.labels import MatchOp
from monitoring.logql import LogQLError
from monitoring.services.explorer import Exploration
from monitoring.services.log_exploring import (
    chart_found,
    complaint_of,
    count_found,
    ends_of,
    read_found,
)
from monitoring.services.log_export import FORMATS, MAX_EXPORTED, export
from monitoring.services.log_queries import LogTimeoutError
from monitoring.services.log_searches import Search, watchable
from monitoring.services.logs import InvalidCursorError, LogPage, log_labels
from monitoring.services.presentation import line_json
from monitoring.services.ranges import TimeRange
from monitoring.services.volumes import LineCounts
from monitoring.telemetry import Level, LineOp, TooMuchDataError, nanoseconds
from monitoring.templatetags.ui import place_in_live_streams
from monitoring.views.log_findings import Found, volume_context
from monitoring.views.log_search import LABEL, LogSearch, clicked, toggled
from monitoring.views.pages import range_of, start_command

LINES, LINES_MORE = 200, 500
# How long a page waits for what must be parsed to be counted; a script goes on then.
PATIENCE = timedelta(seconds=2)
MOST_FACETS, MOST_VALUES, MOST_SOURCES = 4, 8, 20
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
_SOURCE_IS = ("source", MatchOp.EQUAL)
_TITLES = {"lines": "Lines", "patterns": "Patterns", "fields": "Fields"}


@scoped_page
@require_safe
def show(request: ScopedRequest) -> HttpResponse:
    if request.GET.get("toggle"):
        return _to(request, toggled(request.GET))
    begun, live_after = time.perf_counter(), place_in_live_streams()
    scope, shown = reading_scope(request), range_of(request, now=timezone.now())
    if request.GET.get("narrow"):
        return _to(request, clicked(request.GET, log_labels(scope, *ends_of(shown))))
    asked = LogSearch.parse(request.GET)
    if request.headers.get("Accept", "").startswith("application/json"):
        return _as_json(request, scope, shown, asked)
    found = _find(request, scope, shown, asked)
    context = {
        "range": shown,
        "query": asked,
        "found": found,
        "mark": _mark(asked, found),
        "lines": found.page.records,
        "next_cursor": found.page.next or "",
        "levels": _levels(found.counts, asked) if found.counts else [],
        "facets": _facets(scope, shown, asked) if found.has_lines else [],
        "label_chips": _chips(request, asked),
        "rule_url": _rule_url(request, asked, found),
        "start_command": start_command(),
        "live_after": live_after,
        "took_ms": 1000 * (time.perf_counter() - begun),
        "tabs": [(name, _TITLES[name]) for name in _TITLES],
        "formats": FORMATS.values(),
        "max_exported": MAX_EXPORTED,
        "switched": _switched(request, asked),
        **volume_context(found, shown, asked),
    }
    return render(request, "monitoring/logs.html", context)


@scoped_page
@require_safe
def volume(request: ScopedRequest) -> HttpResponse:
    """The histogram and the conclusion, for refreshing."""
    asked, shown = LogSearch.parse(request.GET), range_of(request, now=timezone.now())
    try:
        search = asked.compiled()
        counts = count_found(reading_scope(request), search, shown)
    except (LogQLError, TooMuchDataError):
        return HttpResponse(status=204)
    context = volume_context(Found(search, counts=counts), shown, asked)
    return render(request, "monitoring/_volume_refreshed.html", context)


@scoped_page
@require_safe
def download_lines(request: ScopedRequest) -> HttpResponseBase:
    """What the search finds, as a file."""
    asked, shown = LogSearch.parse(request.GET), range_of(request, now=timezone.now())
    form = FORMATS.get(request.GET.get("format", ""), FORMATS["ndjson"])
    start_ns, end_ns = ends_of(shown)
    try:
        search = asked.compiled()
        if search.metric is not None:
            return _refused("This query counts lines; only lines can be exported.")
        scope = reading_scope(request)
        pieces = export(scope, search, form, start_ns=start_ns, end_ns=end_ns)
    except (LogQLError, TooMuchDataError) as error:
        return _refused(str(error))
    name = f"logs-{shown.start:%Y%m%dT%H%M%SZ}.{form.suffix}"
    return download(request, pieces, filename=name, content_type=form.content_type)


def _refused(text: str) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=400, content_type="text/plain")


def _to(request: ScopedRequest, params: QueryDict) -> HttpResponse:
    return redirect(f"{request.path}?{params.urlencode()}")


def _find(
    request: ScopedRequest, scope: Scope, shown: TimeRange, asked: LogSearch
) -> Found:
    search = Search()
    try:
        search = asked.compiled()
        if search.metric is not None:
            url = request.get_full_path() if shown.is_live else ""
            answer = chart_found(scope, asked.query, search, shown, url=url)
            return Found(search, answer=answer)
        cursor = request.GET.get("cursor")
        page = _page(scope, shown, search, cursor, LINES)
        return Found(search, page, _counts(scope, search, shown))
    except (LogQLError, TooMuchDataError) as error:
        complaint = complaint_of(error, asked.text)
        return Found(search, answer=Exploration(asked.text, complaint=complaint))


def _counts(scope: Scope, search: Search, shown: TimeRange) -> LineCounts | None:
    """Return the counts, or None where they take longer than a page may."""
    try:
        return count_found(scope, search, shown, timeout=PATIENCE)
    except LogTimeoutError:
        if search.piped is None:
            raise
        return None


def _page(
    scope: Scope, shown: TimeRange, search: Search, cursor: str | None, limit: int
) -> LogPage:
    start_ns, end_ns = ends_of(shown)
    try:
        return read_found(
            scope,
            search,
            start_ns=start_ns,
            end_ns=end_ns,
            limit=limit,
            cursor=cursor or None,
        )
    except InvalidCursorError:
        return LogPage([], None)


def _as_json(
    request: ScopedRequest, scope: Scope, shown: TimeRange, asked: LogSearch
) -> JsonResponse:
    """Return the next lines or the newer chart of the same search."""
    try:
        search = asked.compiled()
        if search.metric is not None:
            url = request.get_full_path()
            found = chart_found(scope, asked.query, search, shown, url=url)
            return JsonResponse(
                {"charts": [found.chart.payload] if found.chart else []}
            )
        page = _page(scope, shown, search, request.GET.get("cursor"), LINES_MORE)
    except (LogQLError, TooMuchDataError) as error:
        return JsonResponse({"error": str(error)}, status=400)
    results = [line_json(record) for record in page.records]
    return JsonResponse({"results": results, "next": page.next})


def _mark(asked: LogSearch, found: Found) -> str:
    """Return the text to mark in lines; of several alternatives none."""
    marks = found.search.marks
    return asked.contains or (marks[0] if len(marks) == 1 else "")


def _switched(request: ScopedRequest, asked: LogSearch) -> str:
    """Return the same search in the other language, as far as it has words for it."""
    params = request.GET.copy()
    for gone in ("cursor", "lang", "q"):
        params.pop(gone, None)
    if asked.is_logql:
        params["lang"] = "words"
        return f"{request.path}?{params.urlencode()}"
    for gone in ("source", *(f"{LABEL}{name}" for name in asked.labels)):
        params.pop(gone, None)
    params["q"] = asked.as_logql()
    return f"{request.path}?{params.urlencode()}"


def _levels(counts: LineCounts, asked: LogSearch) -> list[dict[str, Any]]:
    return [
        {
            "value": level.word,
            "count": counts.by_level[level],
            "checked": level.word in asked.levels,
        }
        for level in SHOWN_LEVELS
        if counts.by_level[level] or level.word in asked.levels
    ]


def _facets(scope: Scope, shown: TimeRange, asked: LogSearch) -> list[dict[str, Any]]:
    """Return the labels one can narrow by, the source first, long paths last."""
    found = log_labels(scope, nanoseconds(shown.start), nanoseconds(shown.end))
    names = sorted(found, key=lambda n: (n != "source", n == "filename", n))
    return [
        {
            "name": name,
            "param": "source" if name == "source" else f"{LABEL}{name}",
            "rows": [
                {
                    "value": value,
                    "checked": value in asked.sources
                    if name == "source"
                    else asked.labels.get(name) == value,
                }
                for value in found[name][
                    : MOST_SOURCES if name == "source" else MOST_VALUES
                ]
            ],
        }
        for name in names[:MOST_FACETS]
    ]


def _chips(request: ScopedRequest, asked: LogSearch) -> list[dict[str, str]]:
    chips = []
    for name, value in asked.labels.items():
        params = request.GET.copy()
        params.pop(f"{LABEL}{name}", None)
        params.pop("cursor", None)
        url = f"{request.path}?{params.urlencode()}"
        chips.append({"name": name, "value": value, "url": url})
    return chips


def _rule_url(request: ScopedRequest, asked: LogSearch, found: Found) -> str:
    """Return where a rule for these lines is made, for those who may."""
    if not request.scope.has_team_role(None, TeamRole.MAINTAINER):
        return ""
    given = _pattern_rule(found.search) or _query_rule(asked, found)
    path = reverse("rule-add", args=[request.scope.organization_slug])
    return f"{path}?{urlencode(given)}" if given else ""


def _pattern_rule(search: Search) -> dict[str, str]:
    """A pattern rule watches for one text or expression, as lines arrive."""
    if len(search.filters) != 1 or search.piped or search.metric:
        return {}
    (wanted,) = search.filters
    if wanted.op is LineOp.CONTAINS:
        pattern = "|".join(map(re.escape, wanted.values))
    elif wanted.op is LineOp.MATCHES:
        pattern = "|".join(wanted.values)
    else:
        return {}
    given = {"kind": "pattern", "pattern": pattern}
    named = [m.value for m in search.matchers if (m.name, m.op) == _SOURCE_IS]
    return {**given, "source": named[0]} if len(named) == 1 else given


def _query_rule(asked: LogSearch, found: Found) -> dict[str, str]:
    if not asked.query or (found.answer and found.answer.complaint):
        return {}
    query = watchable(asked.query)
    return {"kind": "threshold", "language": "logql", "query": query}
