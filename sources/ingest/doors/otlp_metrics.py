"""OTLP over HTTP for metrics: at the SDKs' default path, Loki's base and Prometheus's."""

from __future__ import annotations

from sources.ingest import otlp as answers
from sources.ingest.door import Door, Push, Taken
from sources.protocols import otlp_metrics

PATHS = (
    "/v1/metrics",
    "/otlp/v1/metrics",
    "/api/v1/otlp/v1/metrics",
    "/prometheus/api/v1/otlp/v1/metrics",
)


def _take(push: Push) -> Taken:
    encoding = answers.request_encoding(push.request.headers)
    found = otlp_metrics.decode(push.body, encoding, push.sample_terms())
    answer = answers.accepted(otlp_metrics.response(found), encoding)
    problems = found.problems
    return Taken(answer, found.batches, found.size, problems.samples, problems.text)


DOORS = tuple(Door(path, _take, refuse=answers.refuse) for path in PATHS)
