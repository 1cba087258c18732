"""Signs of life, for probes."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache

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
