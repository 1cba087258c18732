"""Loki's push, answered as Loki answers: 204, or plain text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sources.ingest.bodies import ENCODINGS
from sources.ingest.door import Door, Push, Taken
from sources.ingest.refusals import Answer, Headers, RefusedError
from sources.protocols import Rejection, loki_push

_JSON = "application/json"
# Answers stay short: further reasons are counted.
_MOST_TOLD = 10


def _is_json(headers: Headers) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == _JSON


def _encoding(headers: Headers) -> str:
    """A protobuf push is packed with snappy, whether it says so or not."""
    said = headers.get("content-encoding", "").strip().lower()
    if _is_json(headers):
        return said or "identity"
    return said or "snappy"


def _take(push: Push) -> Taken:
    """As in Loki, one entry beyond a limit makes a 400, and the others are stored."""
    json = _is_json(push.request.headers)
    decode = loki_push.decode_json if json else loki_push.decode_protobuf
    try:
        decoded = decode(push.body, push.log_terms())
    except loki_push.NoStreamsError as error:
        raise RefusedError(422, "no_streams", str(error)) from None
    rejected = decoded.rejected
    problem = _told(rejected)
    answer = Answer.text(400, f"{problem}\n") if rejected else Answer(204)
    return Taken(answer, (decoded.batch,), decoded.size, len(rejected), problem)


def _told(rejected: Sequence[Rejection]) -> str:
    """Return each reason once, with the number of its entries."""
    reasons = Counter(rejection.error for rejection in rejected)
    told = [
        reason if count == 1 else f"{reason} ({count} entries)"
        for reason, count in reasons.most_common(_MOST_TOLD)
    ]
    if len(reasons) > len(told):
        told.append(f"{len(reasons) - len(told)} more reasons")
    return "\n".join(told)


def _refuse(error: RefusedError, headers: Headers) -> Answer:
    if "|" in headers.get("x-scope-orgid", ""):
        return Answer.text(400, "multiple org IDs present\n")
    return Answer.text(error.status, f"{error.detail}\n", error.headers)


DOORS = (
    Door(
        "/loki/api/v1/push",
        _take,
        refuse=_refuse,
        encoding=_encoding,
        encodings=(*ENCODINGS, "snappy"),
        quick=True,
    ),
)
