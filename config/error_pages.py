"""Errors outside any view: a page for people, the one JSON shape for programs."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from accounts.api.errors import error_body
from sources.ingest.door import Door
from sources.ingest.doors import DoorMap
from sources.ingest.refusals import RefusedError

_DOORS = DoorMap()

# Where programs ask that know neither our pages nor our API's shape of errors.
_FOREIGN = ("/prometheus/", "/loki/", "/elasticsearch/", "/services/", "/v1/", "/otlp/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 400, "bad_request", "The request could not be understood.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 403, "permission_denied", "Your role does not allow this.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    doors = [found.door for found in _DOORS.at(request.path)]
    if doors:
        return _not_allowed(request, doors)
    return _answer(request, 404, "not_found", "There is nothing at this address.")


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(request, 500, "internal", "This is our fault: see the log.")


def _not_allowed(request: HttpRequest, doors: Sequence[Door]) -> HttpResponse:
    """What telemetry is sent to is there, though nothing of it can be read."""
    allowed = frozenset[str]().union(*(door.methods for door in doors))
    refused = RefusedError(
        405,
        "method_not_allowed",
        f"{request.method} is not allowed here.",
        headers={"Allow": ", ".join(sorted(allowed))},
    )
    answer = doors[0].refuse(refused, request.headers)
    return HttpResponse(
        answer.content,
        status=answer.status,
        content_type=answer.content_type,
        headers=answer.headers,
    )


def _answer(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse(error_body(code, detail), status=status)
    if request.path.startswith(_FOREIGN):
        text = "text/plain; charset=utf-8"
        return HttpResponse(f"{detail}\n", content_type=text, status=status)
    return render(request, f"{status}.html", status=status)
