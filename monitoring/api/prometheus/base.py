"""What all endpoints of Prometheus's API share: who asks, with what, and refusals."""

from __future__ import annotations

from abc import abstractmethod
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from typing_extensions import override

from accounts.api.authentication import SessionAuthentication, TokenAuthentication
from accounts.api.foreign import ForeignAPI
from accounts.api.viewsets import READ
from monitoring.api.prometheus.authentication import BasicTokenAuthentication
from monitoring.api.prometheus.envelope import ErrorType, PrometheusError, failure
from monitoring.api.prometheus.parameters import Parameters

# What an endpoint does not offer at all is bad data, too.
_KINDS = {
    HTTPStatus.UNAUTHORIZED: ErrorType.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN: ErrorType.FORBIDDEN,
    HTTPStatus.NOT_FOUND: ErrorType.NOT_FOUND,
    HTTPStatus.INTERNAL_SERVER_ERROR: ErrorType.INTERNAL,
    HTTPStatus.SERVICE_UNAVAILABLE: ErrorType.UNAVAILABLE,
}


class PrometheusAPI(ForeignAPI):
    """An endpoint that answers a GET and a form in a POST alike."""

    product = "Prometheus API"
    access = {"get": READ, "post": READ}
    authentication_classes = [
        TokenAuthentication,
        BasicTokenAuthentication,
        SessionAuthentication,
    ]

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
    def refusal(self, status: HTTPStatus, text: str) -> HttpResponse:
        kind = _KINDS.get(status, ErrorType.BAD_DATA)
        return failure(kind, text or kind.word, status=status)

    @override
    def own_refusal(self, error: Exception) -> HttpResponse | None:
        if isinstance(error, PrometheusError):
            return failure(error.kind, str(error))
        return None


class ReadOnlyAPI(PrometheusAPI):
    """An endpoint that Prometheus offers to GET only."""

    http_method_names = ["get", "head", "options"]
