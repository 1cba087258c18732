"""OTLP over HTTP for logs, at the SDKs' default path and at Loki's."""

from __future__ import annotations

from sources.ingest import otlp as answers
from sources.ingest.door import Door, Push, Taken
from sources.protocols import otlp_logs


def _take(push: Push) -> Taken:
    encoding = answers.request_encoding(push.request.headers)
    decoded = otlp_logs.decode(push.body, encoding, push.log_terms())
    answer = answers.accepted(otlp_logs.response(decoded), encoding)
    problem = decoded.rejected[0].error if decoded.rejected else ""
    return Taken(answer, (decoded.batch,), decoded.size, len(decoded.rejected), problem)


DOORS = tuple(
    Door(path, _take, refuse=answers.refuse) for path in ("/v1/logs", "/otlp/v1/logs")
)
