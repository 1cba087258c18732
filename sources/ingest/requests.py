"""What a push request says besides its body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from sources.ingest.refusals import RefusedError

_MAX_KEY = 128
_MAX_PARAMETERS = 100


@dataclass(frozen=True, slots=True)
class PushRequest:
    """`headers` have lower-case names; of a parameter given twice the last counts.

    `groups` are those of the door's path. `path` is as it was sent, percent-decoded.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    parameters: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_asgi(
        cls, scope: Mapping[str, Any], groups: Mapping[str, str] | None = None
    ) -> PushRequest:
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        query = scope.get("query_string", b"").decode("latin-1")
        pairs = parse_qsl(query, keep_blank_values=True)[:_MAX_PARAMETERS]
        return cls(scope["method"], scope["path"], headers, dict(pairs), groups or {})

    @property
    def organization_slug(self) -> str | None:
        return self.headers.get("x-scope-orgid") or None

    @property
    def source(self) -> str | None:
        """The push source that is meant: by parameter or, where a sender can set
        only headers, by one of those."""
        named = self.parameters.get("source")
        return named if named is not None else self.headers.get("x-vedette-source")

    def check_parameters(self, known: frozenset[str]) -> None:
        """Raises RefusedError."""
        unknown = sorted(self.parameters.keys() - known)
        if unknown:
            raise RefusedError(
                400,
                "unknown_parameter",
                f"There is no parameter {unknown[0][:60]!r}: only "
                f"{', '.join(sorted(known))}.",
            )

    def idempotency_key(self) -> str | None:
        """Raises RefusedError."""
        key = self.headers.get("idempotency-key")
        if key is None:
            return None
        if not (0 < len(key) <= _MAX_KEY and key.isascii() and key.isprintable()):
            raise RefusedError(
                400,
                "invalid_idempotency_key",
                f"Idempotency-Key has 1 to {_MAX_KEY} printable ASCII characters.",
            )
        return key
