"""What OTLP's signals share: both encodings of a body, attributes, and how errors look.

Specification: opentelemetry-proto, docs/specification.md, "OTLP/HTTP".
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

import orjson
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from sources.protocols import MalformedBodyError

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

# google.rpc.Code of the HTTP statuses that are answered; anything else is UNKNOWN.
_CODES = {
    400: 3,  # INVALID_ARGUMENT
    401: 16,  # UNAUTHENTICATED
    403: 7,  # PERMISSION_DENIED
    404: 5,  # NOT_FOUND
    409: 9,  # FAILED_PRECONDITION
    413: 11,  # OUT_OF_RANGE
    415: 3,
    429: 8,  # RESOURCE_EXHAUSTED
    503: 14,  # UNAVAILABLE
}
_UNKNOWN = 2

# Ids are hexadecimal in OTLP's JSON, where protobuf's own JSON has base64.
_IDS = frozenset({"traceId", "spanId", "parentSpanId"})
# An attribute's arrays and maps may nest so deep; the encoders go no deeper either.
_MAX_DEPTH = 32

_NO_LABEL_CHARACTER = re.compile(r"[^a-zA-Z0-9_]")

Body = TypeVar("Body", bound=Message)


class UnknownContentTypeError(ValueError):
    """The body is neither protobuf nor JSON: to be answered with 415."""


class KeyValue(Protocol):
    """An attribute as the generated classes have it."""

    key: str

    @property
    def value(self) -> Any: ...


def content_type(header: str) -> str:
    """Return PROTOBUF or JSON, in which the answer is written too.

    Raises UnknownContentTypeError.
    """
    found = header.partition(";")[0].strip().lower()
    if found not in {PROTOBUF, JSON}:
        raise UnknownContentTypeError(
            f"Content-Type {found[:60]!r} is not supported: use {PROTOBUF} or {JSON}."
        )
    return found


def parse(body: bytes, encoding: str, message: type[Body]) -> Body:
    """Return the request of a body in the given encoding, PROTOBUF or JSON.

    Fields that are not known are ignored. Raises MalformedBodyError.
    """
    try:
        if encoding == PROTOBUF:
            return message.FromString(body)
        document = orjson.loads(body)
        if not isinstance(document, dict):
            raise TypeError("it is no object")  # noqa: TRY301 - one answer for all
        _ids_to_base64(document)
        return json_format.ParseDict(document, message(), ignore_unknown_fields=True)
    except DecodeError:
        raise MalformedBodyError(
            f"The body is no {message.DESCRIPTOR.full_name} in protobuf."
        ) from None
    except orjson.JSONDecodeError as error:
        raise MalformedBodyError(f"The body is not JSON: {error}.") from None
    except (
        json_format.ParseError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
    ) as error:
        raise MalformedBodyError(
            f"The body is no {message.DESCRIPTOR.full_name} in JSON: {error}"
        ) from None


def _ids_to_base64(document: Any) -> None:
    """Raises ValueError for an id that is not hexadecimal."""
    waiting = [document]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            for name in _IDS.intersection(item):
                item[name] = _id_to_base64(name, item[name])
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _id_to_base64(name: str, value: Any) -> str:
    try:
        return base64.b64encode(bytes.fromhex(value)).decode()
    except (ValueError, TypeError, binascii.Error):
        raise ValueError(f"{name} is not hexadecimal") from None


def encode(message: Message, encoding: str) -> bytes:
    """Return an answer in the encoding of its request."""
    if encoding == PROTOBUF:
        return message.SerializeToString()
    return orjson.dumps(json_format.MessageToDict(message))


def status(http_status: int, text: str, encoding: str) -> bytes:
    """Return a google.rpc.Status: how every error of OTLP is told."""
    code = _CODES.get(http_status, _UNKNOWN)
    if encoding != PROTOBUF:
        return orjson.dumps({"code": code, "message": text})
    said = text.encode()
    return bytes([0x08, code, 0x12]) + _varint(len(said)) + said


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= 0x80:  # noqa: PLR2004 - seven bits a byte
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def text_of(value: Any) -> str:
    """Return an AnyValue as text; arrays and maps are compact JSON."""
    return text_of_plain(plain_of(value))


def text_of_plain(plain: Any) -> str:
    """Return what `plain_of` has returned as text."""
    if isinstance(plain, str):
        return plain
    if isinstance(plain, float) and plain.is_integer() and abs(plain) < 1e15:  # noqa: PLR2004 - exact
        return str(int(plain))
    if isinstance(plain, float):
        return repr(plain)
    return "" if plain is None else orjson.dumps(plain).decode()


def plain_of(value: Any, depth: int = 0) -> Any:
    """Return an AnyValue as Python's own; bytes are base64, too deep a value is None."""
    kind = value.WhichOneof("value")
    if kind is None or depth > _MAX_DEPTH:
        return None
    if kind == "array_value":
        return [plain_of(item, depth + 1) for item in value.array_value.values]
    if kind == "kvlist_value":
        pairs = value.kvlist_value.values
        return {pair.key: plain_of(pair.value, depth + 1) for pair in pairs}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return getattr(value, kind)


def attributes_to_labels(attributes: Iterable[KeyValue]) -> dict[str, str]:
    """Return attributes as labels; two whose names become one share it, by ";".

    They are joined in the order of their own names, so that the label set is the same
    whichever came first.
    """
    texts = sorted((pair.key, text_of(pair.value)) for pair in attributes if pair.key)
    return joined_labels(texts)


def joined_labels(texts: Iterable[tuple[str, str]]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for key, text in texts:
        name = label_name(key)
        labels[name] = f"{labels[name]};{text}" if name in labels else text
    return labels


def label_name(key: str) -> str:
    """Return an attribute's name as Prometheus has it: letters, digits and _."""
    name = _NO_LABEL_CHARACTER.sub("_", key)
    if name[:1].isdigit():
        return f"key_{name}"
    if name.startswith("_") and not name.startswith("__"):
        return f"key{name}"
    return name


def identity(resource: Mapping[str, str]) -> dict[str, str]:
    """Return `job` and `instance` of a resource, as far as it says them.

    `resource` has the attributes' own names, not those of labels.
    """
    name = resource.get("service.name", "")
    namespace = resource.get("service.namespace", "")
    job = f"{namespace}/{name}" if namespace and name else name
    labels = {"job": job, "instance": resource.get("service.instance.id", "")}
    return {label: value for label, value in labels.items() if value}
