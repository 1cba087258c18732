"""OTLP's log records to a LogBatch: resources become streams, as Loki does it.

Attributes have their names as labels and fields have them: `service.name` is
`service_name`. What does not name the origin of many lines is a field.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from monitoring.telemetry import Level, LogBatch
from sources.protocols import Decoded, Terms, otlp, otlp_json_logs
from sources.protocols.log_rows import LogRows, label_name, level_or_none
from sources.protocols.otlp_json_logs import Attribute, OtherShapeError, Record, Scope

# Loki's default_resource_attributes_as_index_labels.
_LABELS = frozenset(
    {
        "service.name",
        "service.namespace",
        "service.instance.id",
        "deployment.environment",
        "deployment.environment.name",
        "cloud.region",
        "cloud.availability_zone",
        "k8s.cluster.name",
        "k8s.namespace.name",
        "k8s.pod.name",
        "k8s.container.name",
        "container.name",
        "k8s.replicaset.name",
        "k8s.deployment.name",
        "k8s.statefulset.name",
        "k8s.daemonset.name",
        "k8s.cronjob.name",
        "k8s.job.name",
    }
)
_SERVICE = "service_name"
_UNKNOWN_SERVICE = "unknown_service"
_MOST_NS = 2**63 - 1
# Answers stay short: the first few reasons tell what is wrong.
_MOST_TOLD = 5


def decode(body: bytes, encoding: str, terms: Terms) -> Decoded[LogBatch]:
    """`encoding` is otlp.PROTOBUF or otlp.JSON. Raises MalformedBodyError."""
    rows = LogRows(terms)
    place = 0
    for scope in _scopes(body, encoding):
        labels, resource = _resource(scope.resource)
        common = {**resource, **_scope(scope)}
        for record in scope.records:
            _add(rows, place, record, labels, common)
            place += 1
    return rows.decoded()


def _scopes(body: bytes, encoding: str) -> list[Scope]:
    if encoding == otlp.JSON:
        try:
            return otlp_json_logs.read(body)
        except OtherShapeError:
            pass
    request = otlp.parse(body, encoding, ExportLogsServiceRequest)
    return [
        Scope(
            _attributes(resource_logs.resource.attributes),
            scope_logs.scope.name,
            scope_logs.scope.version,
            _attributes(scope_logs.scope.attributes),
            [_record(record) for record in scope_logs.log_records],
        )
        for resource_logs in request.resource_logs
        for scope_logs in resource_logs.scope_logs
    ]


def _attributes(attributes: Any) -> list[Attribute]:
    return [Attribute(pair.key, otlp.text_of(pair.value)) for pair in attributes]


def _record(record: Any) -> Record:
    return Record(
        record.time_unix_nano,
        record.observed_time_unix_nano,
        record.severity_number,
        record.severity_text,
        otlp.text_of(record.body),
        _attributes(record.attributes),
        record.trace_id.hex(),
        record.span_id.hex(),
        record.event_name,
    )


def response(decoded: Decoded[LogBatch]) -> ExportLogsServiceResponse:
    """Say how many records were not taken, and why; nothing, when all were."""
    answer = ExportLogsServiceResponse()
    if decoded.rejected:
        told = dict.fromkeys(
            f"record {r.index}: {r.error}" for r in decoded.rejected[:_MOST_TOLD]
        )
        answer.partial_success.rejected_log_records = len(decoded.rejected)
        answer.partial_success.error_message = "; ".join(told)
    return answer


def _resource(
    attributes: Sequence[Attribute],
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the labels and the fields of a resource."""
    labels: dict[str, str] = {}
    fields: dict[str, str] = {}
    for pair in attributes:
        kept = labels if pair.key in _LABELS else fields
        kept[label_name(pair.key)] = pair.text
    if not labels.get(_SERVICE):
        labels[_SERVICE] = _UNKNOWN_SERVICE
    return labels, fields


def _scope(scope: Scope) -> dict[str, str]:
    fields = {"scope_name": scope.name, "scope_version": scope.version}
    fields |= _texts(scope.attributes)
    return {name: text for name, text in fields.items() if text}


def _texts(attributes: Sequence[Attribute]) -> dict[str, str]:
    return {label_name(pair.key): pair.text for pair in attributes}


def _add(
    rows: LogRows,
    place: int,
    record: Record,
    labels: dict[str, str],
    common: dict[str, str],
) -> None:
    time_ns = record.time_ns or record.observed_ns or None
    if time_ns is not None and time_ns > _MOST_NS:
        rows.reject(place, f"timeUnixNano {time_ns} is out of range")
        return
    fields = {**common, **_texts(record.attributes), **_identity(record)}
    line = record.body or record.event_name
    level = _level(record.severity, record.severity_text)
    rows.add(place, line, time_ns=time_ns, level=level, labels=labels, fields=fields)


def _identity(record: Record) -> dict[str, str]:
    """Return what tells the record's trace and event; the words of Loki."""
    fields = {
        "trace_id": record.trace_id,
        "span_id": record.span_id,
        "severity_text": record.severity_text,
        "event_name": record.event_name,
    }
    return {name: text for name, text in fields.items() if text}


def _level(number: int, text: str) -> Level | None:
    """Four numbers a level, from 1 (TRACE) to 24 (FATAL4)."""
    if 1 <= number <= 24:  # noqa: PLR2004 - as the specification counts
        return Level((number - 1) // 4 + 1)
    return level_or_none(text)
