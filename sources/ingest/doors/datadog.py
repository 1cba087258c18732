"""Datadog's log intake: that of its agents, and the older one."""

from __future__ import annotations

from sources.ingest.credentials import basic, bearer, header, parameter
from sources.ingest.door import Door, Push, Taken
from sources.ingest.refusals import Answer, Headers, RefusedError
from sources.protocols import datadog


def _take(push: Push) -> Taken:
    """What is taken is not said again: a bad record is named in a 400."""
    said = push.request.headers.get("content-type", "").partition(";")[0].strip()
    decode = datadog.decode_text if said.startswith("text/") else datadog.decode
    decoded = decode(push.body, push.log_terms())
    if not decoded.rejected:
        return Taken(Answer.json(202, {}), (decoded.batch,), decoded.size)
    first = decoded.rejected[0]
    detail = f"record {first.index}: {first.error}"
    return Taken(
        _errors(400, detail),
        (decoded.batch,),
        decoded.size,
        len(decoded.rejected),
        detail,
    )


def _errors(status: int, detail: str, headers: Headers | None = None) -> Answer:
    error = {"status": str(status), "detail": detail}
    return Answer.json(status, {"errors": [error]}, headers)


def _refuse(error: RefusedError, _headers: Headers) -> Answer:
    # Datadog's word for a key that is unknown.
    status = 403 if error.status == 401 else error.status  # noqa: PLR2004 - HTTP
    return _errors(status, error.detail, error.headers)


DOORS = tuple(
    Door(
        path,
        _take,
        refuse=_refuse,
        credentials=(header("DD-API-KEY"), bearer, basic, parameter("dd-api-key")),
    )
    for path in ("/api/v2/logs", "/v1/input", "/api/v1/input")
)
