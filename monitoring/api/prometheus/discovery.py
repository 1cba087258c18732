"""What there is to query: series, labels and what metrics are."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from typing_extensions import override

from monitoring.api.prometheus.base import PrometheusAPI, ReadOnlyAPI
from monitoring.api.prometheus.envelope import (
    ErrorType,
    PrometheusError,
    plain_success,
    success,
)
from monitoring.api.prometheus.formatting import TRUNCATED, label_sets_json
from monitoring.api.prometheus.parameters import Parameters
from monitoring.gotemplates.literals import quote
from monitoring.labels import Matcher
from monitoring.promql import TooMuchDataError
from monitoring.services import metadata

_ESCAPED = "U__"
_ESCAPE = re.compile(r"__|_([0-9a-fA-F]{1,6})_")

T = TypeVar("T")


class SeriesAPI(PrometheusAPI):
    """/series: the label sets of the series that match."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        parameters.require_selectors()
        limit, since, selectors = _sought(parameters)
        found = _read(
            lambda: metadata.series_labels(self.scope, selectors, since=since)
        )
        kept, warnings = _limited(found, limit)
        return success(request, [label_sets_json(kept)], warnings=warnings)


class LabelsAPI(PrometheusAPI):
    """/labels: the names of labels."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        limit, since, selectors = _sought(parameters)
        found = _read(lambda: metadata.label_names(self.scope, selectors, since=since))
        kept, warnings = _limited(found, limit)
        return plain_success(request, kept, warnings=warnings)


class LabelValuesAPI(ReadOnlyAPI):
    """/label/<name>/values: what a label may say."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        name = unescaped(_label(request, path["label"]))
        limit, since, selectors = _sought(parameters)
        found = _read(
            lambda: metadata.label_values(self.scope, name, selectors, since=since)
        )
        kept, warnings = _limited(found, limit)
        return plain_success(request, kept, warnings=warnings)


class MetadataAPI(ReadOnlyAPI):
    """/metadata: type, help and unit of metrics."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        limit = _any_number(parameters, "limit")
        _any_number(parameters, "limit_per_metric")
        metric = parameters.text("metric")
        found = list(metadata.metric_metadata(self.scope, metric=metric).items())
        kept = found if limit is None or limit < 0 else found[:limit]
        return plain_success(
            request,
            {
                name: [{"type": one.type.value, "help": one.help, "unit": one.unit}]
                for name, one in kept
            },
        )


def unescaped(name: str) -> str:
    """Return the name that U__http_2e_status stands for: http.status."""
    if not name.startswith(_ESCAPED):
        return name
    try:
        return _ESCAPE.sub(
            lambda found: chr(int(found[1], 16)) if found[1] else "_",
            name.removeprefix(_ESCAPED),
        )
    except ValueError:
        return name


def _label(request: HttpRequest, decoded: str) -> str:
    """Return the name in the path. Raises PrometheusError where it is not UTF-8.

    A server decodes a path before Django, with U+FFFD for what it cannot: which
    may have been sent as well.
    """
    if "\ufffd" not in decoded or not isinstance(request, ASGIRequest):
        return decoded
    sent = unquote_to_bytes(request.scope["raw_path"]).split(b"/")[-2]
    try:
        return sent.decode()
    except UnicodeDecodeError:
        text = quote(sent.decode(errors="surrogateescape"))
        told = text.encode(errors="surrogateescape").decode(errors="backslashreplace")
        problem = f"invalid label name: {told}"
        raise PrometheusError(ErrorType.BAD_DATA, problem) from None


def _sought(
    parameters: Parameters,
) -> tuple[int, datetime | None, list[tuple[Matcher, ...]]]:
    """Return limit, start and selectors; the end is looked at, but all is still here."""
    limit, since = parameters.limit(), parameters.optional_time("start")
    parameters.optional_time("end")
    return limit, since, parameters.selectors()


def _limited(found: list[T], limit: int) -> tuple[list[T], list[str]]:
    if limit == 0 or len(found) <= limit:
        return found, []
    return found[:limit], [TRUNCATED]


def _read(question: Callable[[], T]) -> T:
    try:
        return question()
    except TooMuchDataError as error:
        raise PrometheusError(ErrorType.EXECUTION, str(error)) from None


def _any_number(parameters: Parameters, name: str) -> int | None:
    text = parameters.text(name)
    if not text:
        return None
    if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
        raise PrometheusError(ErrorType.BAD_DATA, f"{name} must be a number")
    return int(text)
