"""Prometheus's admin API: deleting series."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from rest_framework.request import Request
from typing_extensions import override

from accounts.api.viewsets import ADMINISTER
from monitoring.api.prometheus.base import PrometheusAPI
from monitoring.api.prometheus.envelope import ErrorType, PrometheusError
from monitoring.api.prometheus.parameters import Parameters
from monitoring.models import Signal
from monitoring.services import deletion

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)


class DeleteSeriesAPI(PrometheusAPI):
    """/admin/tsdb/delete_series: hidden at once, deleted in the background."""

    access = {"get": ADMINISTER, "post": ADMINISTER, "put": ADMINISTER}
    http_method_names = ["post", "put", "options"]

    def put(self, request: Request, **path: str) -> HttpResponse:
        plain = request._request  # noqa: SLF001 - DRF wraps Django's request
        form = QueryDict(plain.body)
        return self.answer(plain, Parameters(form, plain.GET), **path)

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        parameters.require_selectors()
        start = parameters.optional_time("start") or BEGINNING
        end = parameters.optional_time("end") or END
        try:
            deletion.request_delete(
                self.scope,
                Signal.METRICS,
                parameters.selectors(),
                start,
                end,
                now=timezone.now(),
            )
        except deletion.InvalidDeleteError as error:
            raise PrometheusError(ErrorType.BAD_DATA, str(error)) from None
        return HttpResponse(status=204)
