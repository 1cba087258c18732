"""The metric explorer: queries in the address, charts and tables on the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from django.http import HttpResponse, JsonResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from accounts.http import ScopedRequest, scoped_page
from accounts.scope import TeamRole
from accounts.views.shell import reading_scope
from monitoring.services.explorer import (
    COMPARISONS,
    Exploration,
    explore,
    list_metrics,
)
from monitoring.templatetags.figures import number
from monitoring.views.pages import range_of, start_metric_command

MOST_QUERIES, MAX_QUERY = 6, 10_000
METRICS_LISTED = 100
_VIEWS = ("graph", "table")


@dataclass(frozen=True, slots=True)
class Questions:
    """What the address asks for."""

    exprs: tuple[str, ...]
    compare: str
    view: str
    find: str

    @classmethod
    def parse(cls, params: QueryDict) -> Self:
        exprs = [text.strip()[:MAX_QUERY] for text in params.getlist("q")]
        compare, view = params.get("compare", ""), params.get("view", "")
        return cls(
            tuple(expr for expr in exprs if expr)[:MOST_QUERIES],
            compare if compare in COMPARISONS else "",
            view if view in _VIEWS else _VIEWS[0],
            params.get("find", "").strip()[:200],
        )


@scoped_page
@require_safe
def show(request: ScopedRequest) -> HttpResponse:
    asked, scope = Questions.parse(request.GET), reading_scope(request)
    answers = _answers(request, asked)
    if request.headers.get("Accept", "").startswith("application/json"):
        charts = [each.chart.payload for each in answers if each.chart]
        return JsonResponse({"charts": charts})
    metrics = list_metrics(scope, contains=asked.find)
    context = {
        "range": range_of(request, now=timezone.now()),
        "asked": asked,
        "fields": _fields(answers),
        "answers": answers,
        "metrics": metrics[:METRICS_LISTED],
        "metrics_total": len(metrics),
        "may_add": len(asked.exprs) < MOST_QUERIES,
        "rule_url": _rule_url(request, asked),
        "start_command": start_metric_command(),
        **_conclusion(asked, answers, len(metrics)),
    }
    return render(request, "monitoring/metrics.html", context)


def _answers(request: ScopedRequest, asked: Questions) -> list[Exploration]:
    shown, scope = range_of(request, now=timezone.now()), reading_scope(request)
    return [
        explore(
            scope,
            expr,
            shown,
            key=f"q{place}",
            compare=asked.compare,
            title=f"Query {place}" if len(asked.exprs) > 1 else "Answer",
            url=request.get_full_path() if shown.is_live else "",
        )
        for place, expr in enumerate(asked.exprs, start=1)
    ]


def _fields(answers: list[Exploration]) -> list[dict[str, Any]]:
    """Return one row of the form for each query; an empty one when there is none."""
    rows = [
        {
            "place": place,
            "expr": each.expr,
            "complaint": each.complaint,
            "took_ms": each.took_ms,
            "total": each.total,
            "notes": each.notes,
        }
        for place, each in enumerate(answers, start=1)
    ]
    return rows or [{"place": 1, "expr": "", "complaint": None, "notes": ()}]


def _rule_url(request: ScopedRequest, asked: Questions) -> str:
    """Return where a rule for the first query is made, for those who may."""
    if not asked.exprs or not request.scope.has_team_role(None, TeamRole.MAINTAINER):
        return ""
    path = reverse("rule-add", args=[request.scope.organization_slug])
    return f"{path}?{urlencode({'kind': 'threshold', 'query': asked.exprs[0]})}"


def _conclusion(
    asked: Questions, answers: list[Exploration], metrics: int
) -> dict[str, str]:
    wrong = sum(1 for each in answers if each.complaint)
    if not asked.exprs:
        noun = "metric" if metrics == 1 else "metrics"
        return {
            "status": "",
            "figure": f"{number(metrics)} {noun}.",
            "text": "Ask one of them, or write PromQL.",
        }
    if wrong:
        noun = "query has" if wrong == 1 else "queries have"
        return {"status": "warning", "figure": f"{wrong} {noun}", "text": "a mistake."}
    total = sum(each.total for each in answers)
    took = sum(each.took_ms for each in answers)
    noun = "series" if total else "No series"
    return {
        "status": "",
        "figure": f"{number(total)} {noun}" if total else noun,
        "text": f"answered in {number(took)} ms." if total else "answered.",
    }
