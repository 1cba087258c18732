"""Lines as a file, over REST."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from typing_extensions import override

from accounts.api.viewsets import READ, ScopedAPI
from monitoring.api.log_parameters import LOG_FILTERS, LOG_PARAMETERS, log_query
from monitoring.api.parameters import refuse_unknown, whole_number
from monitoring.http import download
from monitoring.logql import LogQLError
from monitoring.services.log_export import FORMATS, MAX_EXPORTED, Format, export
from monitoring.services.log_searches import Search, compile_logql, compile_words
from monitoring.services.logs import LogQuery
from monitoring.telemetry import TooMuchDataError

_MAX_QUERY = 10_000


class _AnyAnswer(DefaultContentNegotiation):
    """`format` names that of the file here, and not one of the framework's."""

    @override
    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type


class LogExportAPI(ScopedAPI):
    """Found lines as a file, newest first: at most 100,000 of them, as they are read.

    Where reading fails on the way, the transfer ends without its last chunk.
    """

    access = {"get": READ}
    content_negotiation_class = _AnyAnswer

    @extend_schema(
        operation_id="logs_export",
        parameters=[
            *LOG_FILTERS,
            OpenApiParameter(
                "query", str, description="A log query in LogQL, beside the filters."
            ),
            OpenApiParameter(
                "format", str, enum=list(FORMATS), description="ndjson by default."
            ),
            OpenApiParameter(
                "limit",
                int,
                description=f"1 to {MAX_EXPORTED}, which is the default.",
            ),
        ],
        responses={
            (200, each.content_type.partition(";")[0]): bytes
            for each in FORMATS.values()
        },
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        given = request.query_params
        refuse_unknown(given, LOG_PARAMETERS | {"query", "format", "limit"})
        form = _format(given.get("format") or "ndjson")
        most = whole_number(
            given, "limit", default=MAX_EXPORTED, least=1, most=MAX_EXPORTED
        )
        # The page's limit is another one than that of a file.
        filters = {name: value for name, value in given.items() if name != "limit"}
        wanted = log_query(filters, now=timezone.now())
        search = _search(wanted, given.get("query", ""))
        try:
            pieces = export(
                self.scope,
                search,
                form,
                start_ns=wanted.start_ns,
                end_ns=wanted.end_ns,
                most=most,
            )
        except (LogQLError, TooMuchDataError) as error:
            raise ValidationError({"query": [str(error)]}) from None
        return download(
            request._request,  # noqa: SLF001 - DRF wraps Django's request
            pieces,
            filename=f"logs.{form.suffix}",
            content_type=form.content_type,
        )


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise ValidationError({"format": [f"Use one of {', '.join(FORMATS)}."]})
    return FORMATS[name]


def _search(wanted: LogQuery, query: str) -> Search:
    chosen = {"matchers": wanted.matchers, "levels": wanted.levels}
    words = compile_words(wanted.contains, **chosen)  # type: ignore[arg-type]
    if not query:
        return words
    if wanted.contains:
        raise ValidationError({"contains": ['Write it into the query, as |= "text".']})
    try:
        search = compile_logql(query[:_MAX_QUERY], **chosen)  # type: ignore[arg-type]
    except LogQLError as error:
        raise ValidationError({"query": [str(error)]}) from None
    if search.metric is not None:
        raise ValidationError({"query": ["Only lines can be exported: a log query."]})
    return search
