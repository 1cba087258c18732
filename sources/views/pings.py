"""Addresses that jobs call, as Healthchecks and Uptime Kuma define them.

They need no token: whoever knows the address may ping. Answers are short plain text,
because it is scripts that read them.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from accounts.http import client_ip
from sources.services.heartbeats import pings
from sources.services.heartbeats.settings import SLUG

logger = logging.getLogger(__name__)

_METHODS = frozenset({"GET", "HEAD", "POST"})
_WORDS = frozenset({"start", "fail", "log"})

View = Callable[..., HttpResponseBase]


class UnreadablePingError(ValueError):
    """The address or a parameter cannot be understood; the text is the answer."""


# Status and words of each; without words the error's own.
_REFUSALS: dict[type[Exception], tuple[int, str]] = {
    UnreadablePingError: (400, ""),
    pings.UnknownHeartbeatError: (404, "not found"),
    pings.AmbiguousSlugError: (409, "ambiguous slug"),
    pings.TooManyHeartbeatsError: (403, "too many heartbeats"),
}


def _ping_address(view: View) -> View:
    """Serve an address for scripts: no CSRF, no caches, any origin, plain answers."""

    @csrf_exempt
    @never_cache
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = _answer(view, request, *args, **kwargs)
        response["Access-Control-Allow-Origin"] = "*"
        response["Ping-Body-Limit"] = str(settings.PING_BODY_LIMIT)
        return response

    return wrapped


def _answer(
    view: View, request: HttpRequest, *args: Any, **kwargs: Any
) -> HttpResponseBase:
    if request.method not in _METHODS:
        return _text("method not allowed", 405)
    try:
        return view(request, *args, **kwargs)
    except tuple(_REFUSALS) as error:
        status, words = _REFUSALS[type(error)]
        return _text(words or str(error), status)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("A ping was not kept, the database is away: %s", error)
        response = _text("try again", 503)
        response["Retry-After"] = "2"
        return response


@_ping_address
def by_code(
    request: HttpRequest, code: str | uuid.UUID, action: str = ""
) -> HttpResponse:
    """`/ping/<uuid>[/start|/fail|/log|/<exit status>]`"""
    signal = _signal(request, action)
    pings.ping(pings.find_by_code(_uuid(code)), signal)
    return _text("OK")


@_ping_address
def by_slug(
    request: HttpRequest, key: str, slug: str, action: str = ""
) -> HttpResponse:
    """`/ping/<ping key>/<slug>[/…]`; with `?create=1` it is made when it is missing."""
    if not SLUG.fullmatch(slug):
        raise UnreadablePingError("invalid url format")
    signal = _signal(request, action)
    create = request.GET.get("create") == "1"
    found, is_new = pings.find_by_slug(key, slug, create=create, now=signal.at)
    pings.ping(found, signal)
    return _text("Created", 201) if is_new else _text("OK")


@_ping_address
def push(request: HttpRequest, code: str) -> HttpResponse:
    """Uptime Kuma's `/api/push/<token>?status=up|down&msg=…`; the token is the code."""
    failed = request.GET.get("status", "up") == "down"
    signal = _signal(request, "fail" if failed else "", body=_message(request))
    try:
        pings.ping(pings.find_by_code(_uuid(code)), signal)
    except (pings.UnknownHeartbeatError, UnreadablePingError):
        told = {"ok": False, "msg": "Monitor not found or not active."}
        return JsonResponse(told, status=404)
    return JsonResponse({"ok": True})


def _signal(
    request: HttpRequest, action: str, *, body: bytes | None = None
) -> pings.Signal:
    """Raises UnreadablePingError."""
    exit_status = _exit_status(action)
    rid = request.GET.get("rid")
    return pings.Signal(
        kind=pings.kind_of(action, exit_status),
        at=timezone.now(),
        method=request.method or "",
        scheme=request.scheme or "",
        exit_status=exit_status,
        rid=None if rid is None else _uuid(rid),
        remote_address=client_ip(request),
        user_agent=request.headers.get("User-Agent", ""),
        body=request.read(settings.PING_BODY_LIMIT) if body is None else body,
    )


def _exit_status(action: str) -> int | None:
    """Raises UnreadablePingError."""
    if action == "" or action in _WORDS:
        return None
    digits = action.isascii() and action.isdigit() and len(action) <= len("255")
    if not digits or int(action) > pings.MAX_EXIT_STATUS:
        raise UnreadablePingError("invalid url format")
    return int(action)


def _uuid(text: str | uuid.UUID) -> uuid.UUID:
    """Raises UnreadablePingError."""
    try:
        return text if isinstance(text, uuid.UUID) else uuid.UUID(text)
    except ValueError:
        raise UnreadablePingError("invalid uuid format") from None


def _message(request: HttpRequest) -> bytes:
    return request.GET.get("msg", "").encode()[: settings.PING_BODY_LIMIT]


def _text(text: str, status: int = 200) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
