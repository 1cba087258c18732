"""Prometheus's envelope around every answer, good or bad."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

# Smaller answers travel in one packet anyway.
MIN_GZIPPED_BYTES = 1400

# Prometheus tells no more of a kind.
MAX_ANNOTATIONS = 10


class ErrorType(Enum):
    """Prometheus's words for what went wrong; three of them are ours."""

    BAD_DATA = ("bad_data", 400)
    UNAUTHORIZED = ("unauthorized", 401)
    FORBIDDEN = ("forbidden", 403)
    NOT_FOUND = ("not_found", 404)
    EXECUTION = ("execution", 422)
    CANCELED = ("canceled", 499)
    INTERNAL = ("internal", 500)
    TIMEOUT = ("timeout", 503)
    UNAVAILABLE = ("unavailable", 503)

    def __init__(self, word: str, status: int) -> None:
        self.word = word
        self.status = status


class PrometheusError(Exception):
    """An answer that says why there is none."""

    def __init__(self, kind: ErrorType, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def bad_parameter(name: str, problem: object) -> PrometheusError:
    return PrometheusError(ErrorType.BAD_DATA, f'invalid parameter "{name}": {problem}')


def success(
    request: HttpRequest,
    data: Iterable[bytes],
    *,
    warnings: Sequence[str] = (),
    infos: Sequence[str] = (),
) -> HttpResponse:
    """Return an answer whose `data` is already JSON, in pieces."""
    body = [b'{"status":"success","data":', *data]
    for name, notes in (("warning", warnings), ("info", infos)):
        if notes:
            body += [b',"', name.encode(), b's":', orjson.dumps(_few(notes, name))]
    body.append(b"}")
    return compressed(request, b"".join(body))


def plain_success(
    request: HttpRequest, data: Any, *, warnings: Sequence[str] = ()
) -> HttpResponse:
    return success(request, [orjson.dumps(data)], warnings=warnings)


def failure(
    kind: ErrorType, message: str, *, status: int | None = None
) -> HttpResponse:
    body = {"status": "error", "errorType": kind.word, "error": message}
    return HttpResponse(
        # What a client sent may hold halves of surrogate pairs.
        orjson.dumps({k: v.encode(errors="replace").decode() for k, v in body.items()}),
        status=status or kind.status,
        content_type="application/json",
    )


def _few(notes: Sequence[str], noun: str) -> list[str]:
    left_out = len(notes) - MAX_ANNOTATIONS
    if left_out <= 0:
        return list(notes)
    return [
        *notes[:MAX_ANNOTATIONS],
        f"{left_out} more {noun} annotations omitted",
    ]


def compressed(request: HttpRequest, body: bytes) -> HttpResponse:
    headers = {"Vary": "Accept-Encoding"}
    if len(body) >= MIN_GZIPPED_BYTES and _takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, compresslevel=1, mtime=0)
    return HttpResponse(body, content_type="application/json", headers=headers)


def _takes_gzip(request: HttpRequest) -> bool:
    for offer in request.headers.get("Accept-Encoding", "").split(","):
        coding, _, quality = offer.partition(";")
        if coding.strip().lower() == "gzip":
            return quality.replace(" ", "").lower() not in {"q=0", "q=0.0", "q=0.00"}
    return False
