"""Parts of the log explorer that are read when they are wanted: fields and context."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from accounts.http import ScopedRequest, scoped_page
from accounts.scope import TeamRole
from accounts.views.shell import reading_scope
from monitoring.labels import Matcher, MatchOp
from monitoring.logql import LogQLError
from monitoring.logql.stages.linefilters import pattern_expression
from monitoring.services.explorer import Complaint
from monitoring.services.log_details import (
    MAX_AROUND,
    FieldCounts,
    LineNotFoundError,
    line_context,
)
from monitoring.services.log_exploring import complaint_of, fields_found, find_line
from monitoring.services.log_narrowing import from_words
from monitoring.services.log_searches import Search
from monitoring.services.patterns import Pattern, PatternQuery
from monitoring.services.patterns import find as find_patterns
from monitoring.services.ranges import TimeRange
from monitoring.telemetry import TooMuchDataError, nanoseconds
from monitoring.views.log_search import LABEL, LogSearch
from monitoring.views.pages import range_of

TOP = 8
MOST_FIELDS = 60
TEMPLATES, SPARK_POINTS = 200, 40
AROUND, AROUND_MORE = 20, 50
_AROUND_LINE = timedelta(minutes=5)
_MOST_DIGITS = 19


@scoped_page
@require_safe
def fields(request: ScopedRequest) -> HttpResponse:
    """The fields of what the search finds, with their commonest values."""
    asked, shown = LogSearch.parse(request.GET), range_of(request, now=timezone.now())
    complaint: Complaint | None = None
    rows: list[dict[str, Any]] = []
    found = None
    try:
        search = asked.compiled()
        if search.metric is None:
            found = fields_found(reading_scope(request), search, shown, top=TOP)
            rows = _field_rows(request, found)
    except (LogQLError, TooMuchDataError) as error:
        complaint = complaint_of(error, asked.text)
    context = {
        "fields": rows[:MOST_FIELDS],
        "unlisted": max(0, len(rows) - MOST_FIELDS),
        "found": found,
        "complaint": complaint,
        "wide": "wide" in request.GET,
    }
    return render(request, "monitoring/_log_fields.html", context)


def _field_rows(request: ScopedRequest, found: FieldCounts) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "lines": each.lines,
            "distinct": each.distinct,
            "share": 100 * each.lines / max(1, found.lines),
            "rows": [
                {
                    "value": value,
                    "count": count,
                    "share": 100 * count / max(1, each.lines),
                    "include": narrow_url(request, "field", each.name, value),
                    "exclude": narrow_url(request, "field", each.name, value, no=True),
                }
                for value, count in each.top
            ],
        }
        for each in found.fields
    ]


def narrow_url(
    request: ScopedRequest, what: str, name: str, value: str, *, no: bool = False
) -> str:
    """Return the explorer's address that takes or leaves out a value."""
    params = request.GET.copy()
    for gone in ("wide", "cursor"):
        params.pop(gone, None)
    params.update({"narrow": what, "name": name, "value": value})
    if no:
        params["not"] = "1"
    path = reverse("logs", args=[request.scope.organization_slug])
    return f"{path}?{params.urlencode()}"


@scoped_page
@require_safe
def patterns(request: ScopedRequest) -> HttpResponse:
    """Templates of the lines of the selected streams, commonest first."""
    asked, shown = LogSearch.parse(request.GET), range_of(request, now=timezone.now())
    complaint: Complaint | None = None
    rows: list[dict[str, Any]] = []
    try:
        search = asked.compiled()
        found = find_patterns(reading_scope(request), _pattern_query(search, shown))
        listed = found.patterns[:TEMPLATES]
        # Where all are new, none is: the lines have only begun to come.
        began = min((one.first_seen for one in listed), default=shown.start)
        since = shown.start if began < shown.start else shown.end
        rows = [_pattern_row(request, one, since) for one in listed]
    except (LogQLError, TooMuchDataError) as error:
        complaint = complaint_of(error, asked.text)
    context = {
        "patterns": rows,
        "complaint": complaint,
        "narrower": len(search.filters) > 1 or search.piped is not None
        if complaint is None
        else False,
    }
    return render(request, "monitoring/_log_patterns.html", context)


