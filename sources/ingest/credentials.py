"""Where senders put their token. Each returns it, or None when it is not there."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping

from sources.ingest.refusals import Headers

Parameters = Mapping[str, str]


def scheme(name: str) -> Callable[[Headers, Parameters], str | None]:
    """Return a reader of `Authorization: <name> TOKEN`."""

    def read(headers: Headers, _parameters: Parameters) -> str | None:
        said, _, secret = headers.get("authorization", "").strip().partition(" ")
        return secret.strip() or None if said.lower() == name.lower() else None

    return read


def header(name: str) -> Callable[[Headers, Parameters], str | None]:
    """Return a reader of a header that holds the token and nothing else."""

    def read(headers: Headers, _parameters: Parameters) -> str | None:
        return headers.get(name.lower(), "").strip() or None

    return read


def parameter(name: str) -> Callable[[Headers, Parameters], str | None]:
    """Return a reader of the query string, for senders that can send no header."""

    def read(_headers: Headers, parameters: Parameters) -> str | None:
        return parameters.get(name, "").strip() or None

    return read


bearer = scheme("Bearer")


def basic(headers: Headers, parameters: Parameters) -> str | None:
    """The token is the password, whoever the user; without one it is the user."""
    packed = scheme("Basic")(headers, parameters)
    user, colon, password = _unpacked(packed).partition(":")
    return (password or user) if colon else None


def api_key(headers: Headers, parameters: Parameters) -> str | None:
    """Elastic's `ApiKey base64(id:key)`: the token is the key; or it comes bare."""
    packed = scheme("ApiKey")(headers, parameters)
    _, colon, key = _unpacked(packed).partition(":")
    return key if colon and key else packed


def _unpacked(packed: str | None) -> str:
    try:
        return base64.b64decode(packed or "", validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
