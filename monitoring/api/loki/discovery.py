"""What there is to query: labels, series, and the fields of lines."""

from __future__ import annotations

import re
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from typing_extensions import override

from monitoring.api.loki import parameters as read
from monitoring.api.loki.base import LokiAPI
from monitoring.api.loki.envelope import bare, plain_success
from monitoring.api.loki.parameters import Bounds
from monitoring.api.prometheus.parameters import Parameters
from monitoring.labels import Matcher
from monitoring.services import log_fields, log_index, logql_queries, patterns
from monitoring.services.patterns import PatternQuery

# Where the start is not said, labels are sought in so much.
LABELS_SINCE = timedelta(hours=6)
MAX_LINES = 100_000

# Values that tell single things apart say nothing of a stream.
_IDS = re.compile(
    r"-?\d+(\.\d+)?|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII
)
_ALWAYS_SHOWN = frozenset({"cluster", "namespace", "instance", "pod"})
_MOST_VALUES = 50


class LabelsAPI(LokiAPI):
    """/labels: the names of labels."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        at = read.bounds(parameters, timezone.now(), since=LABELS_SINCE)
        wanted = read.selectors(parameters, "query")
        found = log_index.label_names(self.scope, wanted, at.start_ns, at.end_ns)
        return _texts(request, found)


class LabelValuesAPI(LokiAPI):
    """/label/<name>/values: what a label may say."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        at = read.bounds(parameters, timezone.now(), since=LABELS_SINCE)
        found = log_index.label_values(
            self.scope,
            path["label"],
            read.selectors(parameters, "query"),
            at.start_ns,
            at.end_ns,
        )
        return _texts(request, found)


class SeriesAPI(LokiAPI):
    """/series: the label sets of streams."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        at = read.bounds(parameters, timezone.now())
        wanted = read.selectors(parameters, "match[]", "match")
        found = log_index.streams_in(self.scope, wanted, at.start_ns, at.end_ns)
        # Two teams' streams may be called the same.
        distinct = {tuple(sorted(labels.items())) for labels in found}
        return plain_success(request, [dict(pairs) for pairs in sorted(distinct)])


class DetectedLabelsAPI(LokiAPI):
    """/detected_labels: those labels that are good to choose streams by."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        at, wanted = _selection(parameters)
        found = log_index.values_by_label(self.scope, wanted, at.start_ns, at.end_ns)
        shown = [
            {"label": name, "cardinality": len(values)}
            for name, values in sorted(found.items())
            if name in _ALWAYS_SHOWN or _tells_streams_apart(values)
        ]
        return bare(request, {"detectedLabels": shown})


class DetectedFieldsAPI(LokiAPI):
    """/detected_fields: what parsers would find in the lines of a query."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        limit = _field_limit(parameters)
        found = log_fields.detect(self.scope, _sample(parameters))
        fields = [
            {
                "label": one.name,
                "type": one.type,
                "cardinality": len(one.values),
                "parsers": one.parsers or None,
            }
            for one in found[:limit]
        ]
        return bare(request, {"fields": fields, "limit": limit})


class DetectedFieldValuesAPI(LokiAPI):
    """/detected_field/<name>/values: what one of those fields says."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        limit = _field_limit(parameters)
        found = log_fields.detect(self.scope, _sample(parameters))
        values = next((one.values for one in found if one.name == path["label"]), {})
        return bare(request, {"values": sorted(values)[:limit], "limit": limit})


class PatternsAPI(LokiAPI):
    """/patterns: templates of lines, and how many lines each has over time.

    Of the query only its labels count.
    """

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        selected = logql_queries.log_selector(parameters.text("query"))
        at = read.query_bounds(parameters, timezone.now())
        query = PatternQuery(
            selected.matchers, at.start_ns, at.end_ns, read.step_ns(parameters, at)
        )
        found = patterns.find(self.scope, query)
        starts = range(
            found.start_ns // read.SECOND, 2**63, found.step_ns // read.SECOND
        )
        return plain_success(
            request,
            [
                {
                    "pattern": one.template,
                    "level": one.level.word,
                    "samples": [
                        pair
                        for pair in zip(starts, one.counts, strict=False)
                        if pair[1]
                    ],
                }
                for one in found.patterns
            ],
        )


def _texts(request: HttpRequest, found: list[str]) -> HttpResponse:
    # Loki leaves an empty list out.
    if not found:
        return bare(request, {"status": "success"})
    return plain_success(request, found)


def _selection(parameters: Parameters) -> tuple[Bounds, list[tuple[Matcher, ...]]]:
    at = read.bounds(parameters, timezone.now())
    return at, read.selectors(parameters, "query")


def _tells_streams_apart(values: set[str]) -> bool:
    few = len(values) <= _MOST_VALUES
    return few and not all(_IDS.fullmatch(value) for value in values)


def _field_limit(parameters: Parameters) -> int:
    return read.limit(parameters, usual=1000)


def _sample(parameters: Parameters) -> log_fields.Sample:
    text = parameters.text("query")
    logql_queries.log_selector(text)
    at = read.query_bounds(parameters, timezone.now())
    lines = read.limit(parameters, name="line_limit", usual=1000)
    return log_fields.Sample(text, at.start_ns, at.end_ns, min(lines, MAX_LINES))
