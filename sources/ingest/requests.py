"""What a push request says besides its body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from sources.ingest.refusals import RefusedError

_MAX_KEY = 128


@dataclass(frozen=True, slots=True)
class PushRequest:
    """`headers` have lower-case names."""

    path: str
    headers: Mapping[str, str]
    source: str | None
    idempotency_key: str | None

    @classmethod
    def of_asgi(cls, scope: Mapping[str, Any]) -> PushRequest:
        """Raises RefusedError."""
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        return cls(
            scope["path"],
            headers,
            _source(scope.get("query_string", b"")),
            _key(headers.get("idempotency-key")),
        )

    @property
    def organization_slug(self) -> str | None:
        return self.headers.get("x-scope-orgid") or None


def _source(query: bytes) -> str | None:
    pairs = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    unknown = sorted(pairs.keys() - {"source"})
    if unknown:
        raise RefusedError(
            400,
            "unknown_parameter",
            f"There is no parameter {unknown[0][:60]!r}: only source.",
        )
    return pairs.get("source")


def _key(key: str | None) -> str | None:
    if key is None:
        return None
    if not (0 < len(key) <= _MAX_KEY and key.isascii() and key.isprintable()):
        raise RefusedError(
            400,
            "invalid_idempotency_key",
            f"Idempotency-Key has 1 to {_MAX_KEY} printable ASCII characters.",
        )
    return key
