"""Healthchecks's management API v3, for its clients and Terraform providers.

Source: https://healthchecks.io/docs/api/. Its `X-Api-Key` is one of our tokens; what
a token may do here is what it may do with heartbeats anywhere.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from typing_extensions import override

from accounts.api.authentication import TokenAuthentication, TokenUser
from accounts.api.foreign import ForeignAPI
from accounts.api.viewsets import MAINTAIN, READ
from accounts.models import ApiToken
from sources.api.heartbeats import FLIPS_SHOWN, as_heartbeat_errors
from sources.models import Heartbeat, HeartbeatPing
from sources.services.heartbeats.presentation import ping_url
from sources.services.heartbeats.settings import (
    HeartbeatSettings,
    create_heartbeat,
    delete_heartbeat,
    pause_heartbeat,
    resume_heartbeat,
    update_heartbeat,
)
from sources.services.heartbeats.states import due_at, status_at

# Their names of our settings; words are lists here and texts with commas there.
_PLAIN = {
    "name": "name",
    "slug": "slug",
    "desc": "description",
    "timeout": "timeout_seconds",
    "grace": "grace_seconds",
    "schedule": "schedule",
    "tz": "zone",
    "manual_resume": "manual_resume",
}
_WORDS = {
    "start_kw": "start_words",
    "success_kw": "success_words",
    "failure_kw": "failure_words",
}
_UNIQUE = ("name", "slug", "tags", "timeout", "grace")
# Parameters that mean nothing here, and do no harm.
_IGNORED = frozenset({"channels", "subject", "subject_fail", "filter_subject"})
_KNOWN = {*_PLAIN, *_WORDS, *_IGNORED, "tags", "methods", "unique", "filter_body"}


class ApiKeyAuthentication(TokenAuthentication):
    """`X-Api-Key: TOKEN`, or `api_key` in the body as their oldest clients send it."""

    @override
    def authenticate(self, request: Request) -> tuple[TokenUser, ApiToken] | None:
        secret = request.headers.get("X-Api-Key", "")
        if not secret and isinstance(request.data, Mapping):
            secret = str(request.data.get("api_key", ""))
        return self.of_secret(secret) if secret else super().authenticate(request)


class HealthchecksAPI(ForeignAPI):
    """One of their endpoints; errors are `{"error": text}` as there."""

    product = "Healthchecks API"
    authentication_classes = [ApiKeyAuthentication]

    @property
    def heartbeats(self) -> QuerySet[Heartbeat]:
        return Heartbeat.objects.visible_to(self.scope).select_related("team")

    def found(self, code: uuid.UUID) -> Heartbeat:
        return get_object_or_404(self.heartbeats, code=code)

    @override
    def refusal(self, status: HTTPStatus, text: str) -> HttpResponse:
        return JsonResponse({"error": text}, status=status)

    @override
    def words_of(self, error: Exception) -> str:
        if isinstance(error, exceptions.AuthenticationFailed):
            return "wrong api key"
        if isinstance(error, exceptions.NotAuthenticated):
            return "missing api key"
        if isinstance(error, Http404):
            return "not found"
        detail = getattr(error, "detail", None)
        if isinstance(detail, dict):
            return "; ".join(f"{name}: {told[0]}" for name, told in detail.items())
        return super().words_of(error)


class ChecksAPI(HealthchecksAPI):
    access = {"get": READ, "post": MAINTAIN}

    def get(self, request: Request) -> Response:
        wanted = set(request.query_params.getlist("tag"))
        rows = self.heartbeats
        slug = request.query_params.get("slug")
        rows = rows if slug is None else rows.filter(slug=slug)
        chosen = [row for row in rows if wanted <= set(row.tags)]
        return Response({"checks": [check_json(row) for row in chosen]})

    def post(self, request: Request) -> Response:
        """Create, or update what `unique` finds: 201 or 200."""
        body = _body(request)
        wanted, now = _changes(body), timezone.now()
        with as_heartbeat_errors():
            same = self._same(body, wanted)
            if same is not None:
                changed = update_heartbeat(self.scope, same, wanted, now=now)
                return Response(check_json(changed))
            made = create_heartbeat(self.scope, HeartbeatSettings(**wanted), now=now)
        return Response(check_json(made), status=201)

    def _same(
        self, body: Mapping[str, Any], wanted: Mapping[str, Any]
    ) -> Heartbeat | None:
        names = body.get("unique", [])
        if not isinstance(names, list) or any(name not in _UNIQUE for name in names):
            raise exceptions.ValidationError(
                "json validation error: unexpected value in unique"
            )
        if not names:
            return None
        ours = {n: {"tags": "tags", **_PLAIN}[n] for n in names}
        defaults = HeartbeatSettings()
        sought = {o: wanted.get(o, getattr(defaults, o)) for o in ours.values()}
        if "tags" in sought:
            sought["tags"] = list(sought["tags"])
        return self.heartbeats.filter(**sought).first()


class CheckAPI(HealthchecksAPI):
    access = {"get": READ, "post": MAINTAIN, "delete": MAINTAIN}

    def get(self, request: Request, code: uuid.UUID) -> Response:
        return Response(check_json(self.found(code)))

    def post(self, request: Request, code: uuid.UUID) -> Response:
        wanted = _changes(_body(request))
        with as_heartbeat_errors():
            changed = update_heartbeat(
                self.scope, self.found(code), wanted, now=timezone.now()
            )
        return Response(check_json(changed))

    def delete(self, request: Request, code: uuid.UUID) -> Response:
        heartbeat = self.found(code)
        shown = check_json(heartbeat)
        with as_heartbeat_errors():
            delete_heartbeat(self.scope, heartbeat)
        return Response(shown)


class PauseAPI(HealthchecksAPI):
    access = {"post": MAINTAIN}

    def post(self, request: Request, code: uuid.UUID) -> Response:
        with as_heartbeat_errors():
            paused = pause_heartbeat(self.scope, self.found(code), now=timezone.now())
        return Response(check_json(paused))


class ResumeAPI(HealthchecksAPI):
    access = {"post": MAINTAIN}

    def post(self, request: Request, code: uuid.UUID) -> Response:
        with as_heartbeat_errors():
            again = resume_heartbeat(self.scope, self.found(code), now=timezone.now())
        return Response(check_json(again))


class PingsAPI(HealthchecksAPI):
    access = {"get": MAINTAIN}

    def get(self, request: Request, code: uuid.UUID) -> Response:
        found = self.found(code).pings.all()
        return Response({"pings": [_ping_json(code, ping) for ping in found]})


class PingBodyAPI(HealthchecksAPI):
    access = {"get": MAINTAIN}

    def get(self, request: Request, code: uuid.UUID, number: int) -> HttpResponse:
        ping = get_object_or_404(self.found(code).pings, number=number)
        return HttpResponse(
            bytes(ping.body),
            content_type="text/plain; charset=utf-8",
            headers={"X-Content-Type-Options": "nosniff"},
        )


class FlipsAPI(HealthchecksAPI):
    access = {"get": READ}

    def get(self, request: Request, code: uuid.UUID) -> Response:
        flips = self.found(code).flips.exclude(to_status=Heartbeat.Status.PAUSED)
        shown = [
            {"timestamp": _time(flip.at), "up": int(flip.to_status == "up")}
            for flip in flips[:FLIPS_SHOWN]
        ]
        return Response(shown)


def check_json(heartbeat: Heartbeat) -> dict[str, Any]:
    """Return a check as their API shows it to a key that may write."""
    now = timezone.now()
    base = f"{settings.SITE_ROOT}/api/v3/checks/{heartbeat.code}"
    shown: dict[str, Any] = {
        theirs: getattr(heartbeat, ours) for theirs, ours in _PLAIN.items()
    }
    unused = (
        ("schedule", "tz") if heartbeat.kind == Heartbeat.Kind.TIMEOUT else ("timeout",)
    )
    for name in unused:
        del shown[name]
    took = heartbeat.last_duration
    return {
        **shown,
        **{t: ", ".join(getattr(heartbeat, o)) for t, o in _WORDS.items()},
        "tags": " ".join(heartbeat.tags),
        "n_pings": heartbeat.pings_total,
        "status": status_at(heartbeat, now),
        "started": heartbeat.last_start_at is not None,
        "last_ping": _time(heartbeat.last_ping_at),
        "next_ping": _time(due_at(heartbeat)),
        "methods": "POST" if heartbeat.post_only else "",
        "filter_body": any(getattr(heartbeat, ours) for ours in _WORDS.values()),
        "channels": "",
        "uuid": str(heartbeat.code),
        "ping_url": ping_url(heartbeat),
        "update_url": base,
        "pause_url": f"{base}/pause",
        "resume_url": f"{base}/resume",
        **({"last_duration": int(took.total_seconds())} if took else {}),
    }


def _ping_json(code: uuid.UUID, ping: HeartbeatPing) -> dict[str, Any]:
    url = f"{settings.SITE_ROOT}/api/v3/checks/{code}/pings/{ping.number}/body"
    took = {"duration": ping.duration.total_seconds()} if ping.duration else {}
    return {
        "type": "exitstatus" if ping.exit_status is not None else ping.kind,
        "date": _time(ping.at),
        "n": ping.number,
        "scheme": ping.scheme,
        "remote_addr": ping.remote_address or "",
        "method": ping.method,
        "ua": ping.user_agent,
        "rid": str(ping.rid) if ping.rid else None,
        "body_url": url if ping.body else None,
        **took,
    }


def _body(request: Request) -> Mapping[str, Any]:
    if not isinstance(request.data, Mapping):
        raise exceptions.ValidationError(
            "json validation error: value is not an object"
        )
    body = {key: value for key, value in request.data.items() if key != "api_key"}
    unknown = sorted(set(body) - _KNOWN)
    if unknown:
        raise exceptions.ValidationError(
            f"json validation error: {unknown[0][:60]} is an unexpected property"
        )
    return body


def _changes(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return our settings of their names. Raises ValidationError."""
    found: dict[str, Any] = {}
    for theirs, ours in _PLAIN.items():
        if theirs in body:
            kind = type(getattr(HeartbeatSettings(), ours))
            found[ours] = _typed(theirs, body[theirs], kind)
    for theirs, ours in _WORDS.items():
        if theirs in body:
            words = _typed(theirs, body[theirs], str).split(",")
            found[ours] = [word.strip() for word in words if word.strip()]
    if "tags" in body:
        found["tags"] = _typed("tags", body["tags"], str).split()
    if "methods" in body:
        found["post_only"] = _typed("methods", body["methods"], str) == "POST"
    if "schedule" in body:
        is_cron = len(found["schedule"].split()) in {5, 6}
        found["kind"] = Heartbeat.Kind.CRON if is_cron else Heartbeat.Kind.ON_CALENDAR
    elif "timeout" in body:
        found["kind"] = Heartbeat.Kind.TIMEOUT
    return found


def _typed(name: str, value: Any, kind: type) -> Any:
    right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if not right:
        noun = {str: "a string", int: "a number", bool: "a boolean"}[kind]
        raise exceptions.ValidationError(f"json validation error: {name} is not {noun}")
    return value


def _time(moment: Any) -> str | None:
    return moment.replace(microsecond=0).isoformat() if moment else None