def _pattern_query(search: Search, shown: TimeRange) -> PatternQuery:
    start_ns, end_ns = nanoseconds(shown.start), nanoseconds(shown.end)
    return PatternQuery(
        matchers=search.matchers,
        start_ns=start_ns,
        end_ns=end_ns,
        step_ns=(end_ns - start_ns) // SPARK_POINTS,
        contains=search.marks[0] if len(search.marks) == 1 else "",
        levels=search.levels,
    )


def _pattern_row(
    request: ScopedRequest, one: Pattern, since: datetime
) -> dict[str, Any]:
    return {
        "pattern": one,
        "share": 100 * one.share,
        "is_new": one.first_seen >= since,
        "include": narrow_url(request, "pattern", "", one.template),
        "exclude": narrow_url(request, "pattern", "", one.template, no=True),
        "rule_url": _pattern_rule_url(request, one.template),
    }


def _pattern_rule_url(request: ScopedRequest, template: str) -> str:
    if not request.scope.has_team_role(None, TeamRole.MAINTAINER):
        return ""
    try:
        expression = pattern_expression(template)
    except ValueError:
        return ""
    path = reverse("rule-add", args=[request.scope.organization_slug])
    return f"{path}?{urlencode({'kind': 'pattern', 'pattern': expression})}"


@scoped_page
@require_safe
def context(request: ScopedRequest) -> HttpResponse:
    """A line between those of its stream: by its id, or by stream, time and text."""
    scope, line_id = reading_scope(request), request.GET.get("id", "")
    if not line_id and "at" not in request.GET:
        # Of no line there is no context: lines are found on the explorer.
        return redirect("logs", request.scope.organization_slug)
    try:
        if not line_id:
            return redirect(_by_id(request))
        before, after = (_count(request.GET, name) for name in ("before", "after"))
        found = line_context(scope, line_id, before=before, after=after)
    except LineNotFoundError as error:
        raise Http404(str(error)) from None
    except TooMuchDataError as error:
        return HttpResponse(str(error), status=400, content_type="text/plain")
    shown = {
        "context": found,
        "before": found.before,
        "after": found.after,
        "line": found.line,
        "earlier_url": _more(request, "before", before, len(found.before)),
        "later_url": _more(request, "after", after, len(found.after)),
        "explore_url": _explore_url(
            request, found.line.labels, found.line.timestamp_ns
        ),
    }
    return render(request, "monitoring/log_context.html", shown)


def _by_id(request: ScopedRequest) -> str:
    """Return the lasting address of a line. Raises LineNotFoundError."""
    digits = request.GET.get("at", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS):
        raise LineNotFoundError("Which line? Give its id, or its time and stream.")
    labels = {
        name.removeprefix(LABEL): str(value)
        for name, value in request.GET.items()
        if name.startswith(LABEL)
    }
    line_id = find_line(
        reading_scope(request), labels, int(digits), request.GET.get("text", "")
    )
    if line_id is None:
        raise LineNotFoundError("No line of this stream bears this time any more.")
    return f"{request.path}?{urlencode({'id': line_id})}"


def _count(params: QueryDict, name: str) -> int:
    digits = params.get(name, "")
    if not (digits.isascii() and digits.isdigit()):
        return AROUND
    return min(MAX_AROUND, int(digits[:4]))


def _more(request: ScopedRequest, name: str, asked: int, got: int) -> str:
    """Return where more lines are shown on that side; nowhere when there are none."""
    if got < asked or asked >= MAX_AROUND:
        return ""
    params = request.GET.copy()
    params[name] = str(min(MAX_AROUND, asked + AROUND_MORE))
    return f"{request.path}?{params.urlencode()}"


def _explore_url(request: ScopedRequest, labels: dict[str, str], ts_ns: int) -> str:
    """Return the explorer at the line's time and stream."""
    matchers = tuple(Matcher(n, MatchOp.EQUAL, v) for n, v in sorted(labels.items()))
    path = reverse("logs", args=[request.scope.organization_slug])
    moment = datetime.fromtimestamp(ts_ns // 10**9, UTC)
    span = {"start": moment - _AROUND_LINE, "end": moment + _AROUND_LINE}
    ends = {name: end.isoformat() for name, end in span.items()}
    return f"{path}?{urlencode({'q': from_words('', matchers), **ends})}"
