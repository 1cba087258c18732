"""Splunk's HTTP Event Collector: its addresses, its codes."""

from __future__ import annotations

from typing import Any

from sources.ingest.credentials import basic, bearer, parameter, scheme
from sources.ingest.door import Door, Push, Taken
from sources.ingest.refusals import Answer, Headers, RefusedError
from sources.protocols import splunk_hec
from sources.protocols.splunk_hec import Code, EventError, Events

# What the edge's own refusals are called here; any other keeps its status.
_CODES = {
    401: Code.INVALID_TOKEN,
    403: Code.INVALID_TOKEN,
    429: Code.BUSY,
    503: Code.BUSY,
    500: Code.INTERNAL_ERROR,
}


def _answer(code: Code, **more: Any) -> Answer:
    return Answer.json(code.status, {"text": code.text, "code": code.number, **more})


def _refuse(error: RefusedError, headers: Headers) -> Answer:
    code = _CODES.get(error.status, Code.INVALID_FORMAT)
    if error.status == 401 and not headers.get("authorization"):  # noqa: PLR2004 - HTTP
        code = Code.TOKEN_REQUIRED
    status = error.status if code is not Code.INVALID_TOKEN else code.status
    body = {"text": code.text, "code": code.number, "detail": error.detail}
    return Answer.json(status, body, error.headers)


# --- Events ---------------------------------------------------------------------------


def _take_events(push: Push) -> Taken:
    try:
        events = splunk_hec.decode_events(push.body, push.log_terms())
    except EventError as error:
        return Taken(_answer(error.code, detail=str(error)))
    rejected = len(events.decoded.rejected)
    return Taken(
        _answer_to(events),
        (events.decoded.batch,),
        events.decoded.size,
        rejected,
        str(events.fault or ""),
    )


def _answer_to(events: Events) -> Answer:
    """The events before and behind the one that is named are taken."""
    if events.fault is None:
        return _answer(Code.SUCCESS)
    return _answer(
        events.fault.code,
        **{"invalid-event-number": events.place},
        detail=str(events.fault),
    )


def _take_raw(push: Push) -> Taken:
    said = push.request.parameters
    try:
        decoded = splunk_hec.decode_raw(push.body, push.log_terms(), said)
    except EventError as error:
        return Taken(_answer(error.code, detail=str(error)))
    if not decoded.rejected:
        return Taken(_answer(Code.SUCCESS), (decoded.batch,), decoded.size)
    first = decoded.rejected[0]
    number = {"invalid-event-number": first.index}
    answer = _answer(Code.INVALID_FORMAT, **number, detail=first.error)
    rejected = len(decoded.rejected)
    return Taken(answer, (decoded.batch,), decoded.size, rejected, first.error)


# --- What senders ask -----------------------------------------------------------------


def _say_healthy(_push: Push) -> Taken:
    return Taken(_answer(Code.HEALTHY))


def _say_no_ack(_push: Push) -> Taken:
    return Taken(_answer(Code.ACK_DISABLED))


_CREDENTIALS = (scheme("Splunk"), bearer, basic, parameter("token"))
_BASE = r"/services/collector"


def _door(path: str, take: Any, **more: Any) -> Door:
    return Door(
        path,
        take,
        refuse=_refuse,
        credentials=_CREDENTIALS,
        challenge="Splunk",
        **more,
    )


DOORS = (
    _door(rf"{_BASE}(?:/event(?:/1\.0)?)?/?", _take_events),
    _door(rf"{_BASE}/raw(?:/1\.0)?/?", _take_raw),
    _door(
        rf"{_BASE}/health(?:/1\.0)?/?",
        _say_healthy,
        methods=frozenset({"GET", "HEAD"}),
        open=True,
    ),
    _door(f"{_BASE}/ack", _say_no_ack),
)
