"""What all endpoints of Loki's API share: who asks, with what, and refusals."""

from __future__ import annotations

import logging
from http import HTTPStatus

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpResponse
from rest_framework import exceptions
from typing_extensions import override

from monitoring.api.loki.envelope import LokiError, refusal
from monitoring.api.prometheus.base import PrometheusAPI
from monitoring.api.prometheus.envelope import PrometheusError
from monitoring.logql import LogQLError
from monitoring.services.log_queries import InvalidFilterError, LogTimeoutError
from monitoring.telemetry import TooMuchDataError

logger = logging.getLogger(__name__)

TIMED_OUT = (
    "Request timed out, decrease the duration of the request or add more label matchers "
    "(prefer exact match over regex match) to reduce the amount of data processed."
)

_STATUSES: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (LogQLError, HTTPStatus.BAD_REQUEST),
    (InvalidFilterError, HTTPStatus.BAD_REQUEST),
    (TooMuchDataError, HTTPStatus.BAD_REQUEST),
    (PrometheusError, HTTPStatus.BAD_REQUEST),
    (exceptions.AuthenticationFailed, HTTPStatus.UNAUTHORIZED),
    (exceptions.NotAuthenticated, HTTPStatus.UNAUTHORIZED),
    (exceptions.PermissionDenied, HTTPStatus.FORBIDDEN),
    (PermissionDenied, HTTPStatus.FORBIDDEN),
    (exceptions.NotFound, HTTPStatus.NOT_FOUND),
    (Http404, HTTPStatus.NOT_FOUND),
    (exceptions.MethodNotAllowed, HTTPStatus.METHOD_NOT_ALLOWED),
    (exceptions.ValidationError, HTTPStatus.BAD_REQUEST),
    (SuspiciousOperation, HTTPStatus.BAD_REQUEST),
)


class LokiAPI(PrometheusAPI):
    """An endpoint that takes its parameters as Prometheus's do; Loki complains in
    plain text."""

    @override
    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        if isinstance(exc, LokiError):
            return refusal(exc.status, str(exc))
        if isinstance(exc, LogTimeoutError):
            return refusal(HTTPStatus.GATEWAY_TIMEOUT, TIMED_OUT)
        for type_, status in _STATUSES:
            if isinstance(exc, type_):
                return self._refused(exc, status)
        logger.error("Loki API failed: %s", self.request.path, exc_info=exc)
        problem = "internal error: see the server's log"
        return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, problem)

    def _refused(self, exc: Exception, status: HTTPStatus) -> HttpResponse:
        detail = getattr(exc, "detail", None) or str(exc) or status.phrase
        text = " ".join(map(str, detail)) if isinstance(detail, list) else str(detail)
        response = refusal(status, text)
        if status is HTTPStatus.UNAUTHORIZED:
            response["WWW-Authenticate"] = self.get_authenticate_header(self.request)
        return response


class LokiReadOnlyAPI(LokiAPI):
    """An endpoint that Loki offers to GET only."""

    http_method_names = ["get", "head", "options"]
