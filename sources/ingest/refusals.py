"""Answers of the edge: the API's one error shape, and what each refusal is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import orjson
from typing_extensions import override

from accounts.services.believed import RefusalError

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back; without content there is no Content-Type either."""

    status: int
    content: bytes = b""
    content_type: str = "application/json"
    headers: Headers = field(default_factory=dict)

    @classmethod
    def json(
        cls, status: int, body: Mapping[str, Any], headers: Headers | None = None
    ) -> Answer:
        return cls(status, orjson.dumps(body), headers=headers or {})

    @classmethod
    def text(cls, status: int, text: str, headers: Headers | None = None) -> Answer:
        return cls(status, text.encode(), "text/plain; charset=utf-8", headers or {})


class RefusedError(RefusalError):
    """A request that is not taken; `detail` says what to mend."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Headers | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.headers, self.extra = headers or {}, extra or {}

    @override
    def again(self) -> Self:
        return type(self)(
            self.status,
            self.code,
            self.detail,
            headers=self.headers,
            extra=self.extra,
        )

    def answer(self) -> Answer:
        error = {"code": self.code, "detail": self.detail}
        body = {"error": error, **self.extra}
        return Answer.json(self.status, body, self.headers)


def malformed(detail: str, extra: Mapping[str, Any] | None = None) -> RefusedError:
    return RefusedError(400, "malformed_body", detail, extra=extra)


def unauthenticated(detail: str, challenge: str = 'Bearer realm="api"') -> RefusedError:
    asked = {"WWW-Authenticate": challenge}
    return RefusedError(401, "not_authenticated", detail, headers=asked)


def too_large(limit: int) -> RefusedError:
    return RefusedError(
        413,
        "body_too_large",
        f"A body may have {limit} bytes, before and after decompression: send less at "
        "a time.",
    )


def busy(seconds: int) -> RefusedError:
    return RefusedError(
        429,
        "backlog_full",
        "Too much waits to be stored already; nothing of this request was taken. "
        f"Send it again in {seconds} s.",
        headers={"Retry-After": str(seconds)},
    )


def over_the_limit(seconds: int) -> RefusedError:
    return RefusedError(
        429,
        "rate_limited",
        "The source brings more than its rate limit; nothing of this request was "
        f"taken. Send it again in {seconds} s.",
        headers={"Retry-After": str(seconds)},
    )


def unavailable() -> RefusedError:
    return RefusedError(
        503,
        "database_unavailable",
        "The database is away; nothing of this request was taken. Send it again.",
        headers={"Retry-After": "2"},
    )


def overloaded() -> RefusedError:
    return RefusedError(
        503,
        "overloaded",
        "Too many bodies are on their way in at once; nothing of this request was "
        "taken. Send it again.",
        headers={"Retry-After": "1"},
    )
