"""What clients say on `/ws/live`, read and refused."""

from __future__ import annotations

from typing import Any

import orjson

from monitoring.live.filters import Filter, InvalidFilterError, compile_filter
from monitoring.live.replay import EventId, InvalidEventIdError
from monitoring.live.topics import Topic, UnknownTopicError, find

MAX_FRAME_BYTES = 16_384


class RefusedError(Exception):
    """The client's message is answered by an error."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


def parse(text_data: str | None, bytes_data: bytes | None) -> dict[str, Any]:
    """Return the message of a frame. Raises RefusedError, as all that follow."""
    if text_data is None or bytes_data is not None:
        raise RefusedError("not_text", "Send JSON in text frames.")
    if len(text_data) > MAX_FRAME_BYTES:
        raise RefusedError(
            "too_large", f"A message has at most {MAX_FRAME_BYTES} characters."
        )
    try:
        message = orjson.loads(text_data)
    except orjson.JSONDecodeError as error:
        raise RefusedError("not_json", f"Not JSON: {error}.") from None
    if not isinstance(message, dict):
        raise RefusedError(
            "not_an_object",
            'Send an object, as {"action": "subscribe", "topic": "logs"}.',
        )
    return message


def topic_of(message: dict[str, Any]) -> Topic:
    try:
        return find(message.get("topic"))
    except UnknownTopicError as error:
        raise RefusedError("unknown_topic", str(error.args[0])) from None


def filter_of(message: dict[str, Any]) -> Filter | None:
    try:
        return compile_filter(message.get("filter"))
    except InvalidFilterError as error:
        raise RefusedError("invalid_filter", str(error)) from None


def after_of(message: dict[str, Any]) -> EventId | None:
    if message.get("after") is None:
        return None
    try:
        return EventId.parse(message["after"])
    except InvalidEventIdError as error:
        raise RefusedError("invalid_after", str(error)) from None
