"""What belongs to no app: signs of life, and errors in the shape of who asked."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.views import defaults
from django.views.decorators.cache import never_cache

from accounts.api.errors import error_body
from config.health import unready_reasons


@never_cache
async def healthz(request: HttpRequest) -> JsonResponse:
    """Say that this process answers, whatever else may be broken."""
    return JsonResponse({"status": "ok"})


@never_cache
async def readyz(request: HttpRequest) -> JsonResponse:
    """Say whether the platform takes data in and works on them; if not, why."""
    reasons = await unready_reasons(timezone.now())
    if not reasons:
        return JsonResponse({"status": "ready", "reasons": []})
    response = JsonResponse({"status": "unready", "reasons": reasons}, status=503)
    # An answer, not an error of ours: Django would log it as one at every probe.
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if _is_api(request):
        return _error(400, "bad_request", "The request cannot be understood.")
    return defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if _is_api(request):
        return _error(403, "permission_denied", "You may not do that.")
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if _is_api(request):
        return _error(404, "not_found", "There is nothing at this address.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    if _is_api(request):
        detail = "Something went wrong here; the log of the web process says what."
        return _error(500, "server_error", detail)
    return defaults.server_error(request)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _error(status: int, code: str, detail: str) -> JsonResponse:
    return JsonResponse(error_body(code, detail), status=status)
