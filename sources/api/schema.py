"""The two pushes in the OpenAPI document: the ingest edge takes them before DRF."""

from __future__ import annotations

from typing import Any

from monitoring.telemetry import LEVEL_WORDS, MetricType

_TIME = {
    "description": "RFC 3339, or seconds to nanoseconds since the epoch.",
    "oneOf": [{"type": "string"}, {"type": "number"}],
}
_LABELS = {"type": "object", "additionalProperties": {"type": "string"}}
_LINE = {
    "type": "object",
    "required": ["line"],
    "additionalProperties": False,
    "properties": {
        "timestamp": _TIME,
        "line": {"type": "string"},
        "level": {"type": "string", "example": LEVEL_WORDS[3]},
        "labels": _LABELS,
        "fields": {"type": "object", "additionalProperties": {}},
    },
}
_METRIC = {
    "type": "object",
    "required": ["name", "value"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 255},
        "value": {
            "oneOf": [
                {"type": "number"},
                {"type": "string", "enum": ["NaN", "+Inf", "-Inf"]},
            ]
        },
        "timestamp": _TIME,
        "labels": _LABELS,
        "type": {"type": "string", "enum": [kind.value for kind in MetricType]},
        "unit": {"type": "string", "maxLength": 50},
    },
}
_METRICS = {
    "type": "object",
    "required": ["metrics"],
    "properties": {"metrics": {"type": "array", "minItems": 1, "items": _METRIC}},
}
_REJECTION = {
    "type": "object",
    "properties": {"index": {"type": "integer"}, "error": {"type": "string"}},
}
_ANSWER = {
    "type": "object",
    "required": ["accepted", "rejected"],
    "properties": {
        "accepted": {"type": "integer"},
        "rejected": {"type": "array", "items": _REJECTION},
    },
}
_REFUSALS = {
    "400": "Nothing of the body can be taken.",
    "401": "There is no good token.",
    "403": "The token lacks the permission “ingest”.",
    "404": "There is no such source or organization.",
    "409": "The source takes no pushes.",
    "413": "The body is too large.",
    "415": "The Content-Encoding is not supported.",
    "422": "The Idempotency-Key was used for another body.",
    "429": "Too much waits: see Retry-After.",
    "503": "The database is away: see Retry-After.",
}
_PARAMETERS = [
    {
        "in": "query",
        "name": "source",
        "schema": {"type": "string"},
        "description": "Name of a push source.",
    },
    {
        "in": "header",
        "name": "Idempotency-Key",
        "schema": {"type": "string", "maxLength": 128},
        "description": "A repetition with the same key is answered, not stored again.",
    },
]


def add_pushes(
    result: dict[str, Any],
    generator: Any,
    request: Any,
    public: bool,  # noqa: FBT001 - the hook's signature
) -> dict[str, Any]:
    """Postprocessing hook of drf-spectacular."""
    logs = {"application/x-ndjson": {"schema": _LINE}}
    metrics = {"application/json": {"schema": _METRICS}}
    _add(result, "/api/v1/logs", "logs_push", "Send log lines.", logs)
    _add(result, "/api/v1/metrics", "metrics_push", "Send samples.", metrics)
    return result


def _add(
    result: dict[str, Any],
    path: str,
    operation_id: str,
    description: str,
    content: dict[str, Any],
) -> None:
    schemes = list(result.get("components", {}).get("securitySchemes", {}))
    taken = {"application/json": {"schema": _ANSWER}}
    result["paths"].setdefault(path, {})["post"] = {
        "operationId": operation_id,
        "description": description,
        "tags": [path.split("/")[3]],
        "parameters": _PARAMETERS,
        "requestBody": {"required": True, "content": content},
        "security": [{scheme: []} for scheme in schemes],
        "responses": {
            "202": {"description": "Safely stored.", "content": taken},
            **{code: {"description": text} for code, text in _REFUSALS.items()},
        },
    }
