"""What all endpoints of Prometheus's API share: who asks, with what, and refusals."""

from __future__ import annotations

import logging
from abc import abstractmethod
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.request import Request
from typing_extensions import override

from accounts.api.authentication import SessionAuthentication, TokenAuthentication
from accounts.api.viewsets import READ, ScopedAPI
from accounts.services.availability import UnavailableError
from monitoring.api.prometheus.authentication import BasicTokenAuthentication
from monitoring.api.prometheus.envelope import ErrorType, PrometheusError, failure
from monitoring.api.prometheus.parameters import Parameters

logger = logging.getLogger(__name__)

_KINDS: tuple[tuple[type[Exception], ErrorType], ...] = (
    (exceptions.AuthenticationFailed, ErrorType.UNAUTHORIZED),
    (exceptions.NotAuthenticated, ErrorType.UNAUTHORIZED),
    (exceptions.PermissionDenied, ErrorType.FORBIDDEN),
    (PermissionDenied, ErrorType.FORBIDDEN),
    (exceptions.NotFound, ErrorType.NOT_FOUND),
    (Http404, ErrorType.NOT_FOUND),
    (exceptions.ValidationError, ErrorType.BAD_DATA),
    (SuspiciousOperation, ErrorType.BAD_DATA),
    (UnavailableError, ErrorType.UNAVAILABLE),
    (OperationalError, ErrorType.UNAVAILABLE),
    (InterfaceError, ErrorType.UNAVAILABLE),
)


class PrometheusAPI(ScopedAPI):
    """An endpoint that answers a GET and a form in a POST alike."""

    access = {"get": READ, "post": READ}
    authentication_classes = [
        TokenAuthentication,
        BasicTokenAuthentication,
        SessionAuthentication,
    ]
    # Prometheus has described it: our own document leaves it out.
    schema = None

    def get(self, request: Request, **path: str) -> HttpResponse:
        return self._answered(request, **path)

    def post(self, request: Request, **path: str) -> HttpResponse:
        return self._answered(request, **path)

    def _answered(self, request: Request, **path: str) -> HttpResponse:
        plain = request._request  # noqa: SLF001 - DRF wraps Django's request
        return self.answer(plain, Parameters(plain.POST, plain.GET), **path)

    @abstractmethod
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse: ...

    @override
    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[Any, str]:
        """Answer in JSON whatever is said to be accepted, as Prometheus does."""
        return super().perform_content_negotiation(request, force=True)

    @override
    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        if isinstance(exc, PrometheusError):
            return failure(exc.kind, str(exc))
        if isinstance(exc, exceptions.MethodNotAllowed):
            return failure(ErrorType.BAD_DATA, str(exc.detail), status=405)
        for type_, kind in _KINDS:
            if isinstance(exc, type_):
                return self._refusal_of(exc, kind)
        logger.error("Prometheus API failed: %s", self.request.path, exc_info=exc)
        return failure(ErrorType.INTERNAL, "internal error: see the server's log")

    def _refusal_of(self, exc: Exception, kind: ErrorType) -> HttpResponse:
        detail = getattr(exc, "detail", None) or str(exc) or kind.word
        text = " ".join(map(str, detail)) if isinstance(detail, list) else str(detail)
        response = failure(kind, text)
        if kind is ErrorType.UNAUTHORIZED:
            response["WWW-Authenticate"] = self.get_authenticate_header(self.request)
        return response


class ReadOnlyAPI(PrometheusAPI):
    """An endpoint that Prometheus offers to GET only."""

    http_method_names = ["get", "head", "options"]
