"""InfluxDB's write API, versions 1 and 2, as Telegraf and its clients speak it."""

from __future__ import annotations

from sources.ingest.credentials import basic, bearer, parameter, scheme
from sources.ingest.door import Door, Push, Taken
from sources.ingest.refusals import Answer, Headers, RefusedError
from sources.protocols import influx

# Influx's words for what is wrong, by status; anything else is an internal error.
_CODES = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not found",
    405: "method not allowed",
    409: "conflict",
    413: "request too large",
    415: "unsupported media type",
    429: "too many requests",
    503: "unavailable",
}
# Lines that are told one by one; the others are counted.
_MOST_TOLD = 10


def _take(push: Push) -> Taken:
    unit_ns = _unit_ns(push.request.parameters.get("precision") or "ns")
    decoded = influx.decode(push.body, push.sample_terms(), unit_ns=unit_ns)
    rejected = decoded.rejected
    if not rejected:
        return Taken(Answer(204), (decoded.batch,), decoded.size)
    told = "\n".join(one.error for one in rejected[:_MOST_TOLD])
    more = len(rejected) - _MOST_TOLD
    text = f"partial write: {told}" + (f"\nand {more} more" if more > 0 else "")
    return Taken(
        _error(400, text),
        (decoded.batch,),
        decoded.size,
        len(rejected),
        rejected[0].error,
    )


def _unit_ns(precision: str) -> int:
    """Raises RefusedError."""
    if precision not in influx.PRECISIONS:
        raise RefusedError(
            400,
            "invalid_precision",
            f"invalid precision {precision[:20]!r}: use ns, us, ms or s",
        )
    return influx.PRECISIONS[precision]


def _refuse(error: RefusedError, _headers: Headers) -> Answer:
    return _error(error.status, error.detail, error.headers)


def _error(status: int, text: str, headers: Headers | None = None) -> Answer:
    """Version 1 of Influx reads `error`, version 2 `code` and `message`."""
    code = _CODES.get(status, "internal error")
    body = {"code": code, "message": text, "error": text}
    return Answer.json(status, body, headers)


DOORS = tuple(
    Door(
        path,
        _take,
        refuse=_refuse,
        # Version 2 says Token; clients of version 1 put a password into the address.
        credentials=(scheme("Token"), bearer, basic, parameter("p")),
    )
    for path in ("/api/v2/write", "/write")
)
