"""Prometheus's remote write, 1.0 and 2.0: what is valid is stored, the rest is named.

Source of the answers: prometheus/storage/remote/write_handler.go and the
specifications of remote write.
"""

from __future__ import annotations

from sources.ingest.door import Door, Push, Taken
from sources.ingest.refusals import Answer, Headers, RefusedError
from sources.protocols import remote_write, remote_write_v2
from sources.protocols.series_rows import Written

PATHS = ("/api/v1/write", "/api/v1/push", "/prometheus/api/v1/write")

_MEDIA_TYPE = "application/x-protobuf"
_V1, _V2 = "prometheus.WriteRequest", "io.prometheus.write.v2.Request"
_DECODERS = {_V1: remote_write.decode, _V2: remote_write_v2.decode}
_SNAPPY = "snappy"


def _take(push: Push) -> Taken:
    decode = _DECODERS[_message(push.request.headers.get("content-type", ""))]
    written = decode(push.body, push.sample_terms())
    problems = written.problems
    return Taken(
        _answer(written),
        (written.batch,),
        written.size,
        problems.samples,
        problems.text,
    )


def _answer(written: Written) -> Answer:
    counts = _counts(written.batch.count, len(written.batch.exemplars))
    if written.problems.count:
        return Answer.text(400, f"{written.problems.text}\n", counts)
    return Answer(204, headers=counts)


def _counts(samples: int, exemplars: int) -> dict[str, str]:
    """A 2.0 sender takes an answer without them for that of a 1.0 receiver."""
    prefix = "X-Prometheus-Remote-Write"
    return {
        f"{prefix}-Samples-Written": str(samples),
        f"{prefix}-Histograms-Written": "0",
        f"{prefix}-Exemplars-Written": str(exemplars),
    }


def _message(content_type: str) -> str:
    """Return the protobuf message that the request says it is. Raises RefusedError."""
    media_type, *parameters = content_type.strip().split(";")
    if content_type and media_type != _MEDIA_TYPE:
        raise _unsupported(
            f"expected {_MEDIA_TYPE} as the first (media) part, got {content_type[:200]}"
            " content-type"
        )
    for parameter in parameters:
        name, equals, value = parameter.strip().partition("=")
        if not equals:
            raise _unsupported(
                "as per https://www.rfc-editor.org/rfc/rfc9110#parameter expected "
                f"parameters to be key-values, got {parameter[:100]} in "
                f"{content_type[:200]} content-type"
            )
        if name == "proto" and value not in _DECODERS:
            raise _unsupported(
                f"got {content_type[:200]} content type; unknown remote write protobuf "
                f"message {value[:100]}, supported: {_V1}, {_V2}"
            )
        if name == "proto":
            return value
    return _V1


def _unsupported(text: str) -> RefusedError:
    return RefusedError(415, "unsupported_media_type", text)


def _judged_encoding(headers: Headers) -> str:
    """Raises RefusedError for a message that would not be read once it is unpacked."""
    _message(headers.get("content-type", ""))
    return _encoding(headers)


def _encoding(headers: Headers) -> str:
    """Early senders of 1.0 do not say that they compress."""
    return headers.get("content-encoding", "").strip().lower() or _SNAPPY


def _refuse(error: RefusedError, headers: Headers) -> Answer:
    """Refuse a full inbox as unavailable: after a 429 Prometheus drops what it sent.

    It sends that again only where its retry_on_http_429 is set, which it is not.
    """
    status = 503 if error.code == "backlog_full" else error.status
    text = error.detail
    if error.code == "unsupported_encoding":
        text = (
            f"{_encoding(headers)[:60]} encoding (compression) is not accepted by this "
            f"server; only {_SNAPPY} is acceptable"
        )
    return Answer.text(status, f"{text}\n", {**error.headers, **_counts(0, 0)})


DOORS = tuple(
    Door(
        path,
        _take,
        refuse=_refuse,
        encodings=(_SNAPPY,),
        encoding=_judged_encoding,
        quick=True,
    )
    for path in PATHS
)
