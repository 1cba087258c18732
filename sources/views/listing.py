"""The list of sources, and what the overview shows of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.http import ScopedRequest, scoped_page
from accounts.scope import Scope, TeamRole
from accounts.views.shell import reading_scope
from sources.models import DeadLetter, Source
from sources.services import dead_letters
from sources.services.access import PermissionRefusedError
from sources.services.pipeline_state import pipeline_state
from sources.views.rows import WORDS, rows_of

PAGE = 50
SUMMARY_ROWS = 6
LETTERS_SHOWN = 10
# A larger letter is opened over the API alone.
LARGEST_OPENED = 2**20
Status = Source.Status
_WORST_FIRST = (Status.ERROR, Status.QUIET, Status.WAITING, Status.OK, Status.DISABLED)
_HEALTHY = (Status.OK, Status.WAITING)


@scoped_page
@require_safe
def source_list(request: ScopedRequest) -> HttpResponse:
    now, scope = timezone.now(), reading_scope(request)
    chosen = request.GET.get("filter", "")
    start = _cursor(request)
    everything = worst_first(scope, now)
    counts = Counter(everything.values_list("status", flat=True))
    chosen = chosen if chosen in Status.values else ""
    sources = everything.filter(status=chosen) if chosen else everything
    page = rows_of(scope, sources[start : start + PAGE], now)
    total = counts[chosen] if chosen else counts.total()
    state = pipeline_state(scope, now)
    context = {
        **_conclusion(counts),
        "figures": _figures(state),
        "filters": _filters(counts),
        "filter": chosen,
        "rows": page,
        "total": total,
        "next_cursor": str(start + PAGE) if start + PAGE < total else "",
        "can_edit": can_edit(request.scope),
        "dead_letters": _letters(scope),
    }
    return render(request, "sources/list.html", context)


@scoped_page
@require_safe
def source_summary(request: ScopedRequest) -> HttpResponse:
    now, scope = timezone.now(), reading_scope(request)
    sources = worst_first(scope, now)
    counts = Counter(sources.values_list("status", flat=True))
    context = {
        "rows": rows_of(scope, sources[:SUMMARY_ROWS], now),
        "total": counts.total(),
        "healthy": sum(counts[status] for status in _HEALTHY),
    }
    return render(request, "sources/_summary.html", context)


@scoped_page
@require_safe
def source_sentence(request: ScopedRequest) -> HttpResponse:
    now, scope = timezone.now(), reading_scope(request)
    sources = worst_first(scope, now)
    counts = Counter(sources.values_list("status", flat=True))
    worst = next(iter(rows_of(scope, sources[:1], now)), None)
    context = {
        "total": counts.total(),
        "healthy": sum(counts[status] for status in _HEALTHY),
        "worst": worst if worst and worst.status not in _HEALTHY else None,
    }
    return render(request, "sources/_sentence.html", context)


@scoped_page
@require_POST
def replay_letter(request: ScopedRequest, pk: int) -> HttpResponse:
    return _moved(request, lambda: dead_letters.replay(request.scope, [pk]), _REPLAYED)


@scoped_page
@require_POST
def replay_letters(request: ScopedRequest) -> HttpResponse:
    return _moved(request, lambda: dead_letters.replay(request.scope, None), _REPLAYED)


@scoped_page
@require_POST
def discard_letter(request: ScopedRequest, pk: int) -> HttpResponse:
    return _moved(
        request, lambda: dead_letters.discard(request.scope, [pk]), _DISCARDED
    )


_REPLAYED = "In the inbox again: {count}."
_DISCARDED = "Discarded: {count}."


def _moved(request: ScopedRequest, move: Callable[[], int], told: str) -> HttpResponse:
    try:
        count = move()
    except PermissionRefusedError as error:
        messages.error(request, str(error))
    else:
        if count:
            messages.success(request, told.format(count=count))
    return redirect("sources", organization_slug=request.scope.organization_slug)


def worst_first(scope: Scope, now: datetime) -> QuerySet[Any]:
    order = Case(
        *(When(status=s, then=Value(i)) for i, s in enumerate(_WORST_FIRST)),
        output_field=IntegerField(),
    )
    rows = Source.objects.visible_to(scope).with_status(now)
    return rows.select_related("state", "team").order_by(order, "name")


def can_edit(scope: Scope) -> bool:
    return scope.has_team_role(None, TeamRole.MAINTAINER)


def _cursor(request: HttpRequest) -> int:
    text = request.GET.get("cursor", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0  # noqa: PLR2004 - nobody has so many pages


def _conclusion(counts: Counter[str]) -> dict[str, Any]:
    total = counts.total()
    if not total:
        return {
            "conclusion_parts": [],
            "conclusion": "No sources yet.",
            "lead": "Add files, this host, or a name to push to.",
        }
    bad = [s for s in (Status.ERROR, Status.QUIET) if counts[s]]
    parts = [{"status": s, "text": f"{counts[s]} {WORDS[s].lower()}"} for s in bad]
    healthy = sum(counts[status] for status in _HEALTHY)
    noun = "source" if total == 1 else "sources"
    return {
        "conclusion_parts": parts,
        "conclusion": f"{healthy} of {total} {noun} healthy.",
        "lead": "Where the logs and metrics of this organization come from.",
    }


def _figures(state: dict[str, Any]) -> list[dict[str, Any]]:
    rates, inbox, letters = state["rates"], state["inbox"], state["dead_letters"]
    age = inbox["oldest_age_seconds"]
    waits = "nothing waits" if age is None else f"oldest for {age:.0f} s"
    dead = "batches that kept failing" if letters["batches"] else "none"
    return [
        _figure("Lines", rates["lines_per_second"], "/s", "last minute"),
        _figure("Samples", rates["samples_per_second"], "/s", "last minute"),
        _figure("Waiting", inbox["records"], "", waits),
        _figure(
            "Dead letters",
            letters["batches"],
            "",
            dead,
            status="warning" if letters["batches"] else "",
            url="#dead-letters" if letters["batches"] else "",
        ),
    ]


def _figure(
    label: str, value: float, unit: str, note: str, *, status: str = "", url: str = ""
) -> dict[str, Any]:
    return {
        "label": label,
        "value": value,
        "unit": unit,
        "note": note,
        "status": status,
        "url": url,
    }


def _filters(counts: Counter[str]) -> list[dict[str, Any]]:
    kinds = [{"key": "", "label": "All", "count": counts.total()}]
    return kinds + [
        {"key": s.value, "label": WORDS[s], "count": counts[s]}
        for s in _WORST_FIRST
        if counts[s]
    ]


def _letters(scope: Scope) -> list[dict[str, Any]]:
    """Return the newest letters, the smaller ones with what is in them."""
    letters = DeadLetter.objects.visible_to(scope).select_related("source")
    newest = list(letters.defer("payload")[:LETTERS_SHOWN])
    small = letters.filter(
        pk__in=[letter.pk for letter in newest], size__lte=LARGEST_OPENED
    )
    samples = {letter.pk: dead_letters.samples_of(letter) for letter in small}
    return [
        {
            "pk": letter.pk,
            "source_name": letter.source.name if letter.source else "",
            "kind": letter.kind,
            "count": letter.count,
            "failed_at": letter.failed_at,
            "error": letter.error,
            "samples": samples.get(letter.pk, []),
        }
        for letter in newest
    ]
