"""What all endpoints of Loki's API share: who asks, with what, and refusals."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpResponse
from typing_extensions import override

from monitoring.api.loki.envelope import LokiError, refusal
from monitoring.api.prometheus.base import PrometheusAPI
from monitoring.api.prometheus.envelope import PrometheusError
from monitoring.logql import LogQLError
from monitoring.services.log_queries import InvalidFilterError, LogTimeoutError
from monitoring.telemetry import TooMuchDataError

TIMED_OUT = (
    "Request timed out, decrease the duration of the request or add more label matchers "
    "(prefer exact match over regex match) to reduce the amount of data processed."
)

# What is wrong with a question, and what it asks too much.
_BAD_REQUESTS = (LogQLError, InvalidFilterError, TooMuchDataError, PrometheusError)


class LokiAPI(PrometheusAPI):
    """An endpoint that takes its parameters as Prometheus's do; Loki complains in
    plain text."""

    product = "Loki API"

    @override
    def refusal(self, status: HTTPStatus, text: str) -> HttpResponse:
        return refusal(status, text or status.phrase)

    @override
    def own_refusal(self, error: Exception) -> HttpResponse | None:
        if isinstance(error, LokiError):
            return refusal(error.status, str(error))
        if isinstance(error, LogTimeoutError):
            return refusal(HTTPStatus.GATEWAY_TIMEOUT, TIMED_OUT)
        if isinstance(error, _BAD_REQUESTS):
            return self.refusal(HTTPStatus.BAD_REQUEST, str(error))
        return None


class LokiReadOnlyAPI(LokiAPI):
    """An endpoint that Loki offers to GET only."""

    http_method_names = ["get", "head", "options"]
