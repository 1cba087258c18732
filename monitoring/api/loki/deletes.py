"""Loki's API of deletes, over our own requests: hidden at once, deleted a while later."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from rest_framework.request import Request
from typing_extensions import override

from accounts.api.viewsets import ADMINISTER
from monitoring.api.loki import parameters as read
from monitoring.api.loki.base import LokiAPI
from monitoring.api.loki.envelope import LokiError, bad_request, bare
from monitoring.api.prometheus.parameters import Parameters
from monitoring.logql import LogQLError, LogQuery, parse
from monitoring.models import DeleteRequest, Signal
from monitoring.moments import moment_of
from monitoring.services import deletion

Status = DeleteRequest.Status
_WORDS = {
    Status.PENDING: "received",
    Status.RUNNING: "received",
    Status.DONE: "processed",
    Status.CANCELLED: "cancelled",
}


class DeleteAPI(LokiAPI):
    """/delete: ask for one (POST, PUT), list them (GET), take one back (DELETE)."""

    access = dict.fromkeys(("get", "post", "put", "delete"), ADMINISTER)
    http_method_names = ["get", "post", "put", "delete", "head", "options"]

    def put(self, request: Request, **path: str) -> HttpResponse:
        plain = request._request  # noqa: SLF001 - DRF wraps Django's request
        return self.answer(plain, Parameters(QueryDict(plain.body), plain.GET), **path)

    def delete(self, request: Request, **path: str) -> HttpResponse:
        """Take a request back while it has not begun."""
        pk = request.query_params.get("request_id", "")
        try:
            deletion.cancel_delete(
                self.scope, int(pk) if pk.isdecimal() else 0, now=timezone.now()
            )
        except (DeleteRequest.DoesNotExist, OverflowError):
            raise LokiError(
                404, "could not find delete request with given id"
            ) from None
        except deletion.DeleteConflictError:
            problem = "deletion of request which is in process or already processed is not allowed"
            raise bad_request(problem) from None
        return HttpResponse(status=204)

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        if request.method in {"GET", "HEAD"}:
            return bare(request, [_json(one) for one in self._requests()])
        query = _query(parameters.text("query"))
        start, end = _range(parameters, timezone.now())
        try:
            deletion.request_delete(
                self.scope,
                Signal.LOGS,
                [query.matchers],
                start,
                end,
                now=timezone.now(),
            )
        except deletion.InvalidDeleteError as error:
            raise bad_request(str(error)) from None
        return HttpResponse(status=204)

    def _requests(self) -> list[DeleteRequest]:
        rows = deletion.visible_requests(self.scope).filter(signal=Signal.LOGS)
        return list(rows.order_by("created_at", "pk"))


def _query(text: str) -> LogQuery:
    if not text:
        raise bad_request("query not set")
    try:
        found = parse(text)
    except LogQLError as error:
        raise bad_request(f"invalid query: {error}") from None
    if not isinstance(found, LogQuery):
        raise bad_request("invalid query: only log queries can be deleted by")
    if found.stages:
        problem = "lines are deleted by their labels and times alone, without filters"
        raise bad_request(f"invalid query: {problem}")
    return found


def _range(parameters: Parameters, now: datetime) -> tuple[datetime, datetime]:
    if not parameters.text("start"):
        raise bad_request("start time not set")
    at = read.bounds(parameters, now)
    start, end = moment_of(at.start_ns), moment_of(at.end_ns)
    if end > now:
        raise bad_request("deletes in the future are not allowed")
    if start > end:
        raise bad_request("start time can't be greater than end time")
    return start, end


def _json(request: DeleteRequest) -> dict[str, str | float]:
    return {
        "request_id": str(request.pk),
        "start_time": request.start_ns / 10**9,
        "end_time": request.end_ns / 10**9,
        "query": " or ".join(request.selectors),
        "status": _WORDS[Status(request.status)],
        "created_at": request.created_at.timestamp(),
    }
