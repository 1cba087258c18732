"""Loki's answers: JSON with or without an envelope, and complaints as plain text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

from monitoring.api.prometheus.envelope import compressed


class LokiError(Exception):
    """An answer that says why there is none."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def bad_request(message: str) -> LokiError:
    return LokiError(400, message)


def success(request: HttpRequest, data: Iterable[bytes]) -> HttpResponse:
    """Return an answer whose `data` is already JSON, in pieces."""
    body = [b'{"status":"success","data":', *data, b"}"]
    return compressed(request, b"".join(body))


def plain_success(request: HttpRequest, data: Any) -> HttpResponse:
    return success(request, [orjson.dumps(data)])


def bare(request: HttpRequest, document: Any) -> HttpResponse:
    """Return what Loki gives without its envelope."""
    return compressed(request, orjson.dumps(document))


def refusal(status: int, message: str) -> HttpResponse:
    # What a client sent may hold halves of surrogate pairs.
    text = message.encode(errors="replace").decode()
    return HttpResponse(
        f"{text}\n",
        status=status,
        content_type="text/plain; charset=utf-8",
        headers={"X-Content-Type-Options": "nosniff"},
    )
