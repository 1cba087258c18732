"""How OTLP is answered: in the encoding of the request, errors as google.rpc.Status."""

from __future__ import annotations

from google.protobuf.message import Message

from sources.ingest.refusals import Answer, Headers, RefusedError
from sources.protocols import otlp

# What answers are written in when the request does not say what it is itself.
_DEFAULT = otlp.JSON
# What OTLP's senders do not try again, although they could.
_RETRYABLE_ELSEWHERE = {500: 503, 408: 503}


def request_encoding(headers: Headers) -> str:
    """Return otlp.PROTOBUF or otlp.JSON. Raises RefusedError."""
    try:
        return otlp.content_type(headers.get("content-type", ""))
    except otlp.UnknownContentTypeError as error:
        raise RefusedError(415, "unsupported_media_type", str(error)) from None


def accepted(message: Message, encoding: str) -> Answer:
    # Said also of an answer without content, as a full success is in protobuf.
    headers = {"Content-Type": encoding}
    return Answer(200, otlp.encode(message, encoding), encoding, headers)


def refuse(error: RefusedError, headers: Headers) -> Answer:
    try:
        encoding = otlp.content_type(headers.get("content-type", ""))
    except otlp.UnknownContentTypeError:
        encoding = _DEFAULT
    status = _RETRYABLE_ELSEWHERE.get(error.status, error.status)
    content = otlp.status(status, error.detail, encoding)
    return Answer(status, content, encoding, error.headers)
